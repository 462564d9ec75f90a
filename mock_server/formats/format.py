"""Interface of a wire format: between the grammar of an API and the rest of the mock.

A format is a folder of this package whose ``__init__`` holds a ``FORMAT``. It defines which bodies are well-formed and
allowed, reads a body as a :class:`Question` that the planner answers without knowing the format, and writes the
:class:`AnswerPlan` as bytes. The profile defines the paths; time, framing, limits and the bill are the same for all
formats.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from echosounder.mock_server.admission.refusals import Envelope, envelope
from echosounder.mock_server.admission.serde import Shape
from echosounder.mock_server.answering.pieces import Split
from echosounder.mock_server.answering.plan import AnswerPlan, Question
from echosounder.mock_server.formats.rules import Rules
from echosounder.specs import Limits
from echosounder.wire import sse

Document = dict[str, Any]
Place = tuple[Document, str]  # a member: the object that holds it, and its name
Counts = dict[str, Any]


@dataclass(slots=True)
class Script:
    """The events of a stream as bytes, in order.

    ``lead`` events come before the first step of the plan and ``tail`` after the last. If a step has several events,
    such as the end of a block and the start of the next, ``steps`` holds the step number of each event between them,
    ascending; None: one event per step.
    """

    events: list[bytes]
    lead: int
    tail: int
    steps: list[int] | None = None


class Renderer(Protocol):
    """Renders an AnswerPlan as bytes; ``usage`` has the format's member names."""

    def usage(self, plan: AnswerPlan, limits: Limits) -> Counts: ...

    def whole(self, plan: AnswerPlan, limits: Limits, usage: Counts) -> bytes:
        """The body of a non-streaming response."""

    def parts(self, plan: AnswerPlan, limits: Limits) -> list[bytes]:
        """Parts of a stream that depend only on the request body, which are cached while that body recurs."""

    def stream(self, plan: AnswerPlan, limits: Limits, usage: Counts, parts: list[bytes] | None) -> Script: ...


class Edits:
    """Access to the parts of a format's answers that deviations edit. The base class finds none, as for ``/models``.

    Documents may have any shape, even one produced by another deviation, so each walk visits only what is present.
    """

    counts: ClassVar[Mapping[str, str]] = {}  # member name by count: prompt, completion, total, hit, miss
    end: bytes = b""  # data of the event that ends every stream, without JSON; empty: none

    def ends(self, raw: bytes) -> bool:
        """Whether this event is the last of a stream."""
        return bool(self.end) and payload(raw) == payload(self.end)

    def choices(self, document: Document) -> Iterator[Document]:
        """The objects that contain an answer; there may be several."""
        yield from ()

    def messages(self, document: Document) -> Iterator[Document]:
        """The message of each choice: a whole one, or the part in an event."""
        yield from ()

    def texts(self, document: Document) -> Iterator[Place]:
        """The members that contain the answer's text."""
        yield from ()

    def thoughts(self, document: Document) -> Iterator[Place]:
        """The members that contain the reasoning."""
        yield from ()

    def calls(self, document: Document) -> Iterator[Document]:
        """Every tool call, or part of one."""
        yield from ()

    def usages(self, document: Document) -> Iterator[Counts]:
        """Every non-null usage."""
        yield from ()

    def finishes(self, document: Document) -> bool:
        """Whether this event ends an answer."""
        return False

    def speaks(self, document: Document) -> bool:
        """Whether this document contains a piece of the answer, or of the reasoning before it."""
        places = (*self.texts(document), *self.thoughts(document))
        return any(holder[name] for holder, name in places) or any(self.calls(document))


def payload(raw: bytes) -> bytes | None:
    """Data of an event after ``data:`` or after its name; None for comments, non-streaming responses and the like."""
    at = raw.find(b"\n") + 1 if raw.startswith(b"event:") else 0
    return raw[at + len(b"data:") :].strip() if raw.startswith(b"data:", at) else None


DONE = sse.encode(sse.Event("[DONE]"))
NO_FORMAT = Edits()


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """One wire grammar."""

    name: str
    shape: Callable[[str], Shape]  # types of a body's members, by profile
    rules: Rules  # rules for a well-formed body
    read: Callable[[Document, Limits, bool, Split], Question]  # parses a body; the bool: under a beta path
    render: Renderer
    edits: Edits
    envelope: Envelope = field(default=envelope)  # builds the JSON object of an error
    credentials: tuple[str, ...] = ("authorization",)  # headers that may hold the key; the first one present counts
