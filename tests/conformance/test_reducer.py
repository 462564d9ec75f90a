"""A wrongly answered request is made as small as it gets, legal all the way, within its calls, and honestly where the target is moody."""

import json
from dataclasses import replace

import pytest

from echosounder.conformance.ask import BETA_CHAT, CHAT, Ask
from echosounder.conformance.budget import REDUCTION_BYTES, REDUCTION_CALLS
from echosounder.conformance.check_run import check
from echosounder.conformance.generate.legal import legal
from echosounder.conformance.generate.reduction import reduction
from echosounder.conformance.generate.translated import TRANSLATED
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.probe_choice import PROBES
from echosounder.conformance.reducer import Reducer, suspects
from echosounder.conformance.replay import ReplayOutcome, replay
from echosounder.judgement.check import Case
from echosounder.judgement.score import score
from echosounder.judgement.setting import RunSetting, Suite
from echosounder.judgement.smallest import extra
from echosounder.mock_server.net.process import spawn
from echosounder.wire.exchange import Exchange, Request
from echosounder.wire.formats import MESSAGES, RESPONSES
from echosounder.wire.header import Aimed, Checking, ClockReading, Header, RunKind
from echosounder.wire.runlog import Run, read
from echosounder.wire.target import target

ASK = Ask("2026-08", "deepseek-v4-flash")


def user(text, **members):
    return {"role": "user", "content": text, **members}


def called(*ids):
    calls = [{"id": id, "type": "function", "function": {"name": "light", "arguments": "{}"}} for id in ids]
    results = ({"role": "tool", "tool_call_id": id, "content": "It turns."} for id in ids)
    return [{"role": "assistant", "content": "Wait.", "tool_calls": calls}, *results]


def tool(name):
    return {
        "type": "function",
        "function": {"name": name, "description": f"A {name}.", "parameters": {"type": "object"}},
    }


RICH = ASK.body(
    [
        {"role": "system", "content": "You are brief."},
        user("Who keeps the log?", name="ada"),
        {"role": "assistant", "content": "The keeper of the lighthouse."},
        user("Turn the light and then the bell."),
        *called("a", "b"),
        {"role": "assistant", "content": "Both turn.", "reasoning_content": "They asked."},
        user("Thank you, Grüße! Good night."),
    ],
    tools=[tool("light"), tool("bell")],
    tool_choice="auto",
    temperature=0.5,
    stop=["HALT", "END"],
    stream=True,
    stream_options={"include_usage": True},
)
SMALL = {"model": ASK.model, "max_tokens": 16}


def has_call(body):
    return any("tool_calls" in turn for turn in body["messages"])


FAULTS = {
    "a field": (lambda body: "temperature" in body, SMALL | {"messages": [user("T")], "temperature": 0.5}),
    "two fields": (
        lambda body: body.get("stop") and body.get("stream"),
        SMALL | {"messages": [user("T")], "stop": ["HALT"], "stream": True},
    ),
    "a member of a message": (
        lambda body: any("name" in turn for turn in body["messages"]),
        SMALL | {"messages": [user("W", name="ada")]},
    ),
    "a character": (
        lambda body: any("ü" in str(turn["content"]) for turn in body["messages"]),
        SMALL | {"messages": [user("ü")]},
    ),
    "two tools": (lambda body: len(body.get("tools", ())) > 1, None),
    "two rounds": (lambda body: sum(turn["role"] == "user" for turn in body["messages"]) > 1, None),
    "anything": (lambda body: True, SMALL | {"messages": [user("T")]}),
}


def reduced(body, path, fails):
    """The smallest body, and every candidate on the way."""
    search, tried = reduction(body, path, ASK), []
    try:
        tried.append(next(search))
        while True:
            tried.append(search.send(fails(tried[-1])))
    except StopIteration as stop:
        return stop.value, tried


