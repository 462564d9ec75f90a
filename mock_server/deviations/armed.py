"""Applies the deviations of one request and records whether each had an effect."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from echosounder.mock_server.admission.refusals import Refused
from echosounder.mock_server.answering.plan import AnswerPlan
from echosounder.mock_server.deviations.applied import One, metered, metered_reply
from echosounder.mock_server.deviations.registry import Layer
from echosounder.mock_server.net.frames import Frame, Reply, Writes, on_the_wire, parsed, rendered, reply_of
from echosounder.mock_server.net.http1 import BodyFraming, HttpRequest, Response

BELOW_PLAN = frozenset({Layer.JSON, Layer.SSE, Layer.HTTP, Layer.TCP})


@dataclass(slots=True)
class Armed:
    """The deviations of one request, applied layer by layer and within a layer in the order given."""

    ones: list[One] = field(default_factory=list)

    def at(self, layer: Layer) -> Iterator[One]:
        return (one for one in self.ones if one.selection.deviation.layer is layer)

    @property
    def touches_bytes(self) -> bool:
        return any(one.selection.deviation.layer in BELOW_PLAN for one in self.ones)

    def request(self, request: HttpRequest) -> HttpRequest:
        for one in self.at(Layer.REQUEST):
            before = (request.method, request.target, dict(request.headers), request.body)
            request = _tried(one, request, request)
            if before != (request.method, request.target, request.headers, request.body):
                one.mark()
        return request

    def admission(self, request: HttpRequest) -> Response | None:
        for one in self.at(Layer.ADMISSION):
            response: Response | None = _tried(one, request, None)
            if response is not None:
                one.mark()
                return response
        return None

    def plan(self, plan: AnswerPlan) -> AnswerPlan:
        for one in self.at(Layer.PLAN):
            before, plan = plan, _tried(one, plan, plan)
            if plan != before:
                one.mark()
        return plan

    def writes(self, request: HttpRequest, response: Response, keep_alive: bool) -> tuple[Writes, bool]:
        """Return the writes of a finished response, and whether the connection stays open after it."""
        reply = self.reply(response)
        keep_alive = keep_alive and reply.framing is not BodyFraming.CLOSE
        made = Writes()
        for frame in self.wire(reply, keep_alive, request.method != "HEAD"):
            made.add(frame, request.arrived)
        return made, keep_alive

    def reply(self, response: Response) -> Reply:
        """Apply the JSON, SSE and HTTP layers to a finished response."""
        return self.deviate(reply_of(response))

    def deviate(self, reply: Reply) -> Reply:
        """Apply the JSON, SSE and HTTP layers to a body that may still be arriving."""
        for one in self.ones:
            one.context.stream = (reply.header("content-type") or "").startswith("text/event-stream")
            one.context.status = reply.status
        if any(self.at(Layer.JSON)):
            reply.frames = rendered(self._through(Layer.JSON, parsed(reply.frames)))
        reply.frames = self._through(Layer.SSE, reply.frames)
        for one in self.at(Layer.HTTP):
            reply = metered_reply(one, reply)
        return reply

    def wire(self, reply: Reply, keep_alive: bool, body: bool = True) -> Iterator[Frame]:
        """Yield the bytes of the connection, after the last layer; without a *body* for HEAD requests."""
        return self._through(Layer.TCP, on_the_wire(reply, keep_alive, body))

    def _through(self, layer: Layer, frames: Iterator[Frame]) -> Iterator[Frame]:
        for one in self.at(layer):
            frames = metered(one, one.run, frames)
        return frames

    def record(self) -> list[dict[str, Any]]:
        """Return the entry for the journal."""
        return [one.record() for one in self.ones]


def _tried(one: One, subject: Any, otherwise: Any) -> Any:
    """Return the deviation's result for *subject*; *otherwise* if it fails."""
    try:
        return one.run(subject)
    except Refused:
        raise
    except Exception as error:
        one.fail(error)
        return otherwise
