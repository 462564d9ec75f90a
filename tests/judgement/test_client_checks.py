"""Each check on a client, on scenes made by hand: one that it must find, beside the nearest that it must not."""

import json
from dataclasses import replace

import pytest

from echosounder.judgement.check import Case, Inconclusive, Subject
from echosounder.judgement.client.check import CHECKS
from echosounder.judgement.client.scene import Scene, occurs
from echosounder.wire.command import ClientRun
from echosounder.wire.exchange import End, Exchange, Read, Request

CASE = Case(Subject("2026-11", "deepseek-flash"))
S = 1_000_000_000
HEADERS = (
    ("content-type", "application/json"),
    ("user-agent", "us/1"),
    ("authorization", "Bearer [redacted]"),
    ("accept", "*/*"),
)
BODY = {"model": "deepseek-flash", "messages": [{"role": "user", "content": "hi"}]}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def request(body=BODY, headers=HEADERS, path="/chat/completions", method="POST"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(method, path, path, headers, data)


def document(message, finish="stop"):
    whole = {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}]}
    return (Read(2 * S, json.dumps(whole).encode()),)


YES = document({"content": "yes"})


def exchange(id="1.1", *, asked=None, status=200, reads=YES, at=S, headers=(), end=End.COMPLETE, **notes):
    notes = {
        "key_in": ["header authorization"],
        "connection": 1,
        "ended": at + S // 10,
        "closed": None,
        "price": "0.01",
    } | notes
    heads = (("content-type", "application/json"), *headers)
    return Exchange(
        id, "client.x", asked or request(), status=status, headers=heads, reads=reads, end=end, t_sent=at, notes=notes,
        http_version="HTTP/1.1",
    )  # fmt: skip


def refused(status, **more):
    return exchange(
        status=status, reads=(Read(S, b'{"error": {"message": "no money left, sorry"}}'),), price=None, **more
    )


HONEST = ClientRun("client.honest", "chat honest", "chat", stdout='{"text": "yes"}', started=0, ended=4 * S, limit_s=9)


def scene(*exchanges, honest=HONEST, **command):
    run = replace(HONEST, family="client.x", scenario="chat x", deviations="x", **command)
    return Scene(run, exchanges or (exchange(),), honest and Scene(honest, (exchange("0.1"),)))


def asks(body=BODY, **more):
    return scene(exchange(asked=request(body, **more)))


def with_header(name, value):
    return asks(headers=(*((n, v) for n, v in HEADERS if n != name), (name, value)))


def tools(back, id="c1"):
    """A call, and a second request with *back* as its arguments and a result for *id*."""
    call = {**CALL, "function": {"name": "f", "arguments": back}}
    turns = [
        *BODY["messages"],
        {"role": "assistant", "tool_calls": [{**call, "id": id}]},
        {"role": "tool", "tool_call_id": id, "content": "7"},
    ]
    first = exchange(reads=document({"content": "", "tool_calls": [CALL]}, "tool_calls"))
    return scene(first, exchange("1.2", asked=request({**BODY, "messages": turns}), at=3 * S))


def tries(*gaps, status=429, price=None, headers=(), last=None):
    """A request and its repetitions, *gaps* seconds after the end of the one before."""
    at, made = S, [refused(status, headers=headers)]
    for place, gap in enumerate(gaps, 2):
        at = at + S // 10 + round(gap * S)
        made.append(replace(refused(status, headers=headers, at=at), id=f"1.{place}"))
    made = [replace(each, notes={**each.notes, "price": price}) for each in made]
    return scene(*made, *((last,) if last else ()), status=1)


def without_bytes(made):
    """The mock no longer knows what the first request was: it keeps the bytes of the latest ones."""
    first, *others = made.exchanges
    return replace(made, exchanges=(replace(first, request=replace(first.request, headers=(), body=b"")), *others))


