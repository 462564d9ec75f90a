"""Times in a refusal, and the target's clock compared with ours. Values are parsed by :mod:`wire.waits`."""

from collections.abc import Sequence
from datetime import datetime

from echosounder.load.experiment.script import Outcome
from echosounder.wire.waits import Wait, date, wait

ROUNDING = {
    "seconds": 1.0,
    "date": 2.0,
}  # s by which whole seconds, and the difference of two dates, may exceed the true wait
NO_HINT = Wait("", "unparsable", None)


def hint(outcome: Outcome, now: datetime) -> Wait | None:
    """Suggested retry time, from a header or the body; *now* is ours, at the answer."""
    return wait(outcome.headers, outcome.exchange.json if outcome.exchange else None, now)


def skew(outcomes: Sequence[tuple[Outcome, datetime]]) -> float | None:
    """Median of the target's clock minus ours, s, from the ``Date`` headers; None without any. Up to a second of it is rounding."""
    found = sorted(
        (when - now).total_seconds() for outcome, now in outcomes if (when := date(outcome.header("date") or ""))
    )
    return found[len(found) // 2] if found else None
