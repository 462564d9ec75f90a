"""Edits for FIM answers: the text is a member of the choice."""

from collections.abc import Iterator

from echosounder.mock_server.formats.choices import ChoiceEdits, strings
from echosounder.mock_server.formats.format import Document, Place


class FimEdits(ChoiceEdits):
    def texts(self, document: Document) -> Iterator[Place]:
        yield from strings(self.choices(document), "text")


EDITS = FimEdits()