FAILED = {"status": 1, "stdout": "", "stderr": "E: status 402: no money left, sorry"}
STREAMS = [
    exchange(f"1.{n}", asked=request({**BODY, "n": n}), reads=document({"content": f"text {n}"})) for n in range(2)
]
CUT = replace(STREAMS[1], end=End.TRUNCATED)
# requirement (without "client."), a scene that breaks it, a word of the finding, a scene that keeps it
ROWS = [
    ("request-valid", asks({**BODY, "temperature": "hot"}), "temperature|hot", asks()),
    ("members-known", asks({**BODY, "invented": 1}), "invented", asks({**BODY, "stream": False})),
    ("body-json", asks(b"\xef\xbb\xbf{}"), "not a JSON object", asks()),
    ("members-once", asks(b'{"model": "a", "model": "b"}'), "duplicate key", asks()),
    (
        "content-type",
        with_header("content-type", "text/plain"),
        "text/plain",
        with_header("content-type", "application/json; charset=utf-8"),
    ),
    ("content-type", with_header("content-type", "application/json; charset=latin-1"), "latin-1", asks()),
    ("accept", with_header("accept", "text/html"), "text/html", with_header("accept", "application/json")),
    ("user-agent", with_header("user-agent", "me"), "product/version", with_header("user-agent", "me/1.0 (x)")),
    (
        "key-in-header",
        scene(exchange(key_in=[], credential="ab")),
        "another key",
        scene(exchange(key_in=["header x-api-key"])),
    ),
    ("key-in-header", scene(exchange(key_in=["body"], credential=None)), "no key", scene()),
    ("key-nowhere-else", scene(exchange(key_in=["header authorization", "path"])), "path", scene()),
    ("http-version", scene(replace(exchange(), http_version="HTTP/1.0")), "HTTP/1.0", scene()),
    ("no-legacy-members", asks({**BODY, "functions": []}), "'tools'", asks({**BODY, "tools": []})),
    ("path-served", scene(refused(404)), "404", scene()),
    ("request-accepted", scene(refused(400)), "no money", scene(refused(429))),
    ("asked-once", scene(exchange(), exchange("1.2")), "2 times", scene(exchange(), STREAMS[1])),
    (
        "keep-alive",
        scene(exchange(), exchange("1.2", connection=2)),
        "2 connections",
        scene(exchange(), exchange("1.2")),
    ),
    ("keep-alive", scene(exchange(), exchange("1.2", connection=2)), "2 connections", scene()),
    ("call-answered", tools('{"a": 1}', id="other"), "c1", tools('{"a": 1}')),
    ("arguments-verbatim", tools('{"a":1}'), "sent back changed", tools('{"a": 1}')),
    (
        "arguments-verbatim",
        tools('{"a":1}'),
        "sent back changed",
        tools({"a": 1}),
    ),  # an object: the format carries no text
    ("answers", scene(**FAILED), "status 1", scene()),
    ("prints", scene(stdout=" \n"), "printed nothing", scene(stdout="x")),
    ("text-verbatim", scene(stdout='{"text": "ye"}'), "ye", scene(stdout='{"text": "yes!"}')),
    ("text-verbatim", scene(stdout="no"), "yes", scene(stdout="it says yes.")),
    ("comments", scene(stdout='{"text": "ye"}'), "expected", scene(stdout='debug\n{"text":  "yes"}\n')),
    ("comments", scene(status=None), "still running", scene()),
    ("survives-end-marker", scene(**FAILED), "no money", scene()),
    ("cut-stream-is-error", scene(stdout='{"text": "y"}'), "as if the answer were complete", scene(**FAILED)),
    ("cut-stream-is-error", scene(), "expected an error", scene(status=None)),
    ("end-marker-whole-or-error", scene(stdout='{"text": "y"}'), "another result", scene(**FAILED)),
    ("end-marker-whole-or-error", scene(stdout='{"text": "y"}'), "another result", scene()),
    ("ended-early-shown", scene(), "reports a complete answer", scene(**FAILED)),
    (
        "ended-early-shown",
        scene(stdout='{"text": "y"}'),
        "reports a complete answer",
        scene(stdout='{"text": "y", "finish": "aborted"}'),
    ),
    (
        "parallel-unmixed",
        scene(*STREAMS, stdout='{"texts": ["text 1", "text 0"]}'),
        "text 1",
        scene(*STREAMS, stdout='{"texts": ["text 0", "text 1"]}'),
    ),
    (
        "parallel-fault-contained",
        scene(STREAMS[0], CUT, stdout='{"texts": ["text 0", "text 1"]}'),
        "text 1",
        scene(STREAMS[0], CUT, stdout='{"texts": ["text 0", null]}'),
    ),
    ("retries-bounded", tries(*[1.0] * 10), "11 times", tries(*[1.0] * 9)),
    ("retries-overload", tries(status=503), "503", tries(1.0, status=503)),
    ("no-retry-no-money", tries(1.0, status=402), "2 times", tries(status=402)),
    (
        "retry-after-kept",
        tries(1.5, headers=(("Retry-After", "2"),)),
        "1.50 s",
        tries(2.0, headers=(("Retry-After", "2"),)),
    ),
    ("retry-back-off", tries(0.5, 0.001), "without a pause", tries(0.2, 0.4)),
    (
        "retry-identical",
        tries(last=exchange("1.9", asked=request({**BODY, "n": 2}))),
        "body of the retry differs",
        tries(1.0),
    ),
    ("retries-bounded", without_bytes(tries(*[1.0] * 10)), "11 times", without_bytes(tries(*[1.0] * 9))),
    (
        "retry-identical",
        without_bytes(tries(1.0, 1.0, last=exchange("1.9", asked=request({**BODY, "n": 2})))),
        "body of the retry differs",
        without_bytes(tries(1.0, 1.0)),
    ),
    ("no-retry-paid", tries(1.0, price="0.01"), "0.02", tries(price="0.01")),
    ("gives-up-stream", scene(status=None), "still running after 9 s", scene(**FAILED)),
    ("done-is-the-end", scene(ended=10 * S), "6.0 s", scene(ended=5 * S)),
    ("abort-closes", scene(exchange(closed=None)), "read to its end", scene(exchange(closed=2 * S))),
    ("abort-closes", scene(exchange(closed=4 * S)), "when the process ended", scene(exchange(closed=3 * S))),
    ("abort-closes", scene(exchange(closed=None, open=True)), "still open", scene(exchange(closed=3 * S))),
    ("idle-connections-closed", scene(exchange(open=True)), "still open", scene()),
    ("key-not-shown", scene(leaks=("stderr",)), "stderr", scene()),
    ("no-children", scene(left=2), "2 processes", scene()),
    ("error-told", scene(status=1, stdout=""), "expected the reason for exit status 1", scene(**FAILED)),
    ("no-crash", scene(status=-11), "signal 11", scene(**FAILED)),
    ("status-told", scene(refused(402), status=1, stderr="oh"), "402", scene(refused(402), **FAILED)),
    ("message-told", scene(refused(402), status=1, stderr="402"), "no money", scene(refused(402), **FAILED)),
]


