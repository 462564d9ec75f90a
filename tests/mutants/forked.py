"""Runs tests on a tree that changes between two runs: a process for each run, forked from one that has the libraries in it already.

    PYTHON forked.py FOLDER < requests > answers

One JSON line in, one out, in FOLDER's tree. ``{"tests": […], "seconds": 60}`` is answered by ``{"passed": true}``. With ``"lines": "wire"``
the answer also has ``failed``, and ``covered``: the tests that run each line of that package (``{"wire/sse.py:12": [test, …]}``). With
``"times": true`` it has ``times``: the seconds of each test that passed, measured without a tracer.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import httpx  # noqa: F401  what is imported here costs no run anything
import hypothesis  # noqa: F401
import jsonschema  # noqa: F401
import openapi_core  # noqa: F401
import pytest

import echosounder.specs  # never mutated

QUIET = ("-q", "-p", "no:cacheprovider", "-m", "not field and not docs")


class Times:
    """A pytest plugin: which tests failed, and how long each other one takes, with its fixtures."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.took: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed += [report.nodeid] if report.failed else []
        self.took[report.nodeid] += report.duration

    def told(self) -> dict[str, Any]:
        return {"times": {test: spent for test, spent in self.took.items() if test not in self.failed}}


class Lines(Times):
    """A pytest plugin: which lines of a package each test runs. What a fixture of several tests runs counts for its whole file."""

    def __init__(self, package: str) -> None:
        super().__init__()
        self._below = f"/echosounder/{package}/"
        self._seen: dict[str, set[str]] = defaultdict(set)
        self._who = ""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        yield from self._watched(item.nodeid.partition("::")[0])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        yield from self._watched(item.nodeid)

    def _watched(self, who: str) -> Iterator[None]:
        self._who = who
        sys.settrace(self._enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)

    def _enter(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._line if self._below in frame.f_code.co_filename else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_code.co_filename.rpartition("/echosounder/")[2]
        self._seen[f"{name}:{frame.f_lineno}"].add(self._who)
        return self._line

    def told(self) -> dict[str, Any]:
        of_file = defaultdict(set)
        for test in self.took.keys() - self.failed:
            of_file[test.partition("::")[0]].add(test)
        tests = {line: set().union(*(of_file.get(who, {who}) for who in whom)) for line, whom in self._seen.items()}
        return {"failed": self.failed, "covered": {line: sorted(found) for line, found in tests.items()}}


def run(asked: dict[str, Any], out: int) -> int:
    """In a process of its own: pytest's exit code. What a test covers is written to *out*."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    watching = Lines(asked["lines"]) if "lines" in asked else Times() if "times" in asked else None
    code = int(pytest.main([*QUIET, *([] if watching else ["-x"]), *asked["tests"]], [watching] if watching else []))
    with open(out, "w", encoding="utf-8") as answer:
        json.dump({"passed": code == 0} | (watching.told() if watching else {}), answer)
    return code


def answered(asked: dict[str, Any]) -> dict[str, Any]:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        os.close(reader)
        signal.alarm(int(asked["seconds"]) + 1)  # a mutant that hangs is a dead one
        try:
            os._exit(run(asked, writer))
        finally:
            os._exit(3)
    os.close(writer)
    with open(reader, encoding="utf-8") as answer:
        told = answer.read()
    os.waitpid(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # servers that its tests had started
    return json.loads(told) if told else {"passed": False}


def main() -> None:
    os.chdir(sys.argv[1])
    for profile in echosounder.specs.PROFILES:
        echosounder.specs.document(profile)
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
