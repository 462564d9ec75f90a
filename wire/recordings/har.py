"""HAR 1.2 (https://w3c.github.io/web-performance/specs/HAR/Overview.html), as exported by browsers, mitmproxy and Charles.

A body is text, or base64 of bytes; its content coding is gone, and nobody wrote down its reads or its transfer coding.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from echosounder.wire.errors import LogError
from echosounder.wire.exchange import End, Headers, Observed, Read
from echosounder.wire.recordings.foreign import Foreign, bounded
from echosounder.wire.strict_json import at

LACKS = (Observed.TIMES, Observed.FRAMING, Observed.BYTES)
PORTION = 1 << 20
MAX_ENTRY = 64 << 20
"""Characters of one entry; a file of any size is read in as much memory as this."""
_ENTRIES = re.compile(r'"entries"\s*:\s*\[')
_CODED = {"content-encoding", "content-length", "transfer-encoding"}


def captures(path: Path) -> Iterator[Foreign | None]:
    """The capture of each entry, None for one that cannot be read. Raises :class:`LogError` if the file is truncated or not a HAR."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for entry in entries(file, path):
            try:
                yield None if entry is None else capture(entry)
            except (TypeError, ValueError, KeyError, AttributeError):
                yield None


def entries(file: TextIO, path: Path) -> Iterator[Any]:
    """The members of ``log.entries``, one at a time; None for one that is larger than MAX_ENTRY."""
    decoder, text = json.JSONDecoder(), _begin(file, path)
    while True:
        text = text.lstrip(" \t\r\n,")
        if text.startswith("]"):
            return
        try:
            value, end = decoder.raw_decode(text) if text else (None, 0)
        except RecursionError:
            raise LogError(f"{path}: an entry is nested too deeply; this is not a recording of an API") from None
        except ValueError:
            end = 0
        if end:
            yield value
            text = text[end:]
            continue
        more = file.read(max(PORTION, len(text)))
        if not more:
            raise (
                LogError(f"{path}: the file ends within an entry; it was cut, or is no HAR")
                if text
                else LogError(f"{path}: the list of entries does not end; the file was cut")
            )
        text += more
        if len(text) > MAX_ENTRY + PORTION:
            raise LogError(f"{path}: an entry is larger than {MAX_ENTRY >> 20} MiB; leave it out of the recording")


def _begin(file: TextIO, path: Path) -> str:
    """What follows the bracket behind ``entries``."""
    text = ""
    while part := file.read(PORTION):
        text = text[-PORTION:] + part
        if found := _ENTRIES.search(text):
            return text[found.end() :]
    raise LogError(f"{path} has no log.entries: it is no HAR")


def capture(entry: Any) -> Foreign:
    """Raises ``ValueError`` and its like for a malformed entry."""
    request, response = entry["request"], entry["response"]
    method, url = request["method"], request["url"]
    if not isinstance(method, str) or not isinstance(url, str):
        raise TypeError("a request without method or URL")
    status = response.get("status")
    known = isinstance(status, int) and status > 0
    body = bounded(_content(response.get("content") or {}))
    error = response.get("_error") or ""
    return Foreign(
        method,
        url,
        _headers(request),
        bounded(_posted(request.get("postData") or {})),
        status=status if known else None,
        reason=str(response.get("statusText") or ""),
        http_version=str(response.get("httpVersion") or ""),
        headers=tuple(row for row in _headers(response) if row[0].lower() not in _CODED),
        reads=[Read(0, body)] if body else [],
        end=End.COMPLETE if known else End.CONNECT_FAILED,
        error=str(error)[:200],
        lacks=LACKS,
    )


def _headers(message: Any) -> Headers:
    """Pseudo-headers of HTTP/2 are none."""
    rows = message.get("headers") or []
    pairs = ((at(row, "name"), at(row, "value")) for row in rows)
    return tuple((n, v) for n, v in pairs if isinstance(n, str) and isinstance(v, str) and not n.startswith(":"))


def _content(content: Any) -> bytes:
    text = content.get("text") or ""
    if not isinstance(text, str):
        raise TypeError("a body that is no text")
    if content.get("encoding") == "base64":
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValueError(str(error)) from None
    return text.encode("utf-8", "surrogatepass")


def _posted(data: Any) -> bytes:
    text = data.get("text") or ""
    if not isinstance(text, str):
        raise TypeError("a body that is no text")
    if data.get("encoding") == "base64" or data.get("_encoding") == "base64":
        return base64.b64decode(text)
    return text.encode("utf-8", "surrogatepass")
