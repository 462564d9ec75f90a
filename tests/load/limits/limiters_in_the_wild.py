"""Limiters as others build them, in virtual time, written for these tests alone and from their documentation, not from our models.

What they count is a *weight* of a request; :class:`simulated.Target` shows them each request before it asks whether it is served.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from random import Random

from simulated_limiters import NoLimit


@dataclass(frozen=True)
class Seen:
    """What a gateway can know of a request when it comes in."""

    prompt: int
    max_tokens: int
    size: int  # bytes of the body


WEIGHTS = {
    "requests": lambda seen: 1,
    "prompt tokens": lambda seen: seen.prompt,
    "max_tokens": lambda seen: seen.max_tokens,
    "prompt and max_tokens": lambda seen: seen.prompt + seen.max_tokens,
    "estimate": lambda seen: math.ceil(seen.size / 4) + seen.max_tokens,
    "bytes": lambda seen: seen.size,
    "cost": lambda seen: seen.prompt + 4 * seen.max_tokens,
}


@dataclass
class Weighing(NoLimit):
    weigh: str = "requests"
    seen: Seen | None = None

    @property
    def weight(self):
        return WEIGHTS[self.weigh](self.seen)


@dataclass
class LeakyMeter(Weighing):
    """GCRA: a theoretical arrival time that may run *burst* weights ahead (Brandur's redis-cell, Envoy, many gateways)."""

    rate: float = 5.0
    burst: float = 10.0
    tat: float = 0.0

    def admit(self, now, in_flight):
        ahead = max(self.tat, now) + self.weight / self.rate
        if ahead - now > self.burst / self.rate + 1e-9:
            return False
        self.tat = ahead
        return True

    def wait(self, now):
        return max(self.tat + 1 / self.rate - self.burst / self.rate - now, 0.0)


@dataclass
class LogOfHits(Weighing):
    """A sorted set of hits in Redis; *counts_refused*: the hit is added before it is looked whether there are too many."""

    limit: float = 30
    window: float = 5.0
    counts_refused: bool = False
    hits: deque = field(default_factory=deque)
    total: float = 0.0

    def admit(self, now, in_flight):
        while self.hits and self.hits[0][0] <= now - self.window:
            self.total -= self.hits.popleft()[1]
        served = self.total + self.weight <= self.limit
        if served or self.counts_refused:
            self.hits.append((now, self.weight))
            self.total += self.weight
        return served

    def wait(self, now):
        return self.hits[0][0] + self.window - now if self.hits else 0.0


@dataclass
class Calendar(Weighing):
    """INCR of a key per minute, as LiteLLM and many others do it."""

    limit: float = 20
    window: float = 4.0
    phase: float = 0.7
    period: int = -1
    count: float = 0.0

    def admit(self, now, in_flight):
        period = int((now - self.phase) // self.window)
        if period != self.period:
            self.period, self.count = period, 0.0
        if self.count + self.weight > self.limit:
            return False
        self.count += self.weight
        return True

    def wait(self, now):
        return (self.period + 1) * self.window + self.phase - now


@dataclass
class SpentLater(Weighing):
    """Tokens are counted when the answer is over; refused once the window has used up what it may."""

    limit: float = 900
    window: float = 6.0
    spent: list = field(default_factory=list)

    def admit(self, now, in_flight):
        self.spent = [(at, tokens) for at, tokens in self.spent if at > now - self.window]
        return sum(tokens for _, tokens in self.spent) < self.limit

    def used(self, now, prompt, tokens):
        self.spent.append((now, prompt + tokens))

    def wait(self, now):
        return self.spent[0][0] + self.window - now if self.spent else 0.0


@dataclass
class StickTable(NoLimit):
    """HAProxy's ``http_req_rate(period) gt limit``: two counters, the last period's fades; every request counts, refused or not."""

    limit: int = 30
    period: float = 5.0
    tick: float | None = None
    current: int = 0
    last: int = 0

    def admit(self, now, in_flight):
        if self.tick is None or now - self.tick >= 2 * self.period:
            self.tick, self.current, self.last = now, 0, 0
        elif now - self.tick >= self.period:
            self.tick, self.last, self.current = self.tick + self.period, self.current, 0
        self.current += 1
        left = 1 - (now - self.tick) / self.period
        return self.current + self.last * left <= self.limit

    def wait(self, now):
        return self.period


@dataclass
class LimitReq(NoLimit):
    """nginx's ``limit_req``: excess in thousandths, leaks at the rate; without ``nodelay`` what is in excess waits for its turn."""

    rate: float = 5.0
    burst: int = 10
    nodelay: bool = False
    excess: float = 0.0
    at: float | None = None
    delay: float = 0.0

    def admit(self, now, in_flight):
        excess = 0.0 if self.at is None else max(self.excess - self.rate * (now - self.at), -1.0) + 1
        excess = max(excess, 0.0)
        if excess > self.burst:
            return False
        self.excess, self.at = excess, now
        self.delay = 0.0 if self.nodelay else excess / self.rate
        return True

    def wait(self, now):
        return 1.0


@dataclass
class All(NoLimit):
    """Several limiters; each counts what all of them let through."""

    parts: tuple = ()
    peak: object = None

    def admit(self, now, in_flight):
        import copy

        before = [copy.deepcopy(part) for part in self.parts]
        if all(part.admit(now, in_flight) for part in self.parts):
            return True
        self.parts = tuple(before)
        return False

    def freed(self, now):
        for part in self.parts:
            part.freed(now)

    def wait(self, now):
        return 1.0


@dataclass
class Quota(NoLimit):
    """So many requests, and no more for ever."""

    left: int = 60

    def admit(self, now, in_flight):
        self.left -= 1
        return self.left >= 0

    def wait(self, now):
        return 86_400.0


@dataclass
class Replicas(NoLimit):
    """A balancer that picks a replica by chance; each counts for itself."""

    make: object = None
    count: int = 3
    random: Random = field(default_factory=lambda: Random(5))

    def __post_init__(self):
        self.all = [self.make() for _ in range(self.count)]
        self.last = self.all[0]

    def admit(self, now, in_flight):
        self.last = self.random.choice(self.all)
        return self.last.admit(now, in_flight)

    def wait(self, now):
        return self.last.wait(now)


@dataclass
class Adaptive(NoLimit):
    """A window whose limit follows the load of the house: a sine of half a minute."""

    window: float = 2.0
    hits: list = field(default_factory=list)

    def admit(self, now, in_flight):
        self.hits = [at for at in self.hits if at > now - self.window]
        if len(self.hits) >= 20 + 12 * math.sin(now / 5):
            return False
        self.hits.append(now)
        return True

    def wait(self, now):
        return self.window
