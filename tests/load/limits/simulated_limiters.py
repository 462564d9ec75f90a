"""Limiters in virtual time, written for these tests alone.

A limiter is asked ``admit(now, in_flight)`` and answers whether the request is served, and what it says to wait if it is not.
"""

import math
from dataclasses import dataclass, field
from random import Random


@dataclass
class NoLimit:
    def admit(self, now, in_flight):
        return True

    def wait(self, now):
        return 0.0

    def freed(self, now):
        pass


@dataclass
class Concurrency(NoLimit):
    limit: int
    resume: int | None = None  # in flight at or below which a limiter that has refused admits again
    lag: float = 0.0  # s that a slot stays taken after its answer
    blocked: bool = False
    late: list = field(default_factory=list)

    def admit(self, now, in_flight):
        self.late = [at for at in self.late if at > now]
        taken = in_flight + len(self.late)
        if self.blocked and self.resume is not None and taken > self.resume:
            return False
        self.blocked = taken >= self.limit
        return not self.blocked

    def freed(self, now):
        if self.lag:
            self.late.append(now + self.lag)

    def wait(self, now):
        return 0.05


@dataclass
class Bucket(NoLimit):
    rate: float
    burst: int
    level: float | None = None
    at: float = 0.0

    def admit(self, now, in_flight):
        level = self.burst if self.level is None else min(self.burst, self.level + (now - self.at) * self.rate)
        self.level, self.at = level, now
        if level < 1:
            return False
        self.level -= 1
        return True

    def wait(self, now):
        return max(1 - self.level - (now - self.at) * self.rate, 0) / self.rate


@dataclass
class Sliding(NoLimit):
    limit: int
    window: float
    taken: list = field(default_factory=list)

    def admit(self, now, in_flight):
        self.taken = [at for at in self.taken if at > now - self.window]
        if len(self.taken) >= self.limit:
            return False
        self.taken.append(now)
        return True

    def wait(self, now):
        return self.taken[0] + self.window - now


@dataclass
class Fixed(NoLimit):
    limit: int
    window: float
    phase: float | None = None  # None: a window begins with its first request
    start: float = -math.inf
    count: int = 0

    def admit(self, now, in_flight):
        if now >= self.start + self.window:
            index = 0.0 if self.phase is None else math.floor((now - self.phase) / self.window)
            self.start = now if self.phase is None else self.phase + index * self.window
            self.count = 0
        if self.count >= self.limit:
            return False
        self.count += 1
        return True

    def wait(self, now):
        return self.start + self.window - now


@dataclass
class Punishing(NoLimit):
    """Another limiter that refuses everything for *penalty* seconds after each refusal."""

    inner: object
    penalty: float
    until: float = -math.inf

    def admit(self, now, in_flight):
        served = now >= self.until and self.inner.admit(now, in_flight)
        if not served:
            self.until = now + self.penalty
        return served

    def wait(self, now):
        return self.until - now


@dataclass
class AtRandom(NoLimit):
    """Refuses a share of all requests for no reason."""

    share: float
    random: Random = field(default_factory=lambda: Random(1))

    def admit(self, now, in_flight):
        return self.random.random() >= self.share


@dataclass
class Both(NoLimit):
    one: object
    two: object

    def admit(self, now, in_flight):
        return self.one.admit(now, in_flight) and self.two.admit(now, in_flight)


@dataclass
class Never(NoLimit):
    """Lets so many through, and then nothing for ever."""

    limit: int

    def admit(self, now, in_flight):
        self.limit -= 1
        return self.limit >= 0

    def wait(self, now):
        return 1.0
