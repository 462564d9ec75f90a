"""The checks of the Responses and the Messages format: silent on a right stream, and each says what is wrong with a broken one."""

import json
import re
from dataclasses import replace

import pytest

from echosounder import specs
from echosounder.judgement.absence import absent
from echosounder.judgement.assigned import checks
from echosounder.judgement.check import Case, Subject
from echosounder.judgement.score import judge
from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.formats import FORMATS
from echosounder.wire.verdict import Verdict

CASE = Case(Subject("2026-11", "deepseek-flash"))
STREAM = (("Content-Type", "text/event-stream"),)
JSON = (("Content-Type", "application/json"),)


def events(name):
    """``[name, value]`` of each event of the format's own example."""
    for block in FORMATS[name].grammar.example.strip().split("\n\n"):
        event, data = (line.partition(": ")[2] for line in block.strip().split("\n"))
        yield [event, json.loads(data)]


def streamed(name, rows):
    body = b"".join(f"event: {event}\ndata: {json.dumps(value)}\n\n".encode() for event, value in rows)
    request = Request("POST", FORMATS[name].path, "", body=b'{"model":"m","stream":true}')
    return Exchange("x", f"{name}.stream", request, status=200, headers=STREAM, reads=(Read(0, body),), format=name)


def document(name, status, value):
    request = Request("POST", FORMATS[name].path, "", body=b'{"model":"m"}')
    reads = (Read(0, json.dumps(value).encode()),)
    return Exchange("x", f"{name}.basic", request, status=status, headers=JSON, reads=reads, format=name)


def verdict(id, exchange):
    return judge(specs.requirement(id), checks()[id], [exchange], CASE)


def at(place, **members):
    return lambda rows: rows[place][1].update(members)


def drop(place):
    return lambda rows: rows.pop(place)


def swap(one, other):
    def change(rows):
        rows[one], rows[other] = rows[other], rows[one]

    return change


def again(place):
    return lambda rows: rows.append(rows[place])


def inside(place, member, **members):
    return lambda rows: rows[place][1][member].update(members)


# Places in the example: 0 created, 1 in_progress, 2 item added, 3 part added, 4 and 5 deltas, 6 text done, 7 part done, 8 item done,
# 9 completed; of Messages: 0 message_start, 1 block start, 2 ping, 3 and 4 deltas, 5 block stop, 6 message_delta, 7 message_stop.
BROKEN = [
    ("responses.sequence", at(4, sequence_number=9)),
    ("responses.sequence", drop(5)),
    ("responses.stream-opens", drop(0)),
    ("responses.stream-ends-once", drop(9)),
    ("responses.stream-ends-once", again(9)),
    ("responses.stream-nothing-after", again(4)),
    ("responses.stream-named", lambda rows: rows[4].__setitem__(0, "")),
    ("responses.stream-name-is-type", lambda rows: rows[4].__setitem__(0, "response.output_text.done")),
    ("responses.stream-event-schema", at(4, delta=None)),
    ("responses.in-progress-second", drop(1)),
    ("responses.id-constant", inside(9, "response", id="other")),
    ("responses.end-fits-status", inside(9, "response", status="incomplete")),
    ("responses.items-balanced", drop(8)),
    ("responses.items-balanced", drop(2)),
    ("responses.parts-balanced", drop(7)),
    ("responses.output-index", at(2, output_index=1)),
    ("responses.item-id-kept", at(5, item_id="other")),
    ("responses.text-adds-up", at(5, delta=" too")),
    ("responses.text-adds-up", drop(6)),
    ("responses.item-done-whole", inside(8, "item", content=[])),
    ("responses.output-is-items", inside(9, "response", output=[])),
    ("responses.usage-present", inside(9, "response", usage=None)),
    ("responses.usage-sums", inside(9, "response", usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 4})),
    ("responses.finish-known", inside(9, "response", status="done")),
    ("responses.stateless", inside(9, "response", store=True)),
    ("messages.stream-opens", drop(0)),
    ("messages.stream-ends-once", drop(7)),
    ("messages.stream-nothing-after", again(2)),
    ("messages.blocks-balanced", drop(5)),
    ("messages.blocks-balanced", drop(1)),
    ("messages.block-index", at(1, index=1)),
    ("messages.delta-in-block", swap(4, 5)),
    ("messages.delta-fits-block", at(4, delta={"type": "thinking_delta", "thinking": "x"})),
    ("messages.delta-once", drop(6)),
    ("messages.delta-last", swap(5, 6)),
    ("messages.usage-at-start", inside(0, "message", usage={})),
    ("messages.usage-cumulative", inside(0, "message", usage={"input_tokens": 1, "output_tokens": 9})),
    ("messages.start-empty", inside(0, "message", content=[{"type": "text", "text": ""}])),
    ("messages.finish-known", inside(6, "delta", stop_reason="stop")),
    ("messages.stop-sequence-null", inside(6, "delta", stop_sequence="five")),
    ("messages.stream-event-schema", at(4, delta={"type": "text_delta"})),
]  # fmt: skip


