"""Builds the distributions, installs them as people do, and does the main job from there, outside the repository.

    .field/packaging/bin/python tests/packaging/built.py [--python PYTHON …] [VERB …]

``sources``  the source distribution builds the same wheel        ``pip``     newest versions under each PYTHON: plain, then with load
``lowest``   the lowest versions that pyproject.toml allows       ``uv``      uv tool install, uvx
``pipx``     pipx install                                         ``locks``   every lock with the oldest and the newest pip: ours are
                                                                  installed, all others fetched and held against their hashes
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
LOCKED = ("requirements.lock", "requirements-dev.lock")
WHOLE = ("--require-hashes", "--no-deps")
WHEELS = ("--only-binary", ":all:")
SOURCES = {  # what comes as source is built with the tools of a lock of their own
    "tests/field/llama.lock": "tests/field/llama-build.lock",
    "tests/mutants/tools.lock": "tests/mutants/build.lock",
}
OLDEST_PIP = "pip==22.3"  # which CPython 3.11.0 brought
# Run against the lowest versions: what the libraries that we call give back, and the plugin in their pytest. Their pytest falls over the
# finder that pygal leaves behind unless test modules are imported the old way.
SMOKE = ("tests/reports", "tests/echosounder/test_pytest_front_end.py", "tests/load/test_load_figures.py")
SLOW = "--ignore=tests/reports/test_gigantic.py"  # its bounds are for a machine of its own
OLD_WAY = ("-o", "addopts=-p no:locust --import-mode=prepend", "-p", "no:cacheprovider")


def run(*command: str | Path, cwd: Path, code: int = 0, **variables: str) -> str:
    """What it printed. Ends this program where the exit code is not *code*."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")} | variables
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=env, capture_output=True, encoding="utf-8", timeout=900, check=False
    )
    if done.returncode != code:
        sys.exit(
            f"{' '.join(map(str, command))}: {done.returncode}, not {code}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done.stdout + done.stderr


def build(folder: Path) -> Path:
    run(ROOT / ".venv/bin/python", "-m", "hatchling", "build", "--directory", folder, cwd=ROOT)
    return next(folder.glob("*.whl"))


def python(folder: Path, base: str = sys.executable) -> Path:
    run(base, "-m", "venv", folder, cwd=folder.parent)
    return folder / "bin" / "python"


def pip(interpreter: Path, *what: str | Path) -> None:
    run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what, cwd=interpreter.parent)
    run(interpreter, "-m", "pip", "check", cwd=interpreter.parent)


def main_job(echosounder: Iterable[str | Path], folder: Path, load: bool) -> None:
    """The bundled mock is checked, then loaded; where the extra is missing, its name is said in one line."""
    command = [*echosounder]
    run(*command, "check", "--suite", "smoke", "--out", "checked", cwd=folder)
    run(*command, "score", "checked", cwd=folder)
    run(*command, "list", "scenarios", cwd=folder)
    options = ("load", "streaming", "--users", "2", "--duration", "1s", "--out", "loaded")
    said = run(*command, *options, cwd=folder, code=0 if load else 2)
    if not load and said != "echosounder: a load needs the extra: pip install 'echosounder[load]'\n":
        sys.exit(f"the missing extra is not named in one line:\n{said}")


