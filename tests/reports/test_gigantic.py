"""A hundred thousand exchanges: every command that reads a run ends in half a minute, in half a gigabyte."""

import json
import os
import random
import sys
import time

import pytest

from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.runlog import RunWriter, exchange_record

HEADER = Header(kind_of_run=RunKind.CHECK, started="2026-11-22T09:30:00+00:00", target=Aimed("http://h"))

pytestmark = [pytest.mark.field, pytest.mark.timeout(600)]
COUNT = 100_000


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def check(runs, make_stream, make_check, make_requirement, make_finding):
    """3,300 findings about 3,300 of 100,000 streamed exchanges of 20 events; once for the module, for it takes a while."""
    folder = runs / "check"
    if not folder.exists():
        text = json.dumps(exchange_record(make_stream("ID", [f"word {i}" for i in range(20)])))
        log(folder, "exchange", lambda number: json.loads(text.replace('"ID"', f'"{number}"')))
        rows = [
            make_requirement(f"a{n % 9}.r{n}", "MUST", "fail", [found(make_finding, n, i) for i in range(10)])
            for n in range(330)
        ]
        (folder / "report.json").write_text(json.dumps(make_check(rows)), encoding="utf-8")
    return folder


def found(make_finding, row, index):
    return make_finding("m" * 200, str(row * 300 + index), index % 20)


@pytest.fixture
def load(runs, make_sample, load_report):
    folder = runs / "load"
    if not folder.exists():
        rng = random.Random(1)
        log(folder, "sample", lambda number: make_sample(number, rng))
        (folder / "report.json").write_text(json.dumps(load_report), encoding="utf-8")
    return folder


def log(folder, kind, record):
    with RunWriter(folder / "run.jsonl", HEADER) as writer:
        for number in range(COUNT):
            writer._file.write(json.dumps({"kind": kind, **record(number)}) + "\n")


def measured(folder, *arguments):
    """Seconds and megabytes of one command, and what it printed; its exit code must say that it could."""
    with (folder / "out.txt").open("wb") as out:
        begin = time.monotonic()
        command = [sys.executable, "-m", "echosounder", *map(str, arguments)]
        pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)])
        _, status, usage = os.wait4(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return time.monotonic() - begin, usage.ru_maxrss / 1024, (folder / "out.txt").stat().st_size


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "check", "--format", "html"],
        ["report", "check", "--format", "sarif"],
        ["report", "load", "--format", "html"],
        ["matrix", "one=check", "other=check", "--out", "page"],
        ["history", ".", "--out", "history.html"],
        ["compare", "check", "check"],
        ["compare", "load", "load"],
    ],
    ids=" ".join,
)
def test_it_takes_half_a_minute_and_half_a_gigabyte_at_most(arguments, check, load, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(runs)
    seconds, megabytes, printed = measured(tmp_path, *arguments)
    print(f"{' '.join(arguments)}: {seconds:.1f} s, {megabytes:.0f} MB, printed {printed:,} bytes")
    assert seconds < 30
    assert megabytes < 500
    assert printed < (2_000_000 if "html" in arguments else 10_000_000)
