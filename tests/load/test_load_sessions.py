"""Sessions on real sockets: what the mock's journal holds is the truth about what was sent, answered and cached."""

import base64
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from echosounder.load.engine import LoadResult, run
from echosounder.load.inputs import items
from echosounder.load.options import Options
from echosounder.load.recovery import recover
from echosounder.load.scenarios.file import read_scenario
from echosounder.mock_server.net.process import spawn
from echosounder.reports.kinds import schema
from echosounder.reports.parts_of_load import tables
from echosounder.wire.errors import UsageError
from echosounder.wire.runlog import read

KEY = "sk-test-0123456789"
SCENARIO = """
- name: talk
  session: true
  rounds: 3
  think: [0.05, 0.1]
  output_tokens: 40
- name: agent
  kind: tools
  session: true
  rounds: 2
  tool_time: 0.04
  subagents: 1
  output_tokens: 120
"""


def scenario(folder: Path, text: str = SCENARIO) -> str:
    path = folder / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadResult, list[dict[str, Any]]]:
    out = tmp_path_factory.mktemp("sessions")
    with spawn(seed=1, ttft_ms=10, itl_ms=1) as mock:
        options = Options(mock.url, scenario(out), api_key=KEY, out=out / "run", session_header="X-Session-ID", seed=7)
        outcome = run(replace(options, users="4", duration=2.5, flush=0.2, drain=10.0))
        entries = httpx.get(mock.url + "/__mock/journal?bodies=1&raw=1").json()["entries"]
    return outcome, entries


def contexts(outcome: LoadResult, entries: list[dict[str, Any]]) -> dict[str, list[tuple[dict[str, Any], Any]]]:
    """``(journal entry, request body)`` of each context, in the order of its requests."""
    by_trace = {entry["trace"]: entry for entry in entries}
    found = defaultdict(list)
    for sample in sorted(read(outcome.log).samples, key=lambda each: each["turn"]):
        entry = by_trace[sample["trace"]]
        found[sample["session"]].append((entry, json.loads(base64.b64decode(entry["body_b64"]))))
    return found


def answered(entry: dict[str, Any]) -> tuple[str, list[str]]:
    """Text and ids of calls that the mock wrote."""
    sent = b"".join(base64.b64decode(each) for each in entry["writes_b64"] if isinstance(each, str)).decode()
    deltas = [
        json.loads(line[6:])["choices"][0]["delta"]
        for line in sent.splitlines()
        if line.startswith('data: {"') and '"delta"' in line
    ]
    text = "".join(delta.get("content") or "" for delta in deltas)
    return text, [each["id"] for delta in deltas for each in delta.get("tool_calls") or () if each.get("id")]


def test_a_conversation_goes_on_with_what_the_server_wrote(ran: Any) -> None:
    chains = contexts(*ran)
    follow_ups = 0
    for requests in chains.values():
        for (entry, before), (_, after) in pairwise(requests):
            messages, known = after["messages"], before["messages"]
            text, calls = answered(entry)
            assert messages[: len(known)] == known, "all of the request before"
            said = messages[len(known)]
            assert said["role"] == "assistant"
            assert said["content"] == text
            assert [each["id"] for each in said.get("tool_calls", ())] == calls
            assert [each["tool_call_id"] for each in messages if each["role"] == "tool"][-len(calls) or 99 :] == calls
            follow_ups += 1
    assert follow_ups > 20
    assert any("/" in session for session in chains), "a sub-agent has a context of its own"


def test_each_request_names_its_session(ran: Any) -> None:
    """A sub-agent goes to the server where its session is."""
    named = defaultdict(set)
    for session, requests in contexts(*ran).items():
        for entry, _ in requests:
            headers = dict(entry["request"]["headers"])
            named[session.partition("/")[0]].add(headers["x-session-id"])
    assert all(len(names) == 1 for names in named.values())
    assert len(set.union(*named.values())) == len(named), "and no two sessions have one name"


