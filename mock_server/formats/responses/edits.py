"""Edits for Responses answers: the items of a response, or the event that carries a part of one."""

from collections.abc import Iterator
from typing import Any, ClassVar

from echosounder.mock_server.formats.format import Counts, Document, Edits, Place, payload

ENDS = ("response.completed", "response.incomplete", "response.failed")


class ResponsesEdits(Edits):
    counts: ClassVar = {"prompt": "input_tokens", "completion": "output_tokens", "total": "total_tokens"}

    def ends(self, raw: bytes) -> bool:
        return payload(raw) is not None and raw.startswith(tuple(f"event: {name}\n".encode() for name in ENDS))

    def texts(self, document: Document) -> Iterator[Place]:
        yield from self._delta(document, "response.output_text.delta")
        yield from self._parts(document, "message")

    def thoughts(self, document: Document) -> Iterator[Place]:
        yield from self._delta(document, "response.reasoning_text.delta")
        yield from self._parts(document, "reasoning")

    def usages(self, document: Document) -> Iterator[Counts]:
        for holder in (document, document.get("response")):
            if isinstance(holder, dict) and isinstance(holder.get("usage"), dict):
                yield holder["usage"]

    def finishes(self, document: Document) -> bool:
        return document.get("type") in ENDS

    def speaks(self, document: Document) -> bool:
        return document.get("type") == "response.function_call_arguments.delta" or super().speaks(document)

    def _delta(self, document: Document, kind: str) -> Iterator[Place]:
        if document.get("type") == kind and isinstance(document.get("delta"), str):
            yield document, "delta"

    def _parts(self, document: Document, kind: str) -> Iterator[Place]:
        """Parts of a non-streaming response; the final event of a stream only repeats earlier text, so it has none."""
        for item in _objects(document.get("output")):
            if item.get("type") == kind:
                yield from (
                    (part, "text") for part in _objects(item.get("content")) if isinstance(part.get("text"), str)
                )


def _objects(value: Any) -> Iterator[Document]:
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


EDITS = ResponsesEdits()
