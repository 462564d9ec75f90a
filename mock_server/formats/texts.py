"""JSON serialization of responses and events: compact, with non-ASCII characters unescaped."""

import json
from json.encoder import encode_basestring
from typing import Any

from echosounder.mock_server.answering.prose import RING

_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":")
).encode  # created once: creating it is half of the cost
quote = json.encoder.c_encode_basestring or encode_basestring  # type: ignore[attr-defined]


def compact(value: Any) -> bytes:
    return _encode(value).encode("utf-8", "surrogatepass")


def _escape(text: str) -> bytes:
    escaped: bytes = quote(text).encode("utf-8", "surrogatepass")
    return escaped


_ESCAPED = {piece: _escape(piece) for piece in set(RING)}  # the token texts, which are most of what is serialized


def quoted(text: str) -> bytes:
    """Serialize a string as JSON, in UTF-8."""
    return _ESCAPED.get(text) or _escape(text)
