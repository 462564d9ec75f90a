"""The journal as evidence: bytes as they were received and written, and answers that have not ended."""

import base64
import hashlib
import time
from contextlib import suppress

import httpx

from echosounder.mock_server.net.process import spawn

BODY = {"model": "deepseek-v4-flash", "messages": [{"role": "user", "content": "Repeat exactly: ünï"}], "max_tokens": 8}
KEY = "sk-journal-0123456789"


def test_every_byte_of_request_and_answer_is_there_and_each_write_has_its_stamp(connect, mock):
    with connect(mock, KEY) as client:
        answer = client.post("/chat/completions", json=BODY | {"stream": True})
        entry = client.get("/__mock/journal?raw=1").json()["entries"][-1]
    written = b"".join(base64.b64decode(part) for part in entry["writes_b64"])
    assert base64.b64decode(entry["body_b64"]) == answer.request.content
    assert len(entry["writes_b64"]) == len(entry["written"])
    assert all(line.encode() in written for line in answer.text.splitlines())
    assert ["content-type", "application/json"] in entry["request"]["headers"]
    assert entry["credential"] == hashlib.sha256(KEY.encode()).hexdigest()
    assert KEY not in str(entry)


def test_what_is_done_instead_of_writing_stands_among_the_writes(connect):
    with spawn(deviate=("stream-cut:after=1,act=reset",)) as running, connect(running) as client:
        with suppress(httpx.HTTPError):
            client.post("/chat/completions", json=BODY | {"stream": True})
        entry = client.get("/__mock/journal?raw=1").json()["entries"][-1]
    assert entry["writes_b64"][-1] == {"act": "reset"}


def test_an_answer_that_has_not_ended_is_told_when_asked_for(connect):
    with (
        spawn(deviate=("stall:after=2",)) as running,
        connect(running) as client,
        client.stream("POST", "/chat/completions", json=BODY | {"stream": True}) as answer,
    ):
        parts = answer.iter_raw()
        next(parts)  # and no more yet; a generator that nobody holds would hang up
        time.sleep(0.1)
        with connect(running) as other:
            ended = other.get("/__mock/journal?raw=1").json()["entries"]
            entry = other.get("/__mock/journal?raw=1&open=1").json()["entries"][-1]
    assert ended == []
    assert (entry["open"], entry["complete"], entry["closed"]) == (True, False, None)
    assert 0 < len(entry["written"]) < len(entry["writes_b64"])