@pytest.mark.parametrize(("fails", "least"), FAULTS.values(), ids=FAULTS)
def test_nothing_is_left_but_what_makes_it_fail(fails, least):
    assert legal(RICH, CHAT, ASK)
    assert fails(RICH)
    found, tried = reduced(RICH, CHAT, fails)
    assert fails(found)
    assert all(legal(candidate, CHAT, ASK) for candidate in tried)
    assert least is None or found == least
    assert len(tried) <= 36


def test_calls_keep_what_they_need():
    found, _ = reduced(RICH, CHAT, has_call)
    assert [turn["role"] for turn in found["messages"]] == ["user", "assistant", "tool"]
    assert [len(found["tools"]), len(found["messages"][1]["tool_calls"])] == [1, 1]


def test_a_begun_answer_stays_where_it_is():
    body = ASK.body([*RICH["messages"], {"role": "assistant", "content": "In", "prefix": True}], tools=RICH["tools"])
    found, _ = reduced(body, BETA_CHAT, lambda body: body["messages"][-1].get("prefix"))
    assert [turn["role"] for turn in found["messages"]] == ["user", "assistant"]


OTHERS = {form.name: (form, TRANSLATED[form.name](RICH)) for form in (RESPONSES, MESSAGES)}


def calls_of(body):
    """The ids of the calls of a conversation in items or blocks."""
    items = body.get("input") or [block for turn in body["messages"] for block in blocks_of(turn)]
    return [item.get("call_id", item.get("id")) for item in items if item.get("type") in {"function_call", "tool_use"}]


def blocks_of(turn):
    return turn["content"] if isinstance(turn["content"], list) else []


