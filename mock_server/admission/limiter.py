"""Limiters: four kinds, and the headers of their refusals. Times in monotonic nanoseconds.

Text form: ``kind:count=64,window_s=10,scope=model,retry_after=seconds``; ``none`` lifts the profile's own limit.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Protocol

from echosounder.mock_server.admission.refusals import Refused
from echosounder.mock_server.net.http1 import Headers
from echosounder.wire.errors import UsageError

SECOND = 1_000_000_000
# Each scope refines the one before: per key; per key and model; per key, model and user_id.
SCOPES = ("key", "model", "user")
RETRY_AFTER = ("absent", "seconds", "date", "short", "long")
KEYS = 10_000


class Limiter(Protocol):
    """State of one scope."""

    def take(self, now: int) -> int | None:
        """Count the request and return None if it may pass; else return the nanoseconds until one may, at least 1."""

    def give(self) -> None:
        """Release the capacity of a request that passed and has ended."""


@dataclass(slots=True)
class Concurrency:
    """At most *count* requests in flight."""

    count: int
    held: int = 0

    def take(self, now: int) -> int | None:
        if self.held >= self.count:
            return SECOND  # when the next request ends is unknown
        self.held += 1
        return None

    def give(self) -> None:
        self.held -= 1


@dataclass(slots=True)
class TokenBucket:
    """*burst* requests at once, then *rate* per second. The level is refilled for each elapsed nanosecond."""

    rate: float
    burst: int
    level: float = -1.0
    at: int = 0

    def take(self, now: int) -> int | None:
        if self.level < 0:
            self.level, self.at = float(self.burst), now
        self.level = min(float(self.burst), self.level + (now - self.at) * self.rate / SECOND)
        self.at = now
        if self.level >= 1:
            self.level -= 1
            return None
        return round((1 - self.level) / self.rate * SECOND) + 1

    def give(self) -> None:
        """Do nothing: a bucket is independent of when requests end."""


@dataclass(slots=True)
class FixedWindow:
    """At most *count* requests per window; windows begin at multiples of their length."""

    count: int
    window: int
    number: int = -1
    used: int = 0

    def take(self, now: int) -> int | None:
        if now // self.window != self.number:
            self.number, self.used = now // self.window, 0
        if self.used >= self.count:
            return (self.number + 1) * self.window - now
        self.used += 1
        return None

    def give(self) -> None:
        """Do nothing: a window is independent of when requests end."""


@dataclass(slots=True)
class SlidingWindow:
    """At most *count* requests within any interval of the window's length."""

    count: int
    window: int
    passed: deque[int] = field(default_factory=deque)

    def take(self, now: int) -> int | None:
        while self.passed and self.passed[0] <= now - self.window:
            self.passed.popleft()
        if len(self.passed) >= self.count:
            return self.passed[0] + self.window - now
        self.passed.append(now)
        return None

    def give(self) -> None:
        """Do nothing: a window is independent of when requests end."""


