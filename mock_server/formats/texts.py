"""Serialized JSON of responses and events: compact, with every character unescaped."""

import json
from json.encoder import encode_basestring
from typing import Any

from echosounder.mock_server.answering.prose import RING

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # made once: that is half of its cost
quote = json.encoder.c_encode_basestring or encode_basestring  # type: ignore[attr-defined]


def compact(value: Any) -> bytes:
    return _encode(value).encode("utf-8", "surrogatepass")


def _escape(text: str) -> bytes:
    escaped: bytes = quote(text).encode("utf-8", "surrogatepass")
    return escaped


_ESCAPED = {piece: _escape(piece) for piece in set(RING)}  # what almost every event is made of


def quoted(text: str) -> bytes:
    """A text as JSON."""
    return _ESCAPED.get(text) or _escape(text)