def found(requirement, seen):
    return [problem.message for problem in CHECKS[f"client.{requirement}"].judge([seen], CASE)]


@pytest.mark.parametrize(
    ("requirement", "broken", "word", "kept"), ROWS, ids=[f"{row[0]}-{n}" for n, row in enumerate(ROWS)]
)
def test_a_breach_is_found_and_what_is_right_is_not(requirement, broken, word, kept):
    assert CHECKS[f"client.{requirement}"].where(broken)
    assert any(part in " ".join(found(requirement, broken)) for part in word.split("|"))
    assert found(requirement, kept) == []


def test_every_rule_has_a_row():
    judges = {CHECKS[f"client.{row[0]}"].name for row in ROWS}
    assert {row.name for row in CHECKS.values()} - judges == {"calls_verbatim"}  # below


def test_calls_are_compared_with_those_of_the_answer():
    told = tools('{"a": 1}')
    for arguments, count in (({"a": 1}, 0), ({"a": 2}, 1)):
        command = replace(told.command, stdout=json.dumps({"calls": [{"name": "f", "arguments": arguments}]}))
        assert len(found("calls-verbatim", replace(told, command=command))) == count


# What cannot be judged is said to be so, and is no pass.
@pytest.mark.parametrize(
    ("requirement", "seen"),
    [
        ("comments", scene(honest=None)),
        ("comments", scene(honest=replace(HONEST, status=1))),
        ("cut-stream-is-error", scene(honest=None)),
        ("text-verbatim", scene(**FAILED)),
    ],
)
def test_what_shows_nothing_is_inconclusive(requirement, seen):
    with pytest.raises(Inconclusive):
        found(requirement, seen)


@pytest.mark.parametrize(
    ("requirement", "seen"),
    [
        ("calls-verbatim", scene()),
        ("parallel-unmixed", scene()),
        ("retry-after-kept", tries(1.0)),
        ("retry-after-kept", tries(headers=(("Retry-After", "2"),))),
        ("retry-back-off", tries()),
        ("no-retry-paid", tries(1.0)),
        ("error-told", scene()),
        ("status-told", scene(refused(402))),
        ("status-told", scene(status=1)),
        ("message-told", scene(exchange(status=500, reads=(Read(S, b"<html>"),)), status=1)),
    ],
)
def test_where_the_case_does_not_arise_nothing_is_judged(requirement, seen):
    assert not CHECKS[f"client.{requirement}"].where(seen)


def test_an_answer_is_judged_in_its_own_use():
    streamed = scene(use="stream")
    assert [use for use in ("", "-stream", "-tools", "-json") if CHECKS[f"client.answers{use}"].where(streamed)] == [
        "-stream"
    ]


def test_uses_are_told_by_the_requests():
    stream, plain = exchange(asked=request({**BODY, "stream": True})), exchange()
    tool = exchange(asked=request({**BODY, "tools": [{}], "stream": True}))
    assert [
        use for use in ("chat", "stream", "tools", "tools-stream", "parallel", "abort", "json") if occurs(use, [stream])
    ] == ["stream", "abort", "json"]
    assert occurs("chat", [plain])
    assert occurs("parallel", [stream, stream])
    assert occurs("tools", [tool])
    assert occurs("tools-stream", [tool])
    assert not occurs("stream", [plain])
    assert not occurs("parallel", [stream, plain])
    assert not occurs("json", [])
