"""Whatever bytes a server sends, a whole run ends in time with findings or with a reason, and never with an error of ours."""

import gzip
import json
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from echosounder.conformance.check_run import check
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.options import CheckOptions
from echosounder.judgement.setting import Suite
from echosounder.wire.runlog import read
from echosounder.wire.target import target
from echosounder.wire.verdict import Verdict

KEY = "sk-test-0123456789"
TIGHT = Bounds(idle_s=0.3, total_s=2.0, refusal_s=0.2)


def head(kind, *lines):
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"content-type: " + kind, *lines, b""])


def document(body, *lines, kind=b"application/json"):
    return head(kind, *lines, b"content-length: %d" % len(body)) + b"\r\n" + body


def events(*values):
    texts = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in values)
    return document(b"".join(b"data: %s\n\n" % text for text in texts), kind=b"text/event-stream")


def flood(line, kind=b"text/event-stream"):
    return head(kind) + b"\r\n" + line * (3_000_000 // len(line))


CHUNK = {"id": "a", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "x"}, "finish_reason": None}]}
CALLS = [7, None, {"index": [], "function": 7}, {"index": {}, "id": {}, "function": {"name": [], "arguments": {}}}]
SHAPES = (
    CHUNK,
    [],
    7,
    None,
    "x",
    {"choices": {}},
    {"choices": [7, None, []]},
    {"choices": [{"delta": []}]},
    {"choices": [{"delta": {"content": 7, "tool_calls": {"a": 1}}}]},
    {"choices": [{"delta": {"tool_calls": CALLS}}]},
    {"usage": []},
    {"usage": {"prompt_tokens": "7", "prompt_tokens_details": 7}},
    {"error": 7},
    {"error": {"message": []}},
    {"choices": [{"index": {}, "delta": {}, "finish_reason": {}}], "id": [], "created": {}, "model": {}},
    b"[DONE]",
)
ODD = {
    "id": [],
    "choices": [
        {
            "index": {},
            "message": {"content": {}, "tool_calls": CALLS},
            "finish_reason": [],
            "logprobs": {"content": CALLS},
        }
    ],
    "usage": {"prompt_tokens": [], "completion_tokens": {}, "total_tokens": "9", "completion_tokens_details": 7},
    "data": [7, {"id": []}, {"id": {}}],
    "balance_infos": [7, {"currency": [], "total_balance": []}],
    "error": [],
}
BOMB = gzip.compress(b"\0" * 50_000_000)
STREAM_BOMB = gzip.compress(b": x\n\n" * 5_000_000)
PACKED = b"content-encoding: gzip"
HONEST = document(b'{"a":1}')

