"""``Retry-After`` and ``Date``: what a refusal says of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from echosounder.load.experiment.script import Outcome

ROUNDING = {
    "seconds": 1.0,
    "date": 2.0,
}  # s by which whole seconds, and a difference of two dates, may say more than the truth
SKEW = 5.0  # s between the target's clock and ours from which it is worth a word


@dataclass(frozen=True, slots=True)
class Hint:
    """One header. ``form``: seconds, date, unparsable. ``wait``: s from the answer on; None where it cannot be read."""

    text: str
    form: str
    wait: float | None


def hint(outcome: Outcome, now: datetime) -> Hint | None:
    """ "Retry-After = HTTP-date / delay-seconds" and "delay-seconds = 1*DIGIT" (RFC 9110, 10.2.3). A date is read by the clock of
    the target's own ``Date`` where it sends one; *now* is ours, at the answer."""
    text = outcome.header("retry-after")
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return Hint(text, "seconds", float(text))
    date = _date(text)
    if date is None:
        return Hint(text, "unparsable", None)
    return Hint(text, "date", max((date - (_date(outcome.header("date") or "") or now)).total_seconds(), 0.0))


def skew(outcomes: Sequence[tuple[Outcome, datetime]]) -> float | None:
    """Median of target's clock minus ours, s, by the ``Date`` headers; None without any. A second of it is rounding."""
    found = sorted(
        (date - now).total_seconds() for outcome, now in outcomes if (date := _date(outcome.header("date") or ""))
    )
    return found[len(found) // 2] if found else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
