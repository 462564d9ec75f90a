"""The deviations of one request at work, and whether each had an effect."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mock_server.deviations.registry import Context, Layer
from mock_server.deviations.selection import Selection
from mock_server.frames import Frame, Reply, on_the_wire, parsed, rendered, reply_of
from mock_server.http1 import Request, Response
from mock_server.plan import Plan
from wire.strict_json import compact

BELOW_PLAN = frozenset({Layer.JSON, Layer.SSE, Layer.HTTP, Layer.TCP})


@dataclass(slots=True)
class One:
    """A selection at work on one request."""

    selection: Selection
    context: Context
    applied: bool = False

    def run(self, subject: Any) -> Any:
        return self.selection.deviation.apply(subject, self.context, **self.selection.arguments)

    def mark(self) -> None:
        if not self.applied:
            self.applied = True
            self.selection.applied += 1


@dataclass(slots=True)
class Armed:
    """What is armed for one request; applied layer by layer, in the order in which the deviations were named."""

    ones: list[One] = field(default_factory=list)

    def at(self, layer: Layer) -> Iterator[One]:
        return (one for one in self.ones if one.selection.deviation.layer is layer)

    @property
    def touches_bytes(self) -> bool:
        return any(one.selection.deviation.layer in BELOW_PLAN for one in self.ones)

    def request(self, request: Request) -> Request:
        for one in self.at(Layer.REQUEST):
            before = (request.method, request.target, dict(request.headers), request.body)
            request = one.run(request)
            if before != (request.method, request.target, request.headers, request.body):
                one.mark()
        return request

    def admission(self, request: Request) -> Response | None:
        for one in self.at(Layer.ADMISSION):
            response: Response | None = one.run(request)
            if response is not None:
                one.mark()
                return response
        return None

    def plan(self, plan: Plan) -> Plan:
        for one in self.at(Layer.PLAN):
            before, plan = plan, one.run(plan)
            if plan != before:
                one.mark()
        return plan

    def reply(self, response: Response) -> Reply:
        """JSON, SSE and HTTP layers over a finished response."""
        return self.deviate(reply_of(response))

    def deviate(self, reply: Reply) -> Reply:
        """JSON, SSE and HTTP layers over a body that may still be on its way."""
        for one in self.ones:
            one.context.stream = (reply.header("content-type") or "").startswith("text/event-stream")
            one.context.status = reply.status
        if any(self.at(Layer.JSON)):
            reply.frames = rendered(self._through(Layer.JSON, parsed(reply.frames)))
        reply.frames = self._through(Layer.SSE, reply.frames)
        for one in self.at(Layer.HTTP):
            reply = _metered_reply(one, reply)
        return reply

    def wire(self, reply: Reply, keep_alive: bool) -> Iterator[Frame]:
        """Bytes of the connection, after the last layer."""
        return self._through(Layer.TCP, on_the_wire(reply, keep_alive))

    def _through(self, layer: Layer, frames: Iterator[Frame]) -> Iterator[Frame]:
        for one in self.at(layer):
            frames = _metered(one, one.run, frames)
        return frames

    def record(self) -> list[dict[str, Any]]:
        """For the journal: what was armed, and whether it changed anything."""
        return [
            {"name": one.selection.deviation.name, "text": one.selection.text, "applied": one.applied}
            for one in self.ones
        ]


class _Digest:
    """A fingerprint of frames that went by."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, frame: Frame) -> None:
        text = None if frame.json is None else compact(frame.json)
        self._hash.update(repr((frame.at, frame.raw, text, frame.act)).encode("utf-8", "surrogatepass"))

    def value(self) -> bytes:
        return self._hash.digest()


def _metered(one: One, run: Callable[[Iterator[Frame]], Iterator[Frame]], frames: Iterator[Frame]) -> Iterator[Frame]:
    """The frames that *run* makes of *frames*; if they differ in anything, the deviation was applied."""
    before, after = _Digest(), _Digest()
    source = _counted(frames, before)
    for frame in run(source):
        after.add(frame)
        yield frame
    if before.value() != after.value() or next(source, None) is not None:
        one.mark()


def _counted(frames: Iterator[Frame], digest: _Digest) -> Iterator[Frame]:
    for frame in frames:
        digest.add(frame)
        yield frame


def _metered_reply(one: One, reply: Reply) -> Reply:
    """Like :func:`_metered`, for a head and its body together."""

    def head(of: Reply) -> Any:
        return of.status, of.reason, list(of.headers), of.framing, of.head_at

    before, source = _Digest(), head(reply)
    reply.frames = _counted(reply.frames, before)
    made: Reply = one.run(reply)
    if head(made) != source:
        one.mark()

    def checked(frames: Iterator[Frame]) -> Iterator[Frame]:
        after = _Digest()
        for frame in frames:
            after.add(frame)
            yield frame
        if before.value() != after.value():
            one.mark()

    made.frames = checked(made.frames)
    return made
