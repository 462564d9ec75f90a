"""Keep-alives of an answer that is no stream: empty lines before the JSON, on a real socket."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from echosounder.load.client.call import ActiveCall, Job, sample
from echosounder.load.figures.latency import column_us

WHOLE = Job("chat", "/chat/completions", b"{}", False, 10, 10, format="chat")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWER = json.dumps(
    {"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}
).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


EMPTY, END = chunk(b"\n"), b"0\r\n\r\n"
ANSWERS = {
    "none": ((HEAD, chunk(ANSWER), END), 0),
    "three": ((HEAD, EMPTY, 0.05, EMPTY, 0.05, EMPTY, 0.08, chunk(ANSWER), END), 3),
    "a line that belongs to the answer": ((HEAD, chunk(b"\n" + ANSWER + b"\n"), END), 0),
    "lines within the answer": (
        (HEAD, EMPTY, 0.05, chunk(ANSWER[:1]), 0.03, chunk(b"\n"), 0.03, chunk(ANSWER[1:]), END),
        1,
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_empty_lines_before_an_answer_are_keep_alives(
    scripted: Callable[..., Any], one: Callable[..., ActiveCall], name: str
) -> None:
    steps, count = ANSWERS[name]
    server = scripted(*steps)
    record = sample(one(server.address, job=WHOLE))
    assert (record.failure, record.keepalives) == ("", count)
    assert record.usage is not None, "the lines are not in the way of the answer"
    assert bool(column_us("keepalive", [record])) is (count > 0)


@pytest.mark.best_of(5)
def test_their_interval_and_the_queue_that_they_show_are_those_of_the_server(
    scripted: Callable[..., Any], one: Callable[..., ActiveCall]
) -> None:
    server = scripted(*ANSWERS["three"][0])
    record = sample(one(server.address, job=WHOLE))
    _, first, _, last, text, _ = server.wrote
    assert column_us("keepalive_interval", [record])[0] == pytest.approx((last - first) / 2000, abs=2000)
    assert column_us("keepalive", [record])[0] == pytest.approx((text - first) / 1000, abs=2000)
