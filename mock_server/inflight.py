"""One request in progress: the record that every stage fills, from arrival to the journal entry."""

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
    at: float  # the time whose prices apply
    held: list[Limiter]
    found: Lookup
    end: int = 0  # planned end, monotonic ns


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
    """A request in progress. ``stream`` is set at the first write, ``bill`` until it is charged, ``complete`` and
    ``closed`` at the end.
    """

    number: int
    trace: str
    request: HttpRequest
    armed: Any = None  # mock_server.deviations.armed.Armed, if any deviation is armed
    status: int = 0
    facts: Facts = field(default_factory=Facts)
    bill: Reservation | None = None
    stream: Stream | None = None
    complete: bool = False
    closed: int | None = None  # when the client was found to have left early, monotonic ns
    deviations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def written(self) -> int:
        """Number of output tokens written so far."""
        return sum(self.stream.tokens[: len(self.stream.stamps)]) if self.stream else 0
