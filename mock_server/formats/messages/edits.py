"""Edits for Messages answers: the blocks of a message, or the event that carries a part of one."""

from collections.abc import Iterator
from typing import Any, ClassVar

from echosounder.mock_server.formats.format import Counts, Document, Edits, Place, payload


class MessagesEdits(Edits):
    counts: ClassVar = {"completion": "output_tokens", "hit": "cache_read_input_tokens", "miss": "input_tokens"}

    def ends(self, raw: bytes) -> bool:
        return payload(raw) is not None and raw.startswith(b"event: message_stop\n")

    def texts(self, document: Document) -> Iterator[Place]:
        yield from self._said(document, "text")

    def thoughts(self, document: Document) -> Iterator[Place]:
        yield from self._said(document, "thinking")

    def usages(self, document: Document) -> Iterator[Counts]:
        for holder in (document, document.get("message")):
            if isinstance(holder, dict) and isinstance(holder.get("usage"), dict):
                yield holder["usage"]

    def finishes(self, document: Document) -> bool:
        return document.get("type") == "message_delta"

    def speaks(self, document: Document) -> bool:
        delta = document.get("delta")
        return (isinstance(delta, dict) and delta.get("type") == "input_json_delta") or super().speaks(document)

    def _said(self, document: Document, name: str) -> Iterator[Place]:
        for holder in (document.get("delta"), *_objects(document.get("content"))):
            if isinstance(holder, dict) and isinstance(holder.get(name), str):
                yield holder, name


def _objects(value: Any) -> Iterator[Document]:
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


EDITS = MessagesEdits()
