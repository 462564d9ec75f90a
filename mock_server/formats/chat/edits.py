"""Edits for chat answers: the message of a choice, or its delta."""

from collections.abc import Iterator

from echosounder.mock_server.formats.choices import ChoiceEdits, strings
from echosounder.mock_server.formats.format import Document, Place


class ChatEdits(ChoiceEdits):
    def messages(self, document: Document) -> Iterator[Document]:
        for choice in self.choices(document):
            for name in ("message", "delta"):
                if isinstance(choice.get(name), dict):
                    yield choice[name]

    def texts(self, document: Document) -> Iterator[Place]:
        yield from strings(self.messages(document), "content")

    def thoughts(self, document: Document) -> Iterator[Place]:
        yield from strings(self.messages(document), "reasoning_content")

    def calls(self, document: Document) -> Iterator[Document]:
        for message in self.messages(document):
            yield from message.get("tool_calls") or ()


EDITS = ChatEdits()
