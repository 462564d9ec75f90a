"""Cassettes of vcrpy and of VCR for Ruby, in YAML or JSON: what tests of API clients have recorded.

They hold neither times nor chunks, and a body may have been decoded before it was written down.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from echosounder.wire.errors import LogError
from echosounder.wire.exchange import Headers, Observed, Read
from echosounder.wire.recordings.foreign import Foreign, bounded

LACKS = (Observed.TIMES, Observed.FRAMING, Observed.BYTES)
MAX_FILE = 64 << 20
_CODED = {"content-encoding", "content-length", "transfer-encoding"}
_LISTS = ("interactions", "http_interactions")


def captures(path: Path) -> Iterator[Foreign | None]:
    """What each interaction holds, None for one that cannot be read. Raises :class:`LogError` where the file is no cassette."""
    for interaction in interactions(path):
        try:
            yield capture(interaction)
        except (TypeError, ValueError, KeyError, AttributeError):
            yield None


def interactions(path: Path) -> list[Any]:
    if path.stat().st_size > MAX_FILE:
        raise LogError(f"{path} is larger than {MAX_FILE >> 20} MiB; cut it into several cassettes")
    document = _document(path)
    found = next((document[name] for name in _LISTS if name in document), None) if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise LogError(f"{path} is no cassette: it has no list of interactions")
    return found


def _document(path: Path) -> Any:
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        if path.suffix == ".json":
            return json.loads(text)
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:150]
        raise LogError(f"{path} cannot be read as a cassette: {said}") from None


def capture(interaction: Any) -> Foreign:
    request, response = interaction["request"], interaction["response"]
    status, body = response["status"], bounded(_body(response.get("body")))
    coded = body.startswith(b"\x1f\x8b")
    headers = tuple(row for row in _headers(response) if coded or row[0].lower() not in _CODED)
    return Foreign(
        str(request["method"]).upper(),
        str(request.get("uri") or request["url"]),
        _headers(request),
        bounded(_body(request.get("body"))),
        status=int(status["code"]),
        reason=str(status.get("message") or ""),
        headers=headers,
        reads=[Read(0, body)] if body else [],
        lacks=LACKS,
    )


def _body(body: Any) -> bytes:
    """A text, bytes, or a mapping with the text in one of the members that have been in use."""
    if isinstance(body, dict):
        if isinstance(packed := body.get("base64_string"), str):
            return base64.b64decode(packed)
        body = body.get("string")
    if body is None:
        return b""
    return body if isinstance(body, bytes) else str(body).encode("utf-8", "surrogatepass")


def _headers(message: Any) -> Headers:
    """A value, or a list of them, to a name; or pairs."""
    rows = message.get("headers") or {}
    pairs = rows.items() if isinstance(rows, dict) else ((row[0], row[1]) for row in rows)
    return tuple((str(n), str(v)) for n, value in pairs for v in (value if isinstance(value, list) else [value]))
