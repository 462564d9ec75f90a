"""What a run costs, exactly: tokens by the minute they were sent in, because prices change by the clock."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from load.latency import REJECTED, outcome
from load.sample import Sample
from wire.prices import EXACT, Rates, bill

MINUTE = 60_000_000_000


class Spent(NamedTuple):
    """What a run cost, exactly, and what it would have cost had nothing been cached."""

    usd: Decimal
    without_cache: Decimal


@dataclass(slots=True)
class Money:
    """Money is a sum over few minutes. ``rates``: the prices at an instant, None where they are not known.

    ``unpriced``: answers that did not tell their tokens.
    """

    rates: Callable[[datetime], Rates | None] | None = None
    minutes: dict[int, Counter[str]] = field(default_factory=dict)
    unpriced: int = 0

    def add(self, sample: Sample, at: int) -> None:
        """*at*: ns since the epoch."""
        usage = sample.usage
        if usage is None:
            self.unpriced += outcome(sample) != REJECTED
            return
        hit = usage.hit if usage.hit is not None else usage.cached or 0
        tokens = self.minutes.get(at // MINUTE)
        if tokens is None:
            tokens = self.minutes[at // MINUTE] = Counter()
        tokens["hit"] += hit
        tokens["miss"] += usage.miss if usage.miss is not None else max((usage.prompt or 0) - hit, 0)
        tokens["prompt"] += usage.prompt or 0
        tokens["output"] += usage.completion or 0

    def spent(self) -> Spent | None:
        """None where the prices of any minute are not known."""
        usd = plain = Decimal(0)
        for minute, tokens in self.minutes.items():
            rates = self.rates(datetime.fromtimestamp(minute * 60, UTC)) if self.rates else None
            if rates is None:
                return None
            usd = EXACT.add(usd, bill(tokens["hit"], tokens["miss"], tokens["output"], rates).total)
            plain = EXACT.add(plain, bill(0, tokens["prompt"], tokens["output"], rates).total)
        return Spent(usd, plain) if self.rates else None
