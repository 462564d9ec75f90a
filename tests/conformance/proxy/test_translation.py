"""A gateway that asks chat for what it was asked in Messages or Responses: honest it is clean, and each flaw is found by what it breaks.

The sets are exact: a flaw breaks more than one requirement where an answer shows it in several ways.
"""

import json

import pytest

from echosounder import specs
from echosounder.conformance.check_run import exit_code
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.proxy import check
from echosounder.conformance.proxy.probes import PROBES
from echosounder.judgement.pairs import behaviours
from echosounder.judgement.pairs.checks.said import said
from echosounder.wire.exchange import Exchange, Request
from echosounder.wire.formats import FORMATS
from echosounder.wire.runlog import read
from echosounder.wire.target import target
from tests.conformance.proxy.gateway import gateway

KEY = "sk-client-0123456789"
FRONTS = ("responses", "messages")


ALL = ("translation.*", "proxy.cancel-propagates", "proxy.no-retry")


def judged(url, upstream, folder, *fronts, only=("translation.*",)):
    options = CheckOptions(target(url), folder, KEY, formats=fronts, only=only, bounds=Bounds(idle_s=8.0))
    return check(options, upstream)


def broken(outcome):
    silent = {"pass", "not-applicable", "inconclusive"}
    rows = [(result.requirement.removeprefix("translation."), str(result.verdict)) for result in outcome.results]
    return {id: verdict for id, verdict in rows if verdict not in silent}


@pytest.fixture(scope="module")
def honest(upstream, tmp_path_factory):
    """Both formats, with all that takes time."""
    with pytest.MonkeyPatch.context() as patch, gateway(upstream) as url:
        patch.setattr(behaviours, "PACED", "paced:gap_ms=100")
        return judged(url, upstream, tmp_path_factory.mktemp("honest"), *FRONTS, only=ALL)


def test_an_honest_gateway_is_clean(honest):
    assert broken(honest) == {}
    assert (exit_code(honest.report, None), honest.report["verdict"]) == (0, "conforms")
    passed = {result.requirement for result in honest.results if result.verdict == "pass"}
    assert len([id for id in passed if id.startswith("translation.")]) == 18
    assert "proxy.cancel-propagates" in passed


def test_both_sides_speak_formats_of_their_own(honest):
    exchanges = read(honest.log).exchanges
    assert {each.format for each in exchanges if not each.side} == set(FRONTS)
    assert {each.format for each in exchanges if each.side} == {"chat"}
    assert len(exchanges) < 80


def test_a_proxy_that_translates_nothing_is_clean_too(proxied, upstream, tmp_path, monkeypatch):
    monkeypatch.setattr(behaviours, "PACED", "paced:gap_ms=100")
    with proxied(upstream) as url:
        outcome = judged(url, upstream, tmp_path, *FRONTS)
    assert broken(outcome) == {}
    assert {each.format for each in read(outcome.log).exchanges if each.side} == set(FRONTS)


REASONED, CALLED = {"thinking", "thinking-stream"}, {"calls", "calls-stream"}
FLAWS = {
    "forgets_system": ({"history"}, {"turns"}),
    "drops_results": ({"history"}, {"history"}),
    "drops_thoughts": ({"history"}, {"thoughts-up"}),
    "drops_tools": (CALLED, {"tools"}),
    "drops_bound": ({"document"}, {"parameters", "own-grammar"}),  # the answer is longer than the client allowed
    "drops_reasoning": (REASONED, {"reasoning", "order"}),
    "drops_text": ({"document", "stream"}, {"text", "order"}),
    "drops_arguments": (CALLED, {"calls"}),
    "drops_usage": ({"document"}, {"usage", "own-grammar"}),
    "says_stop": ({"cut-short"}, {"end"}),
    "masks_status": ({"429"}, {"status"}),
    "masks_error": ({"400"}, {"error-told"}),
    "masks_cut": ({"broken-off"}, {"cut-visible"}),
    "buffers": ({"paced"}, {"incremental"}),
}
MAY = {"drops_text": {"own-grammar"}}  # an answer that came to its end by itself, and in which there is nothing


