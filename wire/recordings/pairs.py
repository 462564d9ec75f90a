"""Plain files in a folder: ``NAME.request.*`` and ``NAME.response.*``, each an HTTP message as it stands on the wire, or its body alone.

Of a body alone the wire format is the first that can read the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h11

from echosounder.wire.errors import LogError
from echosounder.wire.exchange import End, Observed, Read
from echosounder.wire.recordings.foreign import MAX_BODY, Foreign, bounded, format_path, text_headers

LACKS = (Observed.TIMES, Observed.FRAMING)
MAX_HEAD = 256 * 1024


def captures(folder: Path) -> Iterator[Foreign | None]:
    """The capture of each pair, by name, None for one that cannot be read. Raises :class:`LogError` if there is no pair."""
    requests = {path.name.split(".request")[0]: path for path in sorted(folder.glob("*.request*"))}
    responses = {path.name.split(".response")[0]: path for path in sorted(folder.glob("*.response*"))}
    if not requests.keys() & responses.keys():
        raise LogError(f"{folder} has no pair of files NAME.request.* and NAME.response.*, and no run.jsonl")
    for name in sorted(requests.keys() | responses.keys()):
        both = name in requests and name in responses
        yield pair(_read(requests[name]), _read(responses[name])) if both else None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BODY + MAX_HEAD)


def pair(asked: bytes, answered: bytes) -> Foreign | None:
    try:
        seen = _asked(asked) if _http(asked) else Foreign("POST", "", (), bounded(asked))
        _answered(seen, answered)
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        return None
    if not seen.target:
        seen.target = format_path(seen)
    return seen


def _http(data: bytes) -> bool:
    return b"HTTP/1." in data.split(b"\n", 1)[0]


def _asked(data: bytes) -> Foreign:
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
    head, body = _parted(data)
    parser.receive_data(head)
    event = parser.next_event()
    if not isinstance(event, h11.Request):
        raise h11.RemoteProtocolError("no request")
    return Foreign(
        event.method.decode(), event.target.decode("latin-1"), text_headers(event.headers.raw_items()), bounded(body)
    )


def _answered(seen: Foreign, data: bytes) -> None:
    seen.lacks, seen.status = LACKS, 200
    body = data
    if _http(data):
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        parser.send(h11.Request(method=seen.method, target="/", headers=[("host", "recorded")]))
        parser.send(h11.EndOfMessage())
        head, body = _parted(data)
        parser.receive_data(head)
        event = parser.next_event()
        if not isinstance(event, h11.Response):
            raise h11.RemoteProtocolError("no answer")
        seen.status, seen.reason = event.status_code, event.reason.decode("latin-1")
        seen.http_version = f"HTTP/{event.http_version.decode()}"
        seen.headers = text_headers(event.headers.raw_items())
    elif body.lstrip().startswith((b"data:", b"event:", b":")):
        seen.headers = (("content-type", "text/event-stream"),)
    else:
        seen.headers = (("content-type", "application/json"),)
    seen.reads, seen.end = ([Read(0, bounded(body))] if body else []), End.COMPLETE


def _parted(data: bytes) -> tuple[bytes, bytes]:
    """Head and body. Chunks are left out by whoever saves an answer (``curl -i``); lines may end in LF alone, as editors leave them."""
    for blank in (b"\r\n\r\n", b"\n\n"):
        head, found, body = data.partition(blank)
        if found:
            return head.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n\r\n", body
    return data + b"\r\n\r\n", b""