@pytest.mark.parametrize("name", ["responses", "messages"])
@pytest.mark.parametrize(("lost", "expected"), [(400, Verdict.PASS), (200, Verdict.NONSTRICT)])
def test_the_letter_wants_a_lost_thought_refused_and_nothing_else(name, lost, expected):
    id, letter = f"{name}.thinking-missing-refused", Case(CASE.subject, "documented")
    rounds = [replace(document(name, status, {}), step=step) for step, status in (("call", 200), ("lost", lost))]
    found = judge(specs.requirement(id), checks()[id], rounds, letter)
    assert found.verdict is expected
    assert all("(lost)" in each.message for each in found.findings)


SHORT = {"responses.stateless", "responses.stream-event-schema"}  # the example leaves out members that these ask for


@pytest.mark.parametrize(("id", "change"), BROKEN)
def test_what_is_wrong_is_found(id, change):
    name = id.partition(".")[0]
    rows = list(events(name))
    before = verdict(id, streamed(name, rows)).verdict
    change(rows)
    found = verdict(id, streamed(name, rows))
    assert found.verdict in {Verdict.FAIL, Verdict.NONSTRICT}, found
    if id not in SHORT:
        assert before is Verdict.PASS


def failed(rows):
    error = {"code": "server_error", "message": "the back end broke off"}
    rows[9] = ["response.failed", rows[9][1] | {"type": "response.failed"}]
    rows[9][1]["response"] |= {"status": "failed", "error": error, "usage": None}
    return rows


@pytest.mark.parametrize("id", ["responses.stream-complete", "responses.stream-ends-once", "responses.stream-usage"])
def test_a_response_that_failed_has_ended_in_its_own_way(id):
    """`response.failed` is one of the three last events, and has no usage: no transport cut it."""
    assert verdict(id, streamed("responses", failed([*events("responses")]))).verdict is not Verdict.FAIL


def test_a_stream_that_breaks_off_with_an_error_is_not_complete():
    rows = [*events("responses")][:5]
    rows.append(["error", {"type": "error", "code": "server_error", "message": "gone", "sequence_number": 5}])
    assert verdict("responses.stream-complete", streamed("responses", rows)).verdict is Verdict.FAIL


@pytest.mark.parametrize("name", ["responses", "messages"])
def test_the_marker_of_chat_is_named(name):
    whole = streamed(name, events(name))
    more = Exchange(**{**vars_of(whole), "reads": (*whole.reads, Read(0, b"data: [DONE]\n\n"))})
    assert verdict(f"{name}.stream-no-done", whole).verdict is Verdict.PASS
    assert "[DONE], expected none in this format" in verdict(f"{name}.stream-no-done", more).findings[0].message


def vars_of(exchange):
    return {name: getattr(exchange, name) for name in ("id", "probe", "request", "status", "headers", "format")}


CHAT = {"object": "chat.completion", "choices": [{"message": {"role": "assistant", "content": "Hi."}}]}
ERROR = {"error": {"message": "No such path: /anthropic/v1/messages", "type": "invalid_request_error", "code": "x"}}
ABSENT = [
    (document("messages", 404, {}), Verdict.UNSUPPORTED, "does not serve the format Messages: POST .* got status 404"),
    (document("messages", 400, ERROR), Verdict.UNSUPPORTED, "does not serve the format Messages: .* status 400"),
    (document("responses", 405, {}), Verdict.UNSUPPORTED, "does not serve the format Responses"),
    (document("messages", 200, CHAT), Verdict.FAIL, "answers POST .* in the format Chat completion"),
    (document("responses", 200, {"type": "message", "content": []}), Verdict.FAIL, "in the format Messages"),
]


@pytest.mark.parametrize(("exchange", "expected", "says"), ABSENT)
def test_a_format_that_is_not_there_is_named_once(exchange, expected, says):
    found = verdict(f"{exchange.format}.available", exchange)
    assert found.verdict is expected
    reason = absent(exchange.format, [exchange])
    assert reason
    told = found.note or found.findings[0].message
    assert told == reason
    assert re.search(says, reason)


def test_a_format_that_is_there_is_not_absent():
    whole = {"type": "message", "content": [], "stop_reason": "end_turn"}
    assert absent("messages", [document("messages", 404, {}), document("messages", 200, whole)]) == ""
    assert absent("messages", [document("messages", 503, {})]) == ""
    assert absent("messages", []) == ""
    assert absent("chat", []) == ""