def sources(wheel: Path, folder: Path) -> None:
    """The source distribution holds all that is tracked, and builds from itself the wheel that the checkout builds."""
    with zipfile.ZipFile(wheel) as archive:
        expected = {info.filename: info.CRC for info in archive.infolist() if not info.filename.endswith("/RECORD")}
    shutil.unpack_archive(next(wheel.parent.glob("*.tar.gz")), folder)
    source = next(folder.glob("echosounder-*"))
    run(ROOT / ".venv/bin/python", "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=source)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        made = {info.filename: info.CRC for info in archive.infolist() if not info.filename.endswith("/RECORD")}
    if made != expected:
        sys.exit(f"the wheel of the source distribution differs in {sorted(made.items() ^ expected.items())}")
    tracked = set(run("git", "ls-files", cwd=ROOT).split("\n")) - {""}
    linked = {f"echosounder/{path.name}" for path in (ROOT / "echosounder").iterdir() if path.is_symlink()}
    if missing := [path for path in tracked - linked if not (source / path).exists()]:
        sys.exit(f"the source distribution lacks {sorted(missing)}")


def newest(wheel: Path, folder: Path, pythons: Iterable[str] = (sys.executable,)) -> None:
    for version, base in by_version(pythons).items():
        place = folder / version
        place.mkdir()
        plain = python(place / "plain", base)
        pip(plain, wheel)
        main_job([plain, "-m", "echosounder"], place, load=False)
        pip(plain, f"{wheel}[load]")
        main_job([plain.parent / "echosounder"], place, load=True)
        print(f"Python {version}: works", flush=True)


def by_version(pythons: Iterable[str]) -> dict[str, str]:
    """One interpreter of each version; a name behind which none stands (a shim) is left out."""
    found: dict[str, str] = {}
    for path in pythons:
        asked = subprocess.run(
            [path, "-c", "import platform; print(platform.python_version())"],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if asked.returncode == 0:
            found.setdefault(asked.stdout.strip(), path)
    return found


def lowest(wheel: Path, folder: Path) -> None:
    """The bounds of pyproject.toml are true: what they allow is installed as low as it goes, and works."""
    pins = folder / "lowest.txt"
    resolve = ("pip", "compile", "--quiet", "--resolution", "lowest-direct", "--all-extras", "--python", sys.executable)
    run(TOOLS / "uv", *resolve, ROOT / "pyproject.toml", "--output-file", pins, cwd=folder)
    old = python(folder / "old")
    pip(old, "--only-binary", ":all:", "--requirement", pins, wheel)
    main_job([old.parent / "echosounder"], folder, load=True)
    pip(old, "--constraint", pins, "pytest-timeout", "selenium", "openai")
    run(old, "-m", "pytest", "-q", *OLD_WAY, SLOW, *(ROOT / path for path in SMOKE), cwd=ROOT)


def uv(wheel: Path, folder: Path) -> None:
    home = {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin"), "UV_PYTHON": sys.executable}
    run(TOOLS / "uv", "tool", "install", "--quiet", wheel, cwd=folder, **home)
    main_job([folder / "bin" / "echosounder"], folder, load=False)
    run(TOOLS / "uvx", "--from", wheel, "echosounder", "--version", cwd=folder, **home)


def pipx(wheel: Path, folder: Path) -> None:
    home = {
        "PIPX_HOME": str(folder / "pipx"),
        "PIPX_BIN_DIR": str(folder / "bin"),
        "PIPX_DEFAULT_PYTHON": sys.executable,
    }
    run(TOOLS / "pipx", "install", "--quiet", wheel, cwd=folder, **home)
    main_job([folder / "bin" / "echosounder"], folder, load=False)


def locks(wheel: Path, folder: Path) -> None:
    """With the pip that the first supported Python brought, and with the newest that the tools' lock knows."""
    lines = (ROOT / "tests/packaging/tools.lock").read_text(encoding="utf-8").splitlines()
    newest_pip = next(line.split()[0] for line in lines if line.startswith("pip=="))
    others = sorted({*run("git", "ls-files", "*.lock", cwd=ROOT).split()} - {*LOCKED})
    for which in (OLDEST_PIP, newest_pip):
        for name in LOCKED:
            pip(with_pip(which, folder / f"{name} {which}"), *WHOLE, *WHEELS, "--requirement", ROOT / name)
        empty = with_pip(which, folder / which)
        for name in others:
            how = WHEELS
            if name in SOURCES:
                pip(empty, *WHOLE, *WHEELS, "--requirement", ROOT / SOURCES[name])
                how = ("--no-build-isolation",)
            pip(empty, "--dry-run", *WHOLE, *how, "--requirement", ROOT / name)
        print(f"{which}: {len(LOCKED)} locks installed, {len(others)} fetched", flush=True)


def with_pip(which: str, folder: Path) -> Path:
    interpreter = python(folder)
    pip(interpreter, which)
    return interpreter


VERBS: dict[str, Callable[[Path, Path], None]] = {
    "sources": sources, "pip": newest, "lowest": lowest, "uv": uv, "pipx": pipx, "locks": locks,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verbs", nargs="*", metavar="VERB", default=list(VERBS), help="all of them by default")
    parser.add_argument("--python", action="append", dest="pythons", help="for the verb pip; may be repeated")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        wheel = build(Path(folder) / "dist")
        for verb in given.verbs:
            begin = time.monotonic()
            (Path(folder) / verb).mkdir()
            if verb == "pip" and given.pythons:
                newest(wheel, Path(folder) / verb, given.pythons)
            else:
                VERBS[verb](wheel, Path(folder) / verb)
            print(f"{verb}: works ({time.monotonic() - begin:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