def test_figures_of_sessions_are_those_of_the_journal(ran: Any) -> None:
    outcome, _ = ran
    jsonschema.validate(outcome.report, schema("load"))
    whole = defaultdict(list)
    for session, requests in contexts(*ran).items():
        whole[session.partition("/")[0]] += [entry for entry, _ in requests]
    told = [json.loads(line) for line in outcome.log.read_text(encoding="utf-8").splitlines()]
    records = [record for record in told if record["kind"] == "session"]
    assert {record["id"] for record in records} == set(whole)
    for record in records:
        entries = whole[record["id"]]
        assert record["requests"] == len(entries)
        assert record["prompt"] == sum(entry["usage"]["prompt_tokens"] for entry in entries)
        assert record["hit"] == sum(entry["usage"]["prompt_cache_hit_tokens"] for entry in entries)
        last = max(entry["closed"] or entry["written"][-1] for entry in entries)
        assert record["at"] - last < 200_000_000
    rows = {row["item"]: row for row in outcome.report["sessions"]}
    for name, row in rows.items():
        mine = [record for record in records if record["item"] == name]
        assert row["counts"] == {
            how: sum(record["ended"] == how for record in mine) for how in ("complete", "failed", "cut")
        }
    assert rows["talk"]["counts"]["complete"] > 1
    assert rows["talk"]["per_session"]["requests"] == 3
    assert rows["agent"]["per_session"]["subagents"] == 1
    assert rows["agent"]["requests"][-1]["request"] == "sub-agents"


def test_a_later_request_hits_what_was_answered_before(ran: Any) -> None:
    """More than the prompt before is cached where the cache knows answers, too; how often depends on how late it learns them."""
    later = 0
    for session, requests in contexts(*ran).items():
        for (before, _), (after, _) in pairwise(requests):
            known = before["usage"]["prompt_tokens"]
            later += after["usage"]["prompt_cache_hit_tokens"] > known
            assert after["usage"]["prompt_cache_hit_tokens"] >= known // 64 * 64 - 64, session
    assert later


def test_pauses_are_kept(ran: Any) -> None:
    outcome, _ = ran
    chains = defaultdict(list)
    for sample in sorted(read(outcome.log).samples, key=lambda each: each["turn"]):
        chains[sample["session"]].append(sample)
    thought = [
        (after["t_scheduled"] - before["t_closed"]) / 1e9
        for samples in chains.values()
        if samples[0]["name"] == "talk"
        for before, after in pairwise(samples)
    ]
    assert thought
    assert all(0.05 <= pause <= 0.1001 for pause in thought)


def test_the_tables(ran: Any) -> None:
    found = {table.id: table for table in tables(ran[0].report)}
    assert [row[0] for row in found["sessions"].rows] == ["agent", "talk"]
    assert [row[0] for row in found["session-talk"].rows] == ["1", "2", "3"]
    assert all(len(row) == len(table.head) for table in found.values() for row in table.rows)


def test_the_log_gives_the_same_figures_again(ran: Any) -> None:
    outcome, _ = ran
    _, again = recover(outcome.log.parent)
    assert again.report["sessions"] == outcome.report["sessions"]


def test_a_session_ends_with_a_request_that_fails(scripted: Callable[..., Any], tmp_path: Path) -> None:
    server = scripted(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")
    server.models = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    text = "- {name: talk, session: true, rounds: 3, output_tokens: 9}"
    options = Options(server.url, scenario(tmp_path, text), model="m", users="1", duration=0.8, out=tmp_path / "run")
    row = run(options).report["sessions"][0]
    assert row["counts"]["failed"] > 0
    assert row["counts"]["complete"] == 0
    assert [place["request"] for place in row["requests"]] == ["1"]
    assert row["time_ms"] is None


WRONG = {
    "think without a session": ("- {name: a, think: 1}", "think needs session: true"),
    "tools without their kind": (
        "- {name: a, session: true, subagents: 1}",
        "subagents needs session: true and kind: tools",
    ),
    "a kind that has no answers to repeat": (
        "- {name: a, kind: fim, session: true}",
        "of kind chat, or of kind tools, not fim",
    ),
    "a pause backwards": ("- {name: a, session: true, think: [2, 1]}", "write a number of seconds, or a range"),
    "a pause below zero": ("- {name: a, session: true, think: -1}", "write a number of seconds, or a range"),
    "conversations": ("- {name: a, session: true, conversations: 3}", "leave conversations out"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_scenario_that_makes_no_sense(case: str, tmp_path: Path) -> None:
    text, said = WRONG[case]
    with pytest.raises(UsageError, match=said):
        read_scenario(Path(scenario(tmp_path, text)))


@pytest.mark.parametrize("fixed", [{"trace": Path("t")}, {"by_input_length": "1k"}])
def test_lengths_from_elsewhere_are_none_of_a_session(fixed: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"in a session \(talk\) the answers do"):
        items(Options("http://h", scenario(tmp_path), **fixed))


@pytest.mark.parametrize("name", ["", "a b", "Content-Length", "authorization", "x\r\ny"])
def test_a_header_that_cannot_name_a_session(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--session-header cannot be"):
        run(Options("http://127.0.0.1:1", session_header=name, out=tmp_path))
