"""Exact cost of a run: tokens by the minute of sending, because prices change during the day."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from echosounder.load.figures.latency import REJECTED, outcome
from echosounder.load.sample import Sample
from echosounder.wire.prices import EXACT, Rated, bill
from echosounder.wire.usage import Usage

MINUTE = 60_000_000_000


class Spent(NamedTuple):
    """Exact cost of a run, and its cost without a cache."""

    usd: Decimal
    without_cache: Decimal


class Tokens(NamedTuple):
    """Token totals over answers that reported usage; ``split``: number of those that reported cached tokens."""

    prompt: int = 0
    hit: int = 0
    miss: int = 0
    output: int = 0
    split: int = 0

    def plus(self, other: "Tokens") -> "Tokens":
        return Tokens(*(a + b for a, b in zip(self, other, strict=True)))


def tokens(usages: Iterable[Usage]) -> Tokens:
    """The sums. Tokens without a split count as not cached."""
    prompt = hit = miss = output = split = 0
    for usage in usages:
        asked = usage.prompt or 0
        cached = usage.hit if usage.hit is not None else usage.cached
        split += cached is not None
        prompt += asked
        hit += cached or 0
        miss += usage.miss if usage.miss is not None else max(asked - (cached or 0), 0)
        output += usage.completion or 0
    return Tokens(prompt, hit, miss, output, split)


@dataclass(slots=True)
class Money:
    """Cost of the answers. ``rates``: the prices at an instant, None if unknown. ``unpriced``: requests that were sent and not refused,
    but whose cost is unknown because they reported no usage.
    """

    rates: Callable[[datetime], Rated | None] | None = None
    minutes: dict[int, Tokens] = field(default_factory=dict)
    unpriced: int = 0

    def add(self, samples: Iterable[Sample], wall_offset: int) -> None:
        """*wall_offset*: ns since the epoch at stamp 0 of the samples' clock."""
        minutes: dict[int, list[Usage]] = {}
        for sample in samples:
            usage, sent = sample.usage, sample.t_sent
            if usage is not None:
                at = (sent if sent is not None else sample.t_dispatched) + wall_offset
                minutes.setdefault(at // MINUTE, []).append(usage)
            elif sent is not None:
                self.unpriced += outcome(sample) != REJECTED
        for minute, usages in minutes.items():
            self.minutes[minute] = self.minutes.get(minute, Tokens()).plus(tokens(usages))

    def empty(self) -> "Money":
        """An empty copy with the same prices."""
        return Money(self.rates)

    @property
    def tokens(self) -> Tokens:
        """Tokens of all requests that were paid for, warm-up included."""
        total = Tokens()
        for told in self.minutes.values():
            total = total.plus(told)
        return total

    def spent(self) -> Spent | None:
        """Cost of the answers that report their tokens. None if no price is known, or if no answer reports tokens."""
        if self.rates is None or (self.unpriced and not self.minutes):
            return None
        usd = plain = Decimal(0)
        for minute, told in self.minutes.items():
            rates = self.rates(datetime.fromtimestamp(minute * 60, UTC))
            if rates is None:
                return None
            usd = EXACT.add(usd, bill(told.hit, told.miss, told.output, rates).total)
            plain = EXACT.add(plain, bill(0, told.prompt, told.output, rates).total)
        return Spent(usd, plain)
