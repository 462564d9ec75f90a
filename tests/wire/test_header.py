"""The header: one record for all kinds of run, and the two dialects that it had in schema 1."""

import copy
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from echosounder.wire.errors import LogError
from echosounder.wire.header import Aimed, Checking, ClockReading, Header, RunKind, header_from
from echosounder.wire.runlog import schema

RECORDED = Path(__file__).parent / "recorded"
TARGET = {"url": "http://h", "model": "m"}
CHECK = {"policy": "interop", "suite": "smoke", "only": ["chat.*"], "catalogue": "1", "spec": "2"}
SCHEMA = Draft202012Validator(schema())

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
checking = st.builds(
    Checking,
    policy=st.sampled_from(["interop", "documented"]),
    suite=st.sampled_from(["smoke", "standard", "thorough"]),
    only=st.lists(text, max_size=2).map(tuple),
    repeat=st.integers(1, 9),
    catalogue=text,
    spec=text,
    upstream=st.none() | text,
    prices=st.none() | st.tuples(text, text, text),
)
members = {
    "started": st.just("2026-11-22T09:30:00+00:00"),
    "target": st.builds(Aimed, url=text, model=st.none() | text, beta_url=st.none() | text, position=st.just("server")),
    "profile": text,
    "seed": st.none() | st.integers(0, 2**31),
    "version": st.none() | text,
    "versions": st.dictionaries(text, text, max_size=2),
    "clock": st.none() | st.builds(ClockReading, unix=st.floats(0, 2**33), monotonic_ns=st.integers(0, 2**62)),
}
checks = [kind for kind in RunKind if kind.report == "check"]
loads = [kind for kind in RunKind if kind.report == "load"]
headers = st.one_of(
    st.builds(Header, kind_of_run=st.sampled_from(checks), check=checking, **members),
    st.builds(Header, kind_of_run=st.sampled_from(loads), scenario=text.filter(bool), **members),
)


@given(headers)
def test_what_is_written_is_read_and_is_of_the_schema(header):
    line = json.loads(json.dumps({"kind": "header", **header.record()}))
    assert header_from(line) == header
    assert list(SCHEMA.iter_errors(line)) == []


@pytest.mark.parametrize(
    ("record", "kind", "scenario"),
    [
        ({"kind_of_run": "check", "target": TARGET | {"position": "server"}, **CHECK}, RunKind.CHECK, ""),
        ({"kind_of_run": "check", "target": TARGET | {"position": "proxy"}, **CHECK}, RunKind.PROXY, ""),
        ({"command": "load", "target": TARGET, "scenario": "streaming"}, RunKind.LOAD, "streaming"),
        ({"command": "load", "target": TARGET, "scenario": "my/own.yaml"}, RunKind.LOAD, "my/own.yaml"),
        ({"command": "load", "target": TARGET, "scenario": "rate-limit"}, RunKind.RATE_LIMIT, "rate-limit"),
        ({"command": "load", "target": TARGET, "scenario": "cache-pricing"}, RunKind.CACHE_PRICING, "cache-pricing"),
    ],
)
def test_both_dialects_of_schema_1_are_one_record(record, kind, scenario):
    found = header_from({"schema": "echosounder/run/1", "started": "2026-11-22T09:30:00+00:00", **record})
    assert (found.kind_of_run, found.scenario, found.target.model) == (kind, scenario, "m")
    assert (found.check and found.check.only) == (("chat.*",) if kind.report == "check" else None)


def test_a_header_without_a_date_has_that_of_its_clock():
    record = {"schema": "echosounder/run/1", "target": TARGET, "clock": {"unix": 1_790_000_000.5, "monotonic_ns": 7}}
    assert header_from(record).started == "2026-09-21T14:13:20+00:00"


def test_what_a_header_does_not_say_is_an_error_where_it_is_needed():
    header = header_from({"schema": "echosounder/run/1", "started": "2026-11-22", "target": TARGET, "command": "load"})
    with pytest.raises(LogError, match="of a load run, which has no suite"):
        _ = header.checking
    with pytest.raises(LogError, match="records no clock"):
        _ = header.instant


GOOD = {"schema": "echosounder/run/2", "kind_of_run": "check", "started": "2026-11-22", "target": TARGET, **CHECK}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind_of_run": "party"}, "Invalid enum value 'party'"),
        ({"started": "yesterday"}, "yesterday"),
        ({"started": 7}, r"\$.started"),
        ({"target": "http://h"}, r"\$.target"),
        ({"target": {"model": "m"}}, "`url`"),
        ({"only": "chat"}, r"\$.check.only"),
        ({"clock": {"unix": "now"}}, r"\$.clock"),
        ({"schema": "echosounder/run/1", "started": None, "clock": None}, "header"),
    ],
)
def test_a_member_that_does_not_fit_is_named(change, says):
    with pytest.raises(LogError, match=says) as caught:
        header_from(GOOD | change)
    assert "\n" not in str(caught.value)


def lines(kind):
    """Recorded lines of a kind of run, the header as it is written now."""
    text = gzip.decompress((RECORDED / f"{kind}.jsonl.gz").read_bytes()).decode()
    first, *others = map(json.loads, text.splitlines())
    now = header_from(first)
    now = Header(
        kind_of_run=kind,
        started=now.started,
        target=now.target,
        profile="2026-08",
        version="0.1.0",
        clock=ClockReading(1.0, 2),
        check=now.check,
        scenario=now.scenario,
    )
    return [json.loads(json.dumps({"kind": "header", **now.record()})), *others]


@pytest.mark.parametrize("kind", RunKind)
def test_lines_of_every_kind_of_run_are_of_the_schema(kind):
    assert [(error.json_path, error.message[:80]) for line in lines(kind) for error in SCHEMA.iter_errors(line)] == []


def test_the_schema_is_a_schema_and_knows_every_kind_of_run():
    Draft202012Validator.check_schema(schema())
    assert schema()["$defs"]["header"]["properties"]["kind_of_run"]["enum"] == [str(kind) for kind in RunKind]


@pytest.mark.parametrize(
    ("kind", "record", "path", "value"),
    [
        (RunKind.CHECK, "header", ("kind_of_run",), "party"),
        (RunKind.CHECK, "header", ("suite",), "huge"),
        (RunKind.CHECK, "header", ("started",), "today"),
        (RunKind.CHECK, "header", ("target", "url"), None),
        (RunKind.CHECK, "exchange", ("reads",), [["soon", "x"]]),
        (RunKind.CHECK, "exchange", ("request", "body"), {"base32": ""}),
        (RunKind.CHECK, "footer", ("records",), [1]),
        (RunKind.LOAD, "header", ("scenario",), ""),
        (RunKind.LOAD, "options", ("options",), []),
        (RunKind.LOAD, "sample", ("end",), "well"),
        (RunKind.LOAD, "sample", ("gaps_us",), [-1]),
        (RunKind.LOAD, "tick", ("lag_us",), {"5": "often"}),
        (RunKind.LOAD, "worker", ("begin",), None),
        (RunKind.RATE_LIMIT, "verdict", ("verdict",), "fine"),
        (RunKind.RATE_LIMIT, "end", ("kind",), "finish"),
    ],
)
def test_a_line_that_is_broken_is_not_of_the_schema(kind, record, path, value):
    line = copy.deepcopy(next(line for line in lines(kind) if line["kind"] == record))
    inner = line
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    assert list(SCHEMA.iter_errors(line)) != []