NO_API = {
    "SMTP": b"220 mail.example ESMTP Postfix\r\n",
    "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>",
    "another upgrade": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n\x81\x05hello",
    "continue for ever": b"HTTP/1.1 100 Continue\r\n\r\n" * 3000,
    "a status of two digits": HONEST.replace(b"200 OK", b"20 OK"),
    "a length below zero": HONEST.replace(b": 7\r", b": -7\r"),
    "a length in words": HONEST.replace(b": 7\r", b": seven\r"),
    "two lengths": HONEST.replace(b"content-length", b"content-length: 3\r\ncontent-length"),
    "a NUL in the head": document(b"{}", b"x-a: a\x00b"),
    "a bomb": document(BOMB, PACKED),
    "a bomb of events": document(STREAM_BOMB, PACKED, kind=b"text/event-stream"),
    "nine megabytes": document(b'"' + b"a" * 9_000_000 + b'"'),
    "a flood of events": flood(b"data: {}\n\n"),
    "a flood of comments": flood(b":\r"),
    "not modified": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "nothing": b"",
}
BAD_API = {
    "a length too short": HONEST.replace(b": 7\r", b": 3\r"),
    "a length too long": HONEST.replace(b": 7\r", b": 700\r"),
    "a length and chunks": document(b'{"a":1}', b"transfer-encoding: chunked"),
    "text": document(b"Hello there"),
    "null": document(b"null"),
    "a number": document(b"7"),
    "depth without end": document(b"[" * 100_000),
    "depth of 900": document(b'{"a":' * 900 + b"1" + b"}" * 900),
    "depth in a chunk": events(b'{"choices":' + b"[" * 800 + b"]" * 800 + b"}"),
    "a number of 6000 digits": document(b'{"created":' + b"9" * 6000 + b',"choices":[]}'),
    "no numbers": document(b'{"choices":[NaN],"usage":{"prompt_tokens":Infinity}}'),
    "not UTF-8": document(b'{"choices":[{"message":{"content":"\xff\xfe"}}]}'),
    "UTF-16": document('{"choices":[]}'.encode("utf-16")),
    "a megabyte": document(json.dumps({"choices": [{"message": {"content": "a" * 1_000_000}}]}).encode()),
    "every shape": events(*SHAPES),
    "odd members": document(json.dumps(ODD).encode()),
    "a page in the middle": head(b"text/event-stream") + b"\r\ndata: {}\n\n<html><body>502</body></html>",
    "a stream in a document": document(b'{"choices":[]}\ndata: {}\n\ndata: [DONE]\n\n'),
    "a status of its own": HONEST.replace(b"200 OK", b"999 Odd"),
    "bytes in the head": document(b"{}", b"x-a: gr\xfc\xdfe"),
    "a folded header": document(b"{}", b"x-a: a\r\n b"),
    "a type that is none": document(b"{}", kind=b"\xff\xfe;;;="),
    "another coding": document(b"zzzz", b"content-encoding: br"),
    "broken gzip": document(b"zzzz", PACKED),
    "one line": head(b"text/event-stream") + b"\r\ndata: " + b"x" * 1_500_000 + b"\n\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
}


@contextmanager
def saying(answer):
    """A server that says *answer* to every request and hangs up; ``seen`` are the requests."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []

    def play(connection):
        with connection, suppress(OSError):
            seen.append(connection.recv(1 << 20))
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):  # closing on unread bytes would reset what was sent
                pass

    def loop():
        with suppress(OSError):
            while True:
                threading.Thread(target=play, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
    finally:
        listener.close()


def outcome_of(answer, folder):
    start = time.monotonic()
    with saying(answer) as (url, seen):
        outcome = check(CheckOptions(target(url), folder, KEY, suite=Suite.SMOKE, bounds=TIGHT))
    assert time.monotonic() - start < 20
    assert read(outcome.log).footer is not None
    assert [result for result in outcome.results if result.verdict is Verdict.ERROR] == []
    return outcome, seen


@pytest.mark.parametrize("answer", NO_API.values(), ids=NO_API)
def test_what_is_no_api_gets_a_reason_in_one_line(answer, tmp_path):
    outcome, seen = outcome_of(answer, tmp_path)
    assert (outcome.exit_code, outcome.report["verdict"]) == (3, "inconclusive")
    assert "\n" not in str(outcome.stopped)
    assert len(seen) == 2


@pytest.mark.parametrize("answer", BAD_API.values(), ids=BAD_API)
def test_what_is_a_bad_api_gets_findings(answer, tmp_path):
    outcome, _ = outcome_of(answer, tmp_path)
    assert (outcome.exit_code, outcome.stopped) == (1, None)
    assert sum(len(result.findings) for result in outcome.results) > 5


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_key_stays(status, tmp_path):
    with saying(HONEST) as (elsewhere, seen):
        away = b"HTTP/1.1 %d Away\r\nlocation: %s/v1\r\ncontent-length: 0\r\n\r\n" % (status, elsewhere.encode())
        outcome, asked = outcome_of(away, tmp_path)
    assert seen == []
    assert outcome.exit_code == 3
    assert f"redirects to {elsewhere}/v1" in str(outcome.stopped)
    assert all(KEY.encode() in request for request in asked)
