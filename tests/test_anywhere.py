"""What `make anywhere` changes about a run of the suite: the clock of every process below, the order, the repetition."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEW_YEAR_2030 = 1_893_456_000
# Everything that tells the time of day, as a process and its child see it: in seconds since 1970.
CLOCKS = """
import datetime, json, logging, subprocess, sys, time
from calendar import timegm
from datetime import UTC, datetime as moment
clocks = {
    "time": time.time(), "time_ns": time.time_ns() / 1e9, "clock_gettime": time.clock_gettime(time.CLOCK_REALTIME),
    "now": moment.now().timestamp(), "now(UTC)": moment.now(UTC).timestamp(), "today": moment.today().timestamp(),
    "utcnow": moment.utcnow().replace(tzinfo=UTC).timestamp(), "gmtime": timegm(time.gmtime()),
    "localtime": time.mktime(time.localtime()), "strftime": time.mktime(time.strptime(time.strftime("%c"), "%c")),
    "ctime": time.mktime(time.strptime(time.ctime())), "asctime": time.mktime(time.strptime(time.asctime())),
    "log": logging.makeLogRecord({}).created, "log line": time.mktime(logging.Formatter().converter(time.time())),
    "date": 86400 * (datetime.date.today() - datetime.date(1970, 1, 1)).days,
}
if len(sys.argv) > 1:
    child = subprocess.run([sys.executable, "-W", "ignore", "-c", sys.argv[1]], capture_output=True, check=True)
    clocks |= {"child's " + name: at for name, at in json.loads(child.stdout).items()}
print(json.dumps(clocks))
"""


def shifted(tmp_path, instant):
    (tmp_path / "shift").touch()
    now = (tmp_path / "shift").stat().st_mtime  # the kernel's: the clock of this process may be shifted itself
    (tmp_path / "shift").write_bytes(struct.pack("d", instant - now))
    paths = {"PYTHONPATH": str(ROOT / "tests" / "anywhere"), "ECHOSOUNDER_INSTANT_SHIFT": str(tmp_path / "shift")}
    return os.environ | paths


def python(code, *words, env, options=()):
    command = [sys.executable, "-W", "ignore", *options, "-c", code, *words]
    return subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=True).stdout


def test_every_look_at_the_clock_is_shifted_in_a_process_and_in_its_children(tmp_path):
    zone = {"TZ": "Asia/Kathmandu"}
    clocks = json.loads(python(CLOCKS, CLOCKS, env=shifted(tmp_path, NEW_YEAR_2030) | zone))
    assert len(clocks) == 30
    assert {name for name, at in clocks.items() if not -1 <= at - NEW_YEAR_2030 < 3600} == set()


def test_waiting_takes_as_long_as_ever(tmp_path):
    code = "import time; a = time.monotonic(), time.time(); time.sleep(.2); print(time.monotonic() - a[0], time.time() - a[1])"
    monotonic, wall = map(float, python(code, env=shifted(tmp_path, NEW_YEAR_2030)).split())
    assert monotonic >= 0.2
    assert wall == pytest.approx(monotonic, abs=0.01)


SUITE = """
import time
import pytest
@pytest.mark.parametrize("number", range(30))
def test_it(number):
    with open("told", "a", encoding="utf-8") as file:
        print(number, time.strftime("%H:%M:%S", time.gmtime()), file=file)
"""


@pytest.fixture
def told(tmp_path):
    """The numbers and the times that a suite of thirty tests tells when it is run with some options."""
    (tmp_path / "conftest.py").write_text(
        (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (tmp_path / "test_it.py").write_text(SUITE, encoding="utf-8")

    def run(*options):
        (tmp_path / "told").unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        subprocess.run(command, cwd=tmp_path, env=shifted(tmp_path, NEW_YEAR_2030), capture_output=True, check=True)
        return [line.split() for line in (tmp_path / "told").read_text(encoding="utf-8").splitlines()]

    return run


def test_a_seed_is_an_order(told):
    orders = [[int(number) for number, _ in told(*options)] for options in ((), ("--shuffle=1",), ("--shuffle=1",))]
    assert orders[0] == list(range(30)) != orders[1] == orders[2]
    assert sorted(orders[1]) == orders[0]


def test_twice_is_all_and_then_all_again(told):
    assert [int(number) for number, _ in told("--twice")] == [*range(30), *range(30)]


def test_each_test_begins_in_the_last_second_of_a_day(told):
    assert {at for _, at in told("--midnight")} == {"23:59:59"}