def test_every_requirement_is_broken_by_a_flaw():
    told = {f"translation.{id}" for _, ids in FLAWS.values() for id in ids} | {f"translation.{name}" for name in FRONTS}
    assert told == {row.id for row in specs.requirements() if row.id.startswith("translation.")}


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_is_found(flaw, upstream, tmp_path, monkeypatch):
    """In both formats, and what is found is the same in both."""
    steps, expected = FLAWS[flaw]
    for front in FRONTS:
        monkeypatch.setitem(PROBES, f"proxy.{front}", only(steps | {"plain"}, front, PROBES[f"proxy.{front}"]))
    monkeypatch.setattr(behaviours, "PACED", "paced:gap_ms=100")
    with gateway(upstream, **{flaw: True}) as url:
        outcome = judged(url, upstream, tmp_path, *FRONTS)
    found = {id for id, verdict in broken(outcome).items() if verdict in {"fail", "nonstrict"}}
    assert found - MAY.get(flaw, set()) == expected
    formats = {each.id: each.format for each in read(outcome.log).exchanges if not each.side}
    for result in outcome.results:
        if result.requirement.removeprefix("translation.") in expected:
            told = {finding.exchange for finding in result.findings} | set(result.exchanges)
            assert {formats[id] for id in told if id in formats} == set(FRONTS)


def only(steps, front, probe):
    """The probe with some of its steps."""
    chosen = {f"{front}-{step}" for step in steps}
    return lambda ask: (send for send in probe(ask) if send.step in chosen)


@pytest.mark.parametrize("front", FRONTS)
def test_a_gateway_without_the_format_is_told_in_one_line(front, upstream, tmp_path):
    with gateway(upstream, no_front=True) as url:
        outcome = judged(url, upstream, tmp_path, "chat", front)
    rows = [result for result in outcome.results if result.requirement.startswith("translation.")]
    assert [str(row.verdict) for row in rows if row.requirement == f"translation.{front}"] == ["unsupported"]
    assert {str(row.verdict) for row in rows} == {"unsupported", "not-applicable"}
    asked = [each for each in read(outcome.log).exchanges if each.format == front]
    assert len(asked) == 1


@pytest.mark.parametrize("front", FRONTS)
def test_a_gateway_that_answers_chat_is_named(front, upstream, tmp_path):
    with gateway(upstream, answers_chat=True) as url:
        outcome = judged(url, upstream, tmp_path, front)
    assert broken(outcome) == {front: "fail"}
    [finding] = [finding for result in outcome.results for finding in result.findings]
    assert finding.message == f"the target answers POST {FORMATS[front].path} in the format Chat completion"


CHAT = [
    {"role": "system", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]},
    {"role": "user", "content": "Light?"},
    {
        "role": "assistant",
        "content": None,
        "reasoning_content": "Hm.",
        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{ "b":1, "a":2 }'}}],
    },
    {"role": "tool", "tool_call_id": "a", "content": "7"},
]
ITEMS = [
    {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
    {"type": "message", "role": "user", "content": "Light?"},
    {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]},
    {"type": "function_call", "call_id": "x", "name": "f", "arguments": '{"a":2,"b":1}'},
    {"type": "function_call_output", "call_id": "x", "output": [{"type": "input_text", "text": "7"}]},
]
BLOCKS = [
    {"role": "user", "content": "Light?"},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "s"},
            {"type": "tool_use", "id": "y", "name": "f", "input": {"b": 1, "a": 2}},
        ],
    },
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "y", "content": "7"}]},
]
SCHEMA = {"type": "object"}
SAME = {
    "chat": {
        "messages": CHAT,
        "max_tokens": 4,
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}],
    },
    "responses": {
        "input": ITEMS,
        "max_output_tokens": 4,
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": SCHEMA}],
    },
    "messages": {
        "system": "Be brief.",
        "messages": BLOCKS,
        "max_tokens": 4,
        "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA}],
    },
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_request_says_the_same_in_every_format(name):
    request = Request("POST", FORMATS[name].path, "", body=json.dumps(SAME[name]).encode())
    found = said(Exchange("1", "p", request))
    assert [piece for piece in found.pieces if piece[0] in {"system", "user", "assistant", "thought"}] == [
        ("system", "Be brief."),
        ("user", "Light?"),
        ("thought", "Hm."),
    ]
    assert found.calls == (("call", "0", "f", '{"a":2,"b":1}'), ("result", "0", "7"))
    assert found.tools == (("f", "d", '{"type":"object"}'),)
    assert (found.bound, found.stream) == (4, False)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"messages":7}', b'{"input":[7],"tools":[null]}'])
@pytest.mark.parametrize("name", ["chat", "responses", "messages", "unknown"])
def test_a_body_that_cannot_be_read_says_nothing(name, body):
    found = said(Exchange("1", "p", Request("POST", "/x", "", body=body), format=name))
    assert found.only("user", "call", "result") == ()
