"""Cassettes of vcrpy and of VCR for Ruby, in YAML or JSON, plain or in gzip: recordings from tests of API clients.

They hold neither times nor chunks, and a body may have been decoded before it was written down. Values that were blotted out
before they were published are not values.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from echosounder.wire.errors import LogError
from echosounder.wire.exchange import Headers, Observed, Read
from echosounder.wire.recordings.foreign import Foreign, bounded, format_path

LACKS = (Observed.TIMES, Observed.FRAMING, Observed.BYTES)
MAX_FILE = 64 << 20
_CODED = {"content-encoding", "content-length", "transfer-encoding"}
_LISTS = ("interactions", "http_interactions")
_BLOTTED = re.compile(r"\W*(redacted|filtered|scrubbed|removed|dummy)\W*", re.IGNORECASE)
GZIP = b"\x1f\x8b"


def captures(path: Path) -> Iterator[Foreign | None]:
    """The capture of each interaction, None for one that cannot be read. Raises :class:`LogError` if the file is not a cassette."""
    for interaction in interactions(path):
        try:
            yield capture(interaction)
        except (TypeError, ValueError, KeyError, AttributeError):
            yield None


def interactions(path: Path) -> list[Any]:
    if path.stat().st_size > MAX_FILE:
        raise LogError(f"{path} is larger than {MAX_FILE >> 20} MiB; cut it into several cassettes")
    document = _document(path)
    if isinstance(document, dict) and isinstance(document.get("requests"), list):
        rows = zip(document["requests"], document.get("responses") or (), strict=False)
        return [{"request": asked, "response": answered} for asked, answered in rows]
    found = next((document[name] for name in _LISTS if name in document), None) if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise LogError(f"{path} is not a cassette: it has no list of interactions")
    return found


def _document(path: Path) -> Any:
    data = path.read_bytes()
    try:
        text = (_unpacked(data, path) if data.startswith(GZIP) else data).decode("utf-8", "replace")
        if path.suffix == ".json":
            return json.loads(text)
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError, zlib.error) as error:
        said = " ".join(str(error).split())[:150]
        raise LogError(f"{path} cannot be read as a cassette: {said}") from None


def _unpacked(data: bytes, path: Path) -> bytes:
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    text = inflater.decompress(data, MAX_FILE)
    if not inflater.eof:
        raise LogError(f"{path} was cut, or is larger than {MAX_FILE >> 20} MiB when it is unpacked")
    return text


def capture(interaction: Any) -> Foreign:
    request, response = interaction["request"], interaction["response"]
    status, body = response["status"], bounded(_body(response.get("body")))
    known, blotted = _headers(response)
    coded = body.startswith(GZIP)
    seen = Foreign(
        str(request["method"]).upper(),
        str(request.get("uri") or request["url"]),
        _headers(request)[0],
        bounded(_body(request.get("body"))),
        status=int(status["code"]),
        reason=str(status.get("message") or ""),
        headers=tuple(row for row in known if coded or row[0].lower() not in _CODED),
        reads=[Read(0, body)] if body else [],
        lacks=(*LACKS, Observed.HEADERS) if blotted else LACKS,
    )
    if _BLOTTED.fullmatch(seen.target):
        seen.target = format_path(seen)
    return seen


def _body(body: Any) -> bytes:
    """A text, bytes, or a mapping with the text in one of the members that have been in use."""
    if isinstance(body, dict):
        if isinstance(packed := body.get("base64_string"), str):
            return base64.b64decode(packed)
        body = body.get("string")
    if body is None:
        return b""
    return body if isinstance(body, bytes) else str(body).encode("utf-8", "surrogatepass")


def _headers(message: Any) -> tuple[Headers, bool]:
    """A value, or a list of them, to a name; or pairs. And whether some were blotted out."""
    rows = message.get("headers") or {}
    pairs = rows.items() if isinstance(rows, dict) else ((row[0], row[1]) for row in rows)
    every = [(str(n), str(v)) for n, value in pairs for v in (value if isinstance(value, list) else [value])]
    kept = tuple(row for row in every if not _BLOTTED.fullmatch(row[1]))
    return kept, len(kept) < len(every)
