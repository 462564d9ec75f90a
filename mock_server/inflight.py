"""One request from its arrival to its entry in the journal: the record that everything on its way adds to."""

from dataclasses import dataclass, field
from typing import Any

from echosounder.mock_server.admission.cache import Lookup
from echosounder.mock_server.admission.limiter import Limiter
from echosounder.mock_server.answering.plan import AnswerPlan
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.mock_server.net.scheduler import Stream


@dataclass(slots=True)
class Reservation:
    """Resources that a planned answer holds until its end, and its cost."""

    key: str
    plan: AnswerPlan
    at: float  # the instant whose prices count
    held: list[Limiter]
    found: Lookup
    end: int = 0  # when it was to be over, monotonic ns


@dataclass(slots=True)
class Facts:
    """Decisions about a request, as recorded in the journal."""

    model: str = ""
    stream: bool = False
    usage: dict[str, Any] | None = None
    price: int | None = None  # pico-units of the account's currency
    cache: dict[str, Any] | None = None
    account: str = ""


@dataclass(slots=True)
class InFlight:
    """A request in progress. ``stream`` is set at the first write; ``bill`` until it is paid; ``complete`` and ``closed`` at the end."""

    number: int
    trace: str
    request: HttpRequest
    armed: Any = None  # mock_server.deviations.armed.Armed, where any is
    status: int = 0
    facts: Facts = field(default_factory=Facts)
    bill: Reservation | None = None
    stream: Stream | None = None
    complete: bool = False
    closed: int | None = None  # when the client was seen to be gone before the end, monotonic ns
    deviations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def written(self) -> int:
        """Number of output tokens written so far."""
        return sum(self.stream.tokens[: len(self.stream.stamps)]) if self.stream else 0