@dataclass(frozen=True, slots=True)
class LimitRule:
    """The kind of limiter for each scope (key, model or user), and how it refuses."""

    kind: str
    make: Callable[[], Limiter]
    limit: float
    scope: str = "model"
    retry_after: str = "absent"
    penalty_s: float = 0.0  # no request passes for this long after a refusal

    def headers(self, wait: int, now: float) -> Headers:
        """The ``Retry-After`` header of a refusal: whole seconds, rounded up, unless configured to be absent, a date,
        too short or too long.
        """
        seconds = -(-wait // SECOND)
        shown = {"short": seconds // 4, "long": seconds * 4 + 2}.get(self.retry_after, seconds)
        if self.retry_after == "absent":
            return []
        date = formatdate(now + wait / SECOND + 1, usegmt=True)
        return [("retry-after", date if self.retry_after == "date" else str(shown))]

    def refusal(self, headers: Headers) -> Refused:
        if self.kind == "concurrency":
            text = (
                f"Too many requests. Your current concurrency is {round(self.limit) + 1}, which exceeds your concurrency limit of "
                f"{round(self.limit)} based on your remaining balance. Please top up your balance to restore your concurrency."
            )
        else:
            text = "Rate limit reached for requests. Please slow down."
        return Refused(429, text, "rate_limit_error", headers=headers)


@dataclass(slots=True)
class _Scope:
    limiter: Limiter
    blocked_until: int = 0


class Limiters:
    """All rules of a server. A request must pass each of them."""

    def __init__(self, rules: tuple[LimitRule, ...]) -> None:
        self.rules = rules
        self._scopes: OrderedDict[tuple[int, ...] | tuple[object, ...], _Scope] = OrderedDict()

    def take(self, key: str, model: str, user: str, now: int, clock: float) -> list[Limiter]:
        """Reserve capacity for the request, to be returned at its end. Raises :class:`Refused` (429), and then reserves nothing."""
        held: list[Limiter] = []
        for index, rule in enumerate(self.rules):
            parts = (key, model, user)[: SCOPES.index(rule.scope) + 1]
            scope = self._scope((index, *parts), rule)
            wait = scope.blocked_until - now if scope.blocked_until > now else scope.limiter.take(now)
            if wait is not None:
                for limiter in held:
                    limiter.give()
                if rule.penalty_s:
                    scope.blocked_until = max(scope.blocked_until, now + round(rule.penalty_s * SECOND))
                    wait = scope.blocked_until - now
                raise rule.refusal(rule.headers(wait, clock))
            held.append(scope.limiter)
        return held

    def clear(self) -> None:
        """Reset all state; requests in flight are later released on limiters that are no longer in use."""
        self._scopes.clear()

    def _scope(self, name: tuple[object, ...], rule: LimitRule) -> _Scope:
        scope = self._scopes.get(name)
        if scope is None:
            scope = self._scopes[name] = _Scope(rule.make())
            if len(self._scopes) > KEYS:
                self._scopes.popitem(last=False)
        return scope


_FIELDS: dict[str, dict[str, type]] = {
    "concurrency": {"count": int},
    "bucket": {"rate": float, "burst": int},
    "fixed": {"count": int, "window_s": float},
    "sliding": {"count": int, "window_s": float},
}
_COMMON = {"scope": str, "retry_after": str, "penalty_s": float}


def rule(text: str) -> LimitRule:
    """Parse the text of ``--limit``. Raises :class:`UsageError`."""
    kind, _, rest = text.partition(":")
    if kind not in _FIELDS:
        raise UsageError(f"unknown limit {kind!r}: choose from {', '.join(_FIELDS)}, none")
    fields = _FIELDS[kind] | _COMMON
    values: dict[str, float | str] = {}
    for pair in filter(None, rest.split(",")):
        name, _, value = pair.partition("=")
        if name not in fields:
            raise UsageError(f"limit {kind} has no {name!r}: it has {', '.join(fields)}")
        values[name] = _number(name, value, fields[name])
    return _rule(kind, values)


def _number(name: str, text: str, kind: type) -> float | str:
    choices = {"scope": SCOPES, "retry_after": RETRY_AFTER}.get(name)
    try:
        value: float | str = kind(text)
    except ValueError:
        raise UsageError(f"{name}={text!r}: give a number") from None
    if choices and value not in choices:
        raise UsageError(f"{name}={text!r}: choose from {', '.join(choices)}")
    if isinstance(value, (int, float)) and value <= 0:
        raise UsageError(f"{name}={text!r}: it must be above zero")
    return value


def _rule(kind: str, values: dict[str, float | str]) -> LimitRule:
    missing = _FIELDS[kind].keys() - values.keys()
    if missing:
        raise UsageError(f"limit {kind} needs {', '.join(sorted(missing))}")
    numbers = {name: float(values[name]) for name in _FIELDS[kind]}
    window = round(numbers.get("window_s", 0) * SECOND)
    count = int(numbers.get("count", 0))
    makers: dict[str, Callable[[], Limiter]] = {
        "concurrency": lambda: Concurrency(count),
        "bucket": lambda: TokenBucket(numbers["rate"], int(numbers["burst"])),
        "fixed": lambda: FixedWindow(count, window),
        "sliding": lambda: SlidingWindow(count, window),
    }
    common = {name: values[name] for name in _COMMON if name in values}
    return LimitRule(kind, makers[kind], numbers.get("count", numbers.get("rate", 0)), **common)  # type: ignore[arg-type]
