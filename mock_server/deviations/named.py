"""Deviations of formats with named events, as changes to events of given types."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from echosounder.mock_server.deviations.edits import Frames
from echosounder.mock_server.deviations.forms import described
from echosounder.mock_server.deviations.registry import Context, Layer, deviation

Document = dict[str, Any]
Change = Callable[[Document], object]


def type_of(document: Document | None) -> str:
    kind = (document or {}).get("type")
    return kind if isinstance(kind, str) else ""


@dataclass(frozen=True, slots=True)
class Table:
    """Registers the deviations of one module for one wire format."""

    module: str
    format: str

    def changed(self, name: str, breaks: Collection[str], summary: str, kinds: Collection[str], change: Change) -> None:
        """Register *change*, which edits the JSON of the given types in place, streaming or not."""

        def apply(frames: Frames, context: Context) -> Frames:
            for frame in frames:
                if frame.json is not None and type_of(frame.json) in kinds:
                    change(frame.json)
                yield frame

        self._register(name, Layer.JSON, breaks, summary, apply)

    def growing(
        self, name: str, breaks: Collection[str], summary: str, kind: str, text: Callable[[Document], Any]
    ) -> None:
        """Register a deviation by which each text delta of a stream contains all previous text. *text* returns the
        object and member with a delta's text, None for other deltas.

        """

        def apply(frames: Frames, context: Context) -> Frames:
            so_far = ""
            for frame in frames:
                held = text(frame.json) if frame.json is not None and type_of(frame.json) == kind else None
                if held is not None:
                    holder, member = held
                    holder[member] = so_far = so_far + holder[member]
                yield frame

        self._register(name, Layer.JSON, breaks, summary, apply)

    def dropped(self, name: str, breaks: Collection[str], summary: str, *kinds: str) -> None:
        """Register a deviation by which a stream lacks the events of the given types."""

        def apply(frames: Frames, context: Context) -> Frames:
            for frame in frames:
                if not (context.stream and type_of(frame.json) in kinds):
                    yield frame

        self._register(name, Layer.JSON, breaks, summary, apply)

    def rewritten(
        self, name: str, breaks: Collection[str], summary: str, change: Callable[[bytes], bytes], path: str
    ) -> None:
        """Register a deviation that rewrites the bytes of each event of a stream, on paths that end with *path*."""

        def apply(frames: Frames, context: Context) -> Frames:
            for frame in frames:
                if context.stream and context.request.path.endswith(path) and frame.raw.startswith(b"event:"):
                    frame.raw = change(frame.raw)
                yield frame

        self._register(name, Layer.SSE, breaks, summary, apply)

    def repeated(self, name: str, breaks: Collection[str], summary: str, kind: str, times: int = 2) -> None:
        """Register a deviation by which a stream repeats every event of a type."""

        def apply(frames: Frames, context: Context) -> Frames:
            for frame in frames:
                yield frame
                if context.stream and frame.raw.startswith(b"event: %b\n" % kind.encode()):
                    yield from [type(frame)(frame.at, frame.raw)] * (times - 1)

        self._register(name, Layer.SSE, breaks, summary, apply)

    def _register(
        self, name: str, layer: Layer, breaks: Collection[str], summary: str, apply: Callable[..., Frames]
    ) -> None:
        apply.__module__ = self.module
        deviation(name, layer, breaks, self.format)(described(summary, apply))
