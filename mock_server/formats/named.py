"""Common parts of formats with named events: blocks that open and close around content, and the step of each event."""

from collections.abc import Mapping
from typing import Any

from echosounder.mock_server.formats.format import Script
from echosounder.mock_server.formats.texts import compact


def event(kind: str, members: Mapping[str, Any]) -> bytes:
    """Serialize an event; its data repeats its name as ``type``."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), compact({"type": kind, **members}))


class Course:
    """Events of a stream under construction. Content starts a new step; framing belongs to the step before."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self._steps: list[int] = []
        self._step = -1

    def said(self, raw: bytes) -> None:
        self._step += 1
        self.events.append(raw)
        self._steps.append(self._step)

    def beside(self, raw: bytes) -> None:
        self.events.append(raw)
        if self._step >= 0:
            self._steps.append(self._step)

    def ended(self, *tail: bytes) -> Script:
        """Return the finished script; *tail* comes one gap after the last content."""
        lead = len(self.events) - len(self._steps)
        return Script([*self.events, *tail], lead, len(tail), self._steps)
