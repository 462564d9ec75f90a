"""The wheel works without the repository beside it: every package, every data file, and nobody else's names."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from functools import reduce
from pathlib import Path

import pytest

from echosounder.mock_server.net.process import spawn

ROOT = Path(__file__).parents[1]
LINKED = {"specs", "wire", "judgement", "conformance", "load", "mock_server", "reports"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_one_name_of_ours_stands_in_site_packages(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"echosounder"}


def test_it_holds_every_tracked_file_of_the_packages(wheel):
    listed = subprocess.run(
        ["git", "ls-files", "echosounder", *sorted(LINKED)], cwd=ROOT, check=True, capture_output=True, encoding="utf-8"
    )
    tracked = {path if path.startswith("echosounder/") else f"echosounder/{path}" for path in listed.stdout.split()}
    tracked -= {f"echosounder/{link}" for link in LINKED}
    assert tracked - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_the_source_distribution_holds_every_tracked_file(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        held = {name.split("/", 1)[1] for name in archive.getnames()}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, encoding="utf-8")
    tracked = set(listed.stdout.split("\n")) - {"", *(f"echosounder/{link}" for link in LINKED)}
    assert tracked - held == set()


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """An interpreter that has the wheel and our libraries, and the repository nowhere on its path."""
    folder = tmp_path_factory.mktemp("elsewhere")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    libraries = sysconfig.get_path(
        "purelib"
    )  # a path in a .pth file is added, and the .pth files in there are not read
    (site / "elsewhere.pth").write_text(f"{folder / 'site'}\n{libraries}\n", encoding="utf-8")
    return folder / "venv" / "bin" / "python"


def python(interpreter, folder, *arguments, **variables):
    command = [str(interpreter), *arguments]
    return subprocess.run(
        command, cwd=folder, env=os.environ | variables, capture_output=True, encoding="utf-8", timeout=90, check=False
    )


def test_it_checks_its_mock_from_elsewhere(elsewhere, tmp_path):
    where = python(
        elsewhere, tmp_path, "-c", "import sys; from echosounder import reports; print(reports.__file__, sys.path)"
    )
    others = (
        str(Path(sys.executable).parents[1]),
        str(ROOT / "tests" / "anywhere"),
    )  # our libraries, and what shifts the clock
    assert str(ROOT) not in reduce(lambda path, other: path.replace(other, ""), others, where.stdout)
    done = python(elsewhere, tmp_path, "-m", "echosounder", "check", "--suite", "smoke", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stdout + done.stderr


NAMES = ("specs", "wire", "judgement", "conformance", "load", "mock_server", "reports", "benchmarks")


@pytest.fixture(params=["packages", "modules"])
def project(request, tmp_path):
    """Somebody's project that has our folders' names for its own, and breaks whoever takes them for ours."""
    for name in NAMES:
        path = tmp_path / name / "__init__.py" if request.param == "packages" else tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"THEIRS = {name!r}\n", encoding="utf-8")
    test = (
        "\n".join(f"import {name}\nassert {name}.THEIRS == {name!r}" for name in NAMES) + "\ndef test_theirs(): pass\n"
    )
    (tmp_path / "test_theirs.py").write_text(test, encoding="utf-8")
    return tmp_path


def test_a_project_may_have_folders_and_modules_of_our_names(elsewhere, project):
    tested = python(elsewhere, project, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    check, load = ["check", "--suite", "smoke"], ["load", "streaming", "--users", "2", "--duration", "500ms"]
    for command, codes in ((check, {0}), (load, {0, 4})):  # 4: it was measured, on a machine that is too busy
        done = python(elsewhere, project, "-m", "echosounder", *command)
        assert done.returncode in codes, done.stdout + done.stderr


def test_the_conformance_suite_runs_in_such_a_project(elsewhere, project):
    with spawn(ttft_ms=0, itl_ms=0) as mock:
        suite = ("--pyargs", "echosounder.conformance.suite", "--echo-target", mock.url, "--echo-suite", "smoke")
        done = python(elsewhere, project, "-m", "pytest", "-q", *suite, DEEPSEEK_API_KEY="sk-test-0123456789")
    assert done.returncode == 0, done.stdout + done.stderr


LOCKS = sorted(path for path in ROOT.rglob("*.lock") if not path.relative_to(ROOT).parts[0].startswith("."))
PIN = re.compile(
    r"(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;]+)(?: ;[^\\]+)? \\(?P<hashes>(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+)\n"
)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_is_versions_and_hashes_alone(lock):
    """No extras, which old pips take past the hashes; no addresses, for each machine has its own."""
    assert PIN.sub("", lock.read_text(encoding="utf-8")) == ""


def pins(name):
    return {pin["name"]: pin["version"] for pin in PIN.finditer((ROOT / name).read_text(encoding="utf-8"))}


def test_users_and_developers_have_the_same_versions():
    users = pins("requirements.lock")
    assert users.items() <= pins("requirements-dev.lock").items()
    assert not {"mypy", "ruff", "selenium", "openai", "zensical", "uv"} & users.keys()


@pytest.mark.parametrize("path", ["Makefile", "Dockerfile", "action.yml", "ci/gitlab-ci.yml", "ci/install", ".ci/run"])
def test_nothing_is_installed_but_from_a_lock(path):
    """Each ``pip install`` resolves nothing, and what it takes is pinned by hash, is ours, or (torch) pinned by version; and where
    something is built, it is built with what is there already: isolation would fetch the newest of the tools that it names."""
    text = (ROOT / path).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [
        line.replace("$(INSTALL)", "pip install --no-deps") for line in text.splitlines() if "INSTALL :=" not in line
    ]
    installs = [line for line in lines if re.search(r"\bpip\b.* install ", line) and "apt-get" not in line]
    assert [line for line in installs if "--no-deps" not in line] == []
    assert [line for line in installs if not re.search("--only-binary :all:|--no-build-isolation", line)] == []


def test_whatever_is_installed_by_that_name_is_held_against_hashes():
    (macro,) = re.findall(r"^INSTALL := (.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert {"--require-hashes", "--no-deps"} <= set(macro.split())
