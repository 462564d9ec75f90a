"""Answers that belong to another request: one of a client served at the same time, or one served earlier."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from echosounder.mock_server.deviations.edits import MS, Frames
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.formats import Edits
from echosounder.mock_server.net.frames import Frame

Document = dict[str, Any]
LASTS = 24 * MS
"""Time by which answers are delayed, so that requests sent together are in progress together."""


@dataclass(slots=True)
class Earlier:
    """The answer to an earlier request: its JSON objects, and when the last of them is due, ns on the clock of arrivals."""

    stream: bool
    documents: list[Document] = field(default_factory=list)
    ends: int = 0

    def under_way(self, context: Context) -> bool:
        """Whether this answer is in progress when *context*'s request arrives."""
        return self.stream == context.stream and context.request.arrived < self.ends


def remembered(frames: Frames, context: Context) -> Iterator[tuple[Frame, Earlier | None]]:
    """Yield each frame with the latest earlier answer that is still in progress, and store the answer to this request in turn."""
    before: Earlier | None = context.memory.get("latest")
    if before is not None and not before.under_way(context):
        before = None
    mine = context.memory["latest"] = Earlier(context.stream)
    for place, frame in enumerate(frames):
        if frame.json is not None:
            mine.documents.append(deepcopy(frame.json))
        frame.at += min(place * MS, LASTS) if context.stream else LASTS
        mine.ends = context.request.arrived + frame.at
        yield frame, before


def pieces(documents: list[Document], edits: Edits) -> list[str]:
    return [text for each in documents for holder, name in edits.texts(each) if (text := holder[name])]


@deviation("streams-crossed", Layer.JSON, {"chat.answers-own"})
def streams_crossed(frames: Frames, context: Context, *, every: int = 6) -> Frames:
    """Streams that run at the same time get pieces of each other's text, one in ``every``."""
    count = 0
    for frame, other in remembered(frames, context):
        if other and context.stream and frame.json:
            for holder, name in context.edits.texts(frame.json):
                count += bool(holder[name])
                if holder[name] and count % every == 0:
                    holder[name] = (
                        "".join(pieces(other.documents, context.edits)[count - 1 : count + 1]) or holder[name]
                    )
        yield frame


@deviation("answers-swapped", Layer.JSON, {"chat.answers-own"})
def answers_swapped(frames: Frames, context: Context) -> Frames:
    """When two requests are served at the same time, the later one gets the answer to the earlier."""
    place = 0
    for frame, other in remembered(frames, context):
        if other and frame.json and context.status == 200 and place < len(other.documents):
            frame.json = deepcopy(other.documents[place])
            place += 1
        yield frame


@deviation("answers-late-by-one", Layer.JSON, {"transport.connection-order"})
def answers_late_by_one(frames: Frames, context: Context) -> Frames:
    """The text of an answer is that of the previous answer on a reused connection."""
    before: str | None = context.memory.get("text") if context.request.earlier else None
    mine: list[str] = []
    for frame in frames:
        for holder, name in context.edits.texts(frame.json or {}):
            mine.append(holder[name] or "")
            if before is not None and holder[name]:
                holder[name], before = before, ""
        yield frame
    if context.status == 200:
        context.memory["text"] = "".join(mine)
