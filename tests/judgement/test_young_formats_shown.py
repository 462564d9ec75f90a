"""Checks of Responses, Messages, files: what could not have shown a breach proves nothing, and what could still does."""

import json
from dataclasses import replace

import pytest

from echosounder import specs
from echosounder.judgement.assigned import checks
from echosounder.judgement.check import Case, Subject
from echosounder.judgement.score import judge
from echosounder.wire.exchange import End, Exchange, Read, Request
from echosounder.wire.formats import FORMATS
from echosounder.wire.verdict import Verdict

CASE = Case(Subject("2026-11", "deepseek-flash"))
PASS, INCONCLUSIVE, FAIL = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL
JSON, EVENTS = (("content-type", "application/json"),), (("content-type", "text/event-stream"),)


def document(format, value, step="", path="", **asked):
    path = path or FORMATS[format].path
    request = Request("POST", path, f"http://h{path}", body=json.dumps({"model": "m", **asked}).encode())
    reads = (Read(1, json.dumps(value).encode()),)
    return Exchange(
        step or "1", f"{format}.basic", request, step, status=200, headers=JSON, reads=reads, end=End.COMPLETE, format=format,
        t_sent=0, t_closed=1,
    )  # fmt: skip


def stream(format, *events, **asked):
    body = b"".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events)
    path = FORMATS[format].path
    request = Request(
        "POST", path, f"http://h{path}", body=json.dumps({"model": "m", "stream": True, **asked}).encode()
    )
    return Exchange(
        "1", f"{format}.stream", request, status=200, headers=EVENTS, reads=(Read(1, body),), end=End.COMPLETE, format=format,
        t_sent=0, t_closed=2,
    )  # fmt: skip


def response(*output, status="completed", usage=None, **more):
    return {"object": "response", "id": "r", "status": status, "output": list(output), "usage": usage, **more}


def item(text="Hi.", **more):
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}], **more}


def answered(format, text, step="", usage=None, **asked):
    made = response(item(text), usage=usage) if format == "responses" else message(text, usage=usage)
    return document(format, made, step, **asked)


def message(text="Hi.", reason="end_turn", usage=None, before=(), **more):
    content = [*before, {"type": "text", "text": text}] if text else list(before)
    return {
        "type": "message",
        "id": "m",
        "role": "assistant",
        "content": content,
        "stop_reason": reason,
        "usage": usage,
        **more,
    }


def streamed(*events, reason="end_turn"):
    """A Messages stream around *events*."""
    start = {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 3, "output_tokens": 1}}}
    end = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 4}}
    return stream("messages", start, *events, end, {"type": "message_stop"})


def block(index, kind="text"):
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind}}


def delta(index, text="a"):
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}


def stop(index):
    return {"type": "content_block_stop", "index": index}


def ended(*events, output=()):
    """A Responses stream of *events* and its end, numbered."""
    end = {"type": "response.completed", "response": response(*output)}
    return stream("responses", *({**each, "sequence_number": at} for at, each in enumerate([*events, end])))


def added(index):
    return {"type": "response.output_item.added", "output_index": index, "item": {"id": f"i{index}"}}


THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}
RESPONSES_COUNTS = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}
BOUNDED = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
CHOICE = {"tool_choice": {"type": "function", "name": "f"}}
ROWS = {
    # Responses
    "one item has no other to share its id with": (
        "responses.item-ids",
        [document("responses", response(item(id="a")))],
        INCONCLUSIVE,
    ),
    "two items": ("responses.item-ids", [document("responses", response(item(id="a"), item(id="b")))], PASS),
    "two items of one id": ("responses.item-ids", [document("responses", response(item(id="a"), item(id="a")))], FAIL),
    "items without a status": ("responses.item-status", [document("responses", response(item()))], INCONCLUSIVE),
    "items with one": ("responses.item-status", [document("responses", response(item(status="completed")))], PASS),
    "items that go on": ("responses.item-status", [document("responses", response(item(status="in_progress")))], FAIL),
    "a sum of what is not there": (
        "responses.usage-sums",
        [document("responses", response(usage={"input_tokens": 9}))],
        INCONCLUSIVE,
    ),
    "a sum": ("responses.usage-sums", [document("responses", response(usage=RESPONSES_COUNTS))], PASS),
    "a wrong sum": (
        "responses.usage-sums",
        [document("responses", response(usage=RESPONSES_COUNTS | {"total_tokens": 12}))],
        FAIL,
    ),
    "one number has no order": ("responses.sequence", [ended()], INCONCLUSIVE),
    "no item, no index": ("responses.output-index", [ended()], INCONCLUSIVE),
    "an item": ("responses.output-index", [ended(added(0))], PASS),
    "a wrong index": ("responses.output-index", [ended(added(1))], FAIL),
    "no event of an item": ("responses.item-id-kept", [ended()], INCONCLUSIVE),
    "no items at all": ("responses.output-is-items", [ended()], INCONCLUSIVE),
    "an item that nobody told of": ("responses.output-is-items", [ended(output=[item(id="a")])], FAIL),
    # both
    "answers without ids": (
        "responses.id-unique",
        [document("responses", {"output": []}), document("responses", {"output": []}, "2")],
        INCONCLUSIVE,
    ),
    "answers of one id": (
        "messages.id-unique",
        [document("messages", message()), document("messages", message(), "2")],
        FAIL,
    ),
    "a usage that counts nothing is not negative": (
        "messages.usage-nonnegative",
        [document("messages", message(usage={}))],
        INCONCLUSIVE,
    ),
    "a prompt that is not counted": (
        "messages.usage-prompt-counted",
        [document("messages", message(usage={"output_tokens": 2}))],
        INCONCLUSIVE,
    ),
    "output that is not counted": (
        "messages.usage-completion-counted",
        [document("messages", message(usage={"input_tokens": 2}))],
        INCONCLUSIVE,
    ),
    "output that counts nothing": (
        "messages.usage-completion-counted",
        [document("messages", message(usage={"input_tokens": 2, "output_tokens": 0}))],
        FAIL,
    ),
    "two prompts are no prompt twice": (
        "responses.usage-same-in-both-modes",
        [
            answered("responses", "a", "1", RESPONSES_COUNTS, input="x"),
            answered("responses", "a", "2", RESPONSES_COUNTS, input="y"),
        ],
        INCONCLUSIVE,
    ),
    "a prompt twice": (
        "responses.usage-same-in-both-modes",
        [
            answered("responses", "a", "1", RESPONSES_COUNTS, input="x"),
            answered("responses", "a", "2", RESPONSES_COUNTS, input="x"),
        ],
        PASS,
    ),
    "hits that nobody counts": (
        "responses.cache-hit",
        [answered("responses", "a", "first", RESPONSES_COUNTS), answered("responses", "a", "second", RESPONSES_COUNTS)],
        INCONCLUSIVE,
    ),
    "a call that was cut before it began": (
        "responses.tool-called",
        [document("responses", response(item(), **BOUNDED), **CHOICE)],
        INCONCLUSIVE,
    ),
    "a call that was not made": ("responses.tool-called", [document("responses", response(item()), **CHOICE)], FAIL),
    "a named call that was cut": (
        "messages.tool-named",
        [document("messages", message(reason="max_tokens"), "named", tool_choice={"type": "tool", "name": "f"})],
        INCONCLUSIVE,
    ),
    "a named call that was not made": (
        "messages.tool-named",
        [document("messages", message(), "named", tool_choice={"type": "tool", "name": "f"})],
        FAIL,
    ),
    "a thought and no text": (
        "messages.thinking-first",
        [
            streamed(
                block(0, "thinking"),
                {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
                stop(0),
            )
        ],
        INCONCLUSIVE,
    ),
    # Messages
    "cut before the stop sequence": (
        "messages.stop-sequence",
        [document("messages", message("al", "max_tokens"), stop_sequences=["HALT"])],
        INCONCLUSIVE,
    ),
    "at the stop sequence": (
        "messages.stop-sequence",
        [document("messages", message("al", "stop_sequence", stop_sequence="HALT"), stop_sequences=["HALT"])],
        PASS,
    ),
    "a stop sequence is not null": (
        "messages.stop-sequence-null",
        [document("messages", message(reason="stop_sequence", stop_sequence="x"))],
        INCONCLUSIVE,
    ),
    "an end without a reason": (
        "messages.stop-sequence-null",
        [document("messages", message(reason=None))],
        INCONCLUSIVE,
    ),
    "a thought alone": (
        "messages.thinking-block-first",
        [document("messages", message("", before=[THOUGHT]))],
        INCONCLUSIVE,
    ),
    "a thought before the text": (
        "messages.thinking-block-first",
        [document("messages", message(before=[THOUGHT]))],
        PASS,
    ),
    "no block": ("messages.blocks-balanced", [streamed()], INCONCLUSIVE),
    "no block has no index": ("messages.block-index", [streamed()], INCONCLUSIVE),
    "one block has no order": ("messages.one-block-at-a-time", [streamed(block(0), stop(0))], INCONCLUSIVE),
    "two blocks": ("messages.one-block-at-a-time", [streamed(block(0), stop(0), block(1), stop(1))], PASS),
    "two blocks at a time": ("messages.one-block-at-a-time", [streamed(block(0), block(1), stop(0), stop(1))], FAIL),
    "no delta": ("messages.delta-in-block", [streamed(block(0), stop(0))], INCONCLUSIVE),
    "a delta": ("messages.delta-in-block", [streamed(block(0), delta(0), stop(0))], PASS),
    "no delta that fits": ("messages.delta-fits-block", [streamed(block(0), stop(0))], INCONCLUSIVE),
}


@pytest.mark.parametrize(("id", "exchanges", "expected"), ROWS.values(), ids=ROWS)
def test_shown_or_not(id, exchanges, expected):
    found = judge(specs.requirement(id), checks()[id], exchanges, CASE)
    assert found.verdict is expected, found


def test_one_document_is_no_control_for_the_text_of_a_stream():
    """A model that answers a question in two ways is not a server that loses text."""
    one = answered("responses", "Paris", "1", temperature=0)
    other = replace(ended(output=[item("Lyon")]), request=replace(one.request, body=b'{"stream":true,"temperature":0}'))
    row = specs.requirement("responses.stream-same-text")
    assert judge(row, checks()[row.id], [one, other], CASE).verdict is INCONCLUSIVE
    assert judge(row, checks()[row.id], [one, replace(one, id="2"), other], CASE).verdict is Verdict.NONSTRICT


def listing(step, *files):
    rows = [{"id": each, "created_at": 1} for each in files]
    value = {"object": "list", "data": rows, "has_more": False}
    return replace(document("chat", value, step, path="/files?after=b"), format="")


LISTS = {
    "nothing behind": ("files.list-after", [listing("after")], INCONCLUSIVE),
    "others behind": ("files.list-after", [listing("after", "c")], PASS),
    "the file itself behind": ("files.list-after", [listing("after", "b", "c")], FAIL),
    "one file has no order": (
        "files.list-order",
        [listing("ascending", "a"), listing("descending", "a")],
        INCONCLUSIVE,
    ),
    "two in both orders": ("files.list-order", [listing("ascending", "a", "b"), listing("descending", "b", "a")], PASS),
    "two in one order": ("files.list-order", [listing("ascending", "a", "b"), listing("descending", "a", "b")], FAIL),
}


@pytest.mark.parametrize(("id", "exchanges", "expected"), LISTS.values(), ids=LISTS)
def test_lists_of_files(id, exchanges, expected):
    found = judge(specs.requirement(id), checks()[id], exchanges, CASE)
    assert found.verdict is expected, found
