"""Hypothesis looks for wrong answers, not slow ones: a deadline would be a wall-clock guess. CI repeats itself, people explore.

The options are for `make anywhere`, which runs the suite in other orders and at other times of day.
"""

import inspect
import json
import os
import random
import signal
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator

from echosounder.wire.runlog import schema

settings.register_profile(
    "echosounder",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("echosounder")


@pytest.fixture(scope="session")
def breaches():
    """What in the lines of a log is not of the schema of run.jsonl."""
    lines = Draft202012Validator(schema())

    def found(log: Path) -> list[tuple[str, str]]:
        records = map(json.loads, log.read_text(encoding="utf-8").splitlines())
        return [(error.json_path, error.message[:100]) for record in records for error in lines.iter_errors(record)]

    return found


DAY = 86_400
SHIFT = "ECHOSOUNDER_INSTANT_SHIFT"  # anywhere/sitecustomize.py


def pytest_addoption(parser: pytest.Parser) -> None:
    options = parser.getgroup("anywhere", "other orders, other times of day")
    options.addoption(
        "--shuffle", type=int, metavar="SEED", help="files, and the tests of each, in an order of that seed"
    )
    options.addoption("--twice", action="store_true", help="all tests, and then all again in the same process")
    options.addoption("--midnight", action="store_true", help="each test begins in the last second of a day, UTC")


def pytest_configure(config: pytest.Config) -> None:
    # Whatever a script starts in the background ignores Ctrl-C, and so would each process that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("midnight"):
        config.pluginmanager.register(Midnight(os.environ.get("PYTEST_XDIST_WORKER", "")), "midnight")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Pytest itself, in between, brings together what shares a parametrised fixture, and drops what is there twice."""
    if (seed := config.getoption("shuffle")) is not None:
        items[:] = shuffled(items, seed)
    yield
    if config.getoption("twice"):
        items += items


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """`best_of(n)`: other processes make what is in time look late, and never the reverse; so once in *n* tries must hold."""
    marker = pyfuncitem.get_closest_marker("best_of")
    given = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    for _ in range(marker.args[0] - 1 if marker else 0):
        with suppress(AssertionError):
            pyfuncitem.obj(**given)
            return True
    return None  # the last try is pytest's own


def shuffled(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """The tests of a file stay together, for its fixtures are made once."""
    dice = random.Random(seed)
    files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    for tests in [files, *files]:
        dice.shuffle(tests)
    return [test for tests in files for test in tests]


class Midnight:
    """Moves the clock of this process and of all below to the last second before the next midnight, test by test."""

    def __init__(self, worker: str) -> None:
        if SHIFT not in os.environ:
            raise pytest.UsageError(
                f"--midnight needs the clock of tests/anywhere and a file of eight bytes in {SHIFT}"
            )
        self._path = Path(os.environ[SHIFT])
        if worker:  # each has midnights of its own
            self._path = self._path.with_name(f"{self._path.name}-{worker}")
            self._path.write_bytes(Path(os.environ[SHIFT]).read_bytes())
            os.environ[SHIFT] = str(self._path)
            sys.modules["sitecustomize"].shift.follow(self._path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        left = DAY - time.time() % DAY
        if left > 1:
            (shift,) = struct.unpack("d", self._path.read_bytes())
            with self._path.open("r+b") as file:
                file.write(struct.pack("d", shift + left - 1))
