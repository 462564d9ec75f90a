"""Which checks can judge traffic that we did not ask for, and what they say of it."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from echosounder import specs
from echosounder.judgement.assigned import checks
from echosounder.judgement.passive import judged, listens, occasion
from echosounder.wire.exchange import End, Exchange, Observed, Read, Request
from echosounder.wire.runlog import exchange_from
from echosounder.wire.verdict import Verdict

RECORDED = Path(__file__).parents[1] / "wire" / "recorded"

PROFILE = "2026-11"
KEY = (("authorization", "Bearer [redacted]"),)


def exchange(body, answer, path="/chat/completions", **more):
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    kind = "text/event-stream" if body.get("stream") else "application/json"
    known = {
        "status": 200,
        "headers": (("content-type", kind), ("content-length", str(len(data)))),
        "reads": (Read(30, data),),
        "http_version": "HTTP/1.1",
        "t_sent": 10,
        "t_headers": 20,
        "t_closed": 40,
    }
    return Exchange("1", "", Request("POST", path, "", KEY, json.dumps(body).encode()), **known | more)


CUT = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}]}\n\n'
ASK = {"model": "deepseek-flash", "messages": [{"role": "user", "content": "a"}], "stream": True}


def verdicts(one):
    return {result.requirement: result.verdict for result in judged(one, PROFILE)}


def test_a_stream_without_its_end_is_found():
    found = verdicts(exchange(ASK, CUT))
    assert found["stream.complete"] is found["stream.ends-with-done"] is Verdict.FAIL
    assert found["stream.role-first"] is Verdict.PASS


@pytest.mark.parametrize("lacks", [[Observed.TIMES], [Observed.FRAMING], [Observed.BYTES], list(Observed)])
def test_what_was_not_observed_is_inconclusive_and_not_passed(lacks):
    for answer in (CUT, CUT + b"data: [DONE]\n\n"):
        found = verdicts(exchange(ASK, answer, lacks=tuple(lacks)))
        for id, verdict in found.items():
            if checks()[id].rests & set(lacks):
                assert verdict is Verdict.INCONCLUSIVE, id


def test_each_observation_is_needed_by_some_check():
    assert {each for check in checks().values() for each in check.rests} == set(Observed)


@pytest.mark.parametrize(
    ("what", "one"),
    [
        ("its client gave up", exchange(ASK, CUT, end=End.CLIENT_CANCELLED)),
        (
            "an idle connection was closed under way",
            exchange(ASK, b"", status=None, end=End.RESET, notes={"reused": True}),
        ),
        ("nobody knows its format", exchange(ASK, CUT, path="/elsewhere")),
    ],
)
def test_nothing_is_said_of_an_exchange_where(what, one):
    assert verdicts(one) == {}


@pytest.mark.parametrize(
    ("id", "asked", "other"),
    [
        ("json.valid", {"response_format": {"type": "json_object"}}, {}),
        ("tools.none-no-calls", {"tools": [{}], "tool_choice": "none"}, {"tools": [{}]}),
        ("logprobs.shape", {"logprobs": True}, {}),
        ("chat.logprobs-null", {}, {"logprobs": True}),
        ("thinking.disabled", {"thinking": {"type": "disabled"}}, {}),
        ("stream.usage-present", {"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
    ],
)
def test_a_check_speaks_where_the_request_gives_it_occasion(id, asked, other):
    holds = occasion(specs.requirement(id))
    assert holds(exchange(asked, {}))
    assert not holds(exchange(other, {}))
    assert not holds(replace(exchange(asked, {}), format="messages"))


@pytest.mark.parametrize(
    "id",
    [
        "request.document-valid",
        "chat.legal-served",
        "error.unknown-model",
        "fim.available",
        "request.served",
        "cache.prefix-hits",
        "chat.length-finish",  # an answer may end by itself with the last token that it may have: 73 of 2,500 honest ones did
        "fim.length-finish",
        "responses.length-finish",
        "messages.length-finish",
    ],
)
def test_what_only_the_sender_can_know_is_not_judged(id):
    assert id in checks()
    assert id not in listens()


def test_an_error_that_is_plain_text_by_design_is_no_finding():
    one = exchange(ASK, b"Authentication Fails", status=401, headers=(("content-type", "text/plain"),))
    assert Verdict.FAIL not in verdicts(one).values()
    assert verdicts(replace(one, status=400))["error.envelope"] is not Verdict.PASS


def recorded(kind):
    """The exchanges of a run against the honest mock, and its profile."""
    lines = gzip.decompress((RECORDED / f"{kind}.jsonl.gz").read_bytes()).decode().splitlines()
    header, *records = map(json.loads, lines)
    found = (exchange_from(record) for record in records if record["kind"] == "exchange")
    return header["profile"], [replace(one, probe="", step="", notes={}) for one in found if not one.side]


def test_honest_traffic_of_a_whole_suite_breaks_nothing():
    """Every request that our probes know to make, seen by somebody who does not know why it was made."""
    profile, exchanges = recorded("check")
    said = [result for one in exchanges for result in judged(one, profile)]
    assert [result for result in said if result.verdict in (Verdict.FAIL, Verdict.NONSTRICT)] == []
    assert sum(result.verdict is Verdict.PASS for result in said) > 5 * len(exchanges)