FAILS = {
    "a field": lambda body: "temperature" in body,
    "a character": lambda body: "ü" in json.dumps(body, ensure_ascii=False),
    "a call": lambda body: bool(calls_of(body)),
    "the second call": lambda body: "b" in calls_of(body),
    "two calls": lambda body: len(calls_of(body)) > 1,
    "anything": lambda body: True,
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("fails", FAILS.values(), ids=FAILS)
def test_a_request_in_another_format_is_reduced_as_well(name, fails):
    form, body = OTHERS[name]
    assert legal(body, form.path, ASK)
    assert fails(body)
    found, tried = reduced(body, form.path, fails)
    assert fails(found)
    assert all(legal(candidate, form.path, ASK) for candidate in tried)
    assert len(calls_of(found)) == {"a call": 1, "the second call": 1, "two calls": 2}.get(name_of(fails), 0)
    assert len(found.get("tools", ())) == (1 if calls_of(found) else 0)
    assert len(json.dumps(found)) < len(json.dumps(body)) / 2
    assert len(tried) <= 60


def name_of(fails):
    return next(name for name, each in FAILS.items() if each is fails)


def exchange(id, body, status, **notes):
    sent = Request("POST", CHAT, "http://h/chat/completions", body=json.dumps(body).encode())
    return Exchange(id, "generated.chat", sent, status=status, notes=notes)


class Scripted:
    """A target that refuses what *fails* says; keeps what it was sent."""

    def __init__(self, fails):
        self.fails, self.sent = fails, []

    def __call__(self, send, probe):
        body = json.loads(send.body)
        status = 400 if self.fails(body, len(self.sent)) else 200
        made = exchange(str(len(self.sent) + 2), body, status, **send.notes)
        self.sent.append(made)
        return made


SETTING = RunSetting(ASK, "interop", Suite.THOROUGH, ("chat.legal-served",), Case(ASK), {})
HEADER = Header(
    kind_of_run=RunKind.CHECK,
    started="1970-01-01T00:00:00+00:00",
    target=Aimed("http://h", ASK.model),
    profile=ASK.profile,
    seed=0,
    clock=ClockReading(0.0, 0),
    check=Checking("interop", "thorough", ("chat.legal-served",)),
)


def ran(fails, calls=REDUCTION_CALLS, room=REDUCTION_BYTES):
    """What a run with one wrongly answered request says once it was looked into, and what was sent for it."""
    first, scripted = exchange("1", RICH, 400), Scripted(fails)
    Reducer(scripted, SETTING, calls, room).run(Run(HEADER, (first,)))
    (result,) = score(Run(HEADER, (first, *scripted.sent), footer={}), PROBES)
    return result, scripted.sent


def test_the_finding_stands_on_the_smallest_request_and_says_how_surely_it_fails():
    result, sent = ran(lambda body, _: "temperature" in body)
    (finding,) = result.findings
    least = next(each for each in sent if each.id == finding.exchange)
    assert least.request.json == FAULTS["a field"][1]
    assert "made from exchange 1; it fails in 3 of 3 tries" in finding.message
    assert [each.notes["role"] for each in sent[:2]] == ["repeat", "repeat"]


def test_a_moody_target_is_called_moody():
    result, sent = ran(lambda body, number: False)
    assert "not reproduced in 2 of 2 repetitions" in result.findings[0].message
    assert (result.findings[0].exchange, len(sent)) == ("1", 2)


def test_a_target_that_fails_now_and_then_is_told_by_its_share():
    result, sent = ran(lambda body, number: number % 2 == 0)
    assert "of 3 tries" in result.findings[0].message
    bodies = [each.request.body for each in sent if each.notes["role"] == "candidate"]
    assert len(bodies) == len(set(bodies))


@pytest.mark.parametrize("calls", [1, 3, 5, 12])
def test_the_calls_are_never_passed(calls):
    result, sent = ran(lambda body, _: "temperature" in body, calls)
    assert len(sent) <= calls
    assert result.findings


def test_nor_are_the_bytes():
    _, sent = ran(lambda body, _: "temperature" in body, room=6000)
    assert 0 < sum(len(each.request.body) for each in sent) <= 6000


def test_what_a_written_request_shows_already_is_left_alone():
    setting = replace(SETTING, only=("response.document-valid",))
    broken = replace(exchange("1", RICH, 200), headers=(("content-type", "application/json"),))
    assert [row.id for row, _ in suspects(Run(HEADER, (broken,)), setting)] == ["response.document-valid"]
    assert list(suspects(Run(HEADER, (broken, replace(broken, probe="chat.basic"))), setting)) == []


def test_what_is_reduced_is_among_the_findings_that_are_told():
    longer = [exchange(str(number), RICH | {"user_id": "u" * (30 - number)}, 400) for number in range(1, 16)]
    ((_, chosen),) = suspects(Run(HEADER, tuple(longer)), SETTING)
    assert chosen.id == "10"  # the shortest of the ten that a report shows


def test_a_live_target_is_reduced_within_the_budget(tmp_path):
    wanted = {"suite": Suite.THOROUGH, "only": ("chat.legal-served",)}
    with spawn(deviate=("message-name-rejected",), ttft_ms=0, itl_ms=0) as mock:
        outcome = check(CheckOptions(target(mock.url), tmp_path / "a", "sk-test-0123456789", **wanted))
        tight = check(
            CheckOptions(target(mock.url), tmp_path / "b", "sk-test-0123456789", budget_requests=20, **wanted)
        )
    run = read(outcome.log)
    finding = outcome.results[0].findings[0]
    least = next(each for each in run.exchanges if each.id == finding.exchange)
    assert [sorted(turn) for turn in least.request.json["messages"]] == [["content", "name", "role"]]
    assert set(least.request.json) == {"model", "messages", "max_tokens"}
    assert sum(map(extra, run.exchanges)) <= REDUCTION_CALLS
    assert len(read(tight.log).exchanges) == 20
    assert (tight.stopped, tight.exit_code) == (None, 1)
    with spawn(ttft_ms=0, itl_ms=0) as honest:
        again = replay(run, least.id, target(honest.url), "sk-test-0123456789")
    assert ([each.requirement for each in again.findings_before], again.change) == (
        ["chat.legal-served"],
        ReplayOutcome.FIXED,
    )
