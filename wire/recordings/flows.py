"""Flows of mitmproxy (``mitmdump -w FILE``): tnetstrings, each a connection's exchange. https://tnetstrings.info

The body is as it stood on the wire, and so are the headers; of reads there is nothing, nor of chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from echosounder.wire.errors import LogError
from echosounder.wire.exchange import End, Headers, Observed, Read
from echosounder.wire.recordings.foreign import Foreign, bounded

LACKS = (Observed.TIMES, Observed.FRAMING)
MAX_FLOW = 64 << 20
MAX_DEPTH = 50


def captures(path: Path) -> Iterator[Foreign | None]:
    """The capture of each flow, None for one that is unreadable or not HTTP. Raises :class:`LogError` if the file is truncated or not a
    flow file.
    """
    with path.open("rb") as file:
        while payload := _next(file, path):
            try:
                flow, rest = parse(payload)
                yield None if rest or not isinstance(flow, dict) or flow.get("type") != "http" else capture(flow)
            except (TypeError, ValueError, KeyError, AttributeError, IndexError):
                yield None


def _next(file: BinaryIO, path: Path) -> bytes:
    """The next tnetstring of the file, with its length; empty at the end."""
    digits = b""
    while (byte := file.read(1)) not in (b":", b""):
        digits += byte
        if not byte.isdigit() or len(digits) > 10:
            raise LogError(f"{path} is not a file of mitmproxy flows")
    if not byte:
        if digits:
            raise LogError(f"{path}: the file ends within a flow; it was cut")
        return b""
    length = int(digits or b"0")
    if length > MAX_FLOW:
        raise LogError(f"{path}: a flow of {length} bytes; leave it out of the recording")
    data = file.read(length + 1)
    if len(data) <= length:
        raise LogError(f"{path}: the file ends within a flow; it was cut")
    return digits + b":" + data


def parse(data: bytes, depth: int = 0) -> tuple[Any, bytes]:
    """A tnetstring's value, and the rest. Raises ``ValueError`` for anything else."""
    digits, colon, rest = data.partition(b":")
    if not colon or not digits.isdigit() or depth > MAX_DEPTH:
        raise ValueError("not a tnetstring")
    length = int(digits)
    if len(rest) <= length:
        raise ValueError("a tnetstring that was cut")
    return _value(rest[:length], rest[length : length + 1], depth), rest[length + 1 :]


def _value(payload: bytes, kind: bytes, depth: int) -> Any:
    if kind == b"]":
        return _members(payload, depth)
    if kind == b"}":
        found = _members(payload, depth)
        return {_text(name): value for name, value in zip(found[::2], found[1::2], strict=True)}
    if kind not in _PLAIN:
        raise ValueError(f"no kind of tnetstring: {kind!r}")
    return _PLAIN[kind](payload)


_PLAIN: dict[bytes, Callable[[bytes], Any]] = {
    b",": bytes,
    b";": bytes.decode,
    b"#": int,
    b"^": float,
    b"!": b"true".__eq__,
    b"~": lambda payload: None,
}


def _members(payload: bytes, depth: int) -> list[Any]:
    found = []
    while payload:
        value, payload = parse(payload, depth + 1)
        found.append(value)
    return found


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def capture(flow: dict[str, Any]) -> Foreign:
    request, response = flow["request"], flow.get("response")
    host = _text(request.get("host", ""))
    url = f"{_text(request.get('scheme', 'http'))}://{host}:{request.get('port', 80)}{_text(request['path'])}"
    seen = Foreign(
        _text(request["method"]), url, _headers(request), bounded(request.get("content") or b""), lacks=LACKS
    )
    error = flow.get("error")
    said = _text(error.get("msg", "")) if isinstance(error, dict) else ""
    if response is None:
        seen.end, seen.error = End.RESET, said or "no answer"
        return seen
    body = bounded(response.get("content") or b"")
    seen.status, seen.reason = int(response["status_code"]), _text(response.get("reason", b""))
    seen.http_version, seen.headers = _text(response.get("http_version", b"")), _headers(response)
    seen.reads = [Read(0, body)] if body else []
    if error:
        seen.end, seen.error = End.TRUNCATED, said
    return seen


def _headers(message: dict[str, Any]) -> Headers:
    return tuple((_text(name), _text(value)) for name, value in message.get("headers", ()))
