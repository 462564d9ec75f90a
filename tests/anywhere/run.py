"""The suite at other times of day, in other zones, locales and orders, without IPv6, as another user, and on a busy machine.

``python tests/anywhere/run.py [row ...] [-- pytest's arguments]``, or `make anywhere`. A row costs a run of the suite, so each
changes several things that have nothing to do with each other. What a row sets is printed before it.
"""

import os
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITE = ("-m", "not field and not docs")
PARALLEL = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
OWNER = "65534:65534"
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")
WITHOUT_IPV6 = (
    "unshare",
    "--net",
    "sh",
    "-ec",
    'ip link set lo up; sysctl -qw net.ipv6.conf.all.disable_ipv6=1; exec "$@"',
    "sh",
)
SPIN = "while True: pass"


SAMPLE = [
    "tests/wire",
    "tests/judgement",
    "tests/specs/test_prices.py",
    "tests/load/pricing",
    "tests/load/test_load_tally.py",
    "tests/echosounder/test_check_plan.py",
    "tests/echosounder/test_rate_limit.py",
    "tests/echosounder/test_main_job.py",
    "tests/echosounder/test_settings.py",
    "tests/mock_server/admission",
    "tests/mock_server/test_truth.py",
    "tests/reports/test_formats.py",
    "tests/reports/test_history.py",
    "tests/reports/test_text.py",
]


@dataclass(frozen=True)
class Row:
    """What differs from `make test`: the instant at which the clock starts, variables, pytest's options, and a command in front."""

    instant: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    options: Sequence[str] = PARALLEL
    front: Sequence[str] = ()
    busy: int = 0  # processes that do nothing but compute
    elsewhere: bool = False  # in a copy with an environment of its own, below a folder with a blank in its name


# Prices double at 01-04 and 06-10 UTC on working days in China.
ROWS = {
    "peak-morning": Row(
        "2026-12-02T02:00Z", {"TZ": "Asia/Shanghai", "PYTHONHASHSEED": "1"}, (*PARALLEL, "--shuffle=1")
    ),
    "peak-afternoon": Row("2027-12-01T08:00Z", {"PYTHONHASHSEED": "2"}, (*PARALLEL, "--shuffle=2")),
    "midnight": Row("2026-12-31T23:59:59Z", {"TZ": "America/St_Johns"}, (*PARALLEL, "--midnight")),
    "leap-day": Row(
        "2028-02-29T03:00Z",
        {"TZ": "Pacific/Apia", "LC_ALL": "C", "PYTHONUTF8": "0"},
        (*PARALLEL, "--shuffle=3"),
    ),
    "saturday": Row("2026-12-05T02:00Z", {"LC_ALL": "C", "PYTHONHASHSEED": "3"}, ("--twice", "--shuffle=4")),
    "holiday": Row("2026-10-01T07:00Z", front=NOBODY, elsewhere=True),
    "without-ipv6": Row(front=WITHOUT_IPV6),
    "busy": Row(busy=6),
    # What reads a clock, a price, a file or an order, and is quick.
    "sample": Row(
        "2028-02-29T03:00Z",
        {"TZ": "America/St_Johns", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONHASHSEED": "4"},
        (*PARALLEL, "--shuffle=5", *SAMPLE),
    ),
}


def main(arguments: Sequence[str]) -> int:
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    names, more = arguments[:cut], arguments[cut + 1 :]
    if unknown := set(names) - set(ROWS):
        print(f"no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
        return 2
    failed = [name for name in names or ROWS if not passes(name, ROWS[name], more)]
    print(f"failed: {', '.join(failed)}" if failed else "all rows passed", flush=True)
    return bool(failed)


def passes(name: str, row: Row, more: Sequence[str]) -> bool:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"echosounder-{name}-")))
        folder.chmod(0o755)
        root = copied(folder / "a folder with blanks") if row.elsewhere else ROOT
        environment = row.environment | (shifted(folder / "shift", row.instant) if row.instant else {})
        if row.elsewhere:
            environment |= {"HOME": "/nonexistent", "TMPDIR": str(writable(folder / "tmp"))}
        command = [*row.front, str(root / ".venv/bin/python"), "-m", "pytest", "--quiet", *SUITE, *row.options, *more]
        variables = " ".join(f"{key}={shlex.quote(value)}" for key, value in environment.items())
        print(f"\n== {name} ({row.instant or 'now'}): {variables} {shlex.join(command)}", flush=True)
        stack.enter_context(computing(row.busy))
        begin = time.monotonic()
        done = subprocess.run(command, cwd=root, env=os.environ | environment, check=False)
    print(f"== {name}: exit code {done.returncode} after {time.monotonic() - begin:.0f} s", flush=True)
    return done.returncode == 0


def shifted(path: Path, instant: str) -> dict[str, str]:
    path.write_bytes(struct.pack("d", datetime.fromisoformat(instant).timestamp() - time.time()))
    path.chmod(0o666)
    return {"ECHOSOUNDER_INSTANT_SHIFT": str(path), "PYTHONPATH": str(Path(__file__).parent)}


def copied(target: Path) -> Path:
    """What is committed, with an environment of its own, where an ordinary user may write."""
    subprocess.run(["git", "clone", "--quiet", ROOT, target], check=True)
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable  # not one in somebody's home
    subprocess.run(["make", "setup", f"PYTHON={python}"], cwd=target, check=True)
    subprocess.run(["chown", "-R", OWNER, target.parent], check=True)  # git takes no one else's repository
    return target


def writable(path: Path) -> Path:
    path.mkdir()
    path.chmod(0o777)
    return path


@contextmanager
def computing(count: int) -> Iterator[None]:
    started = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
