"""``Retry-After``: what it says, and whether it is true."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from load.limits.script import Outcome

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


@dataclass(frozen=True, slots=True)
class Trial:
    """A hint put to the test. ``early``: accepted before its time, at which ``early_at`` s after the answer; ``late``: accepted at
    its time. None: not tried."""

    hint: Hint
    early: bool | None = None
    early_at: float | None = None
    late: bool | None = None

    @property
    def honest(self) -> bool | None:
        """Accepted at its time, and not before by more than rounding explains; None where that was not found out."""
        if self.early or self.late is False or self.hint.form == "unparsable":
            return False
        return True if self.late else None

    @property
    def says(self) -> str:
        """One sentence on what is wrong; empty where nothing is."""
        shown = f"Retry-After: {self.hint.text!r}"
        if self.hint.form == "unparsable":
            return f"{shown} is neither a whole number of seconds nor an HTTP date"
        if self.early:
            return f"{shown}, but a request {self.early_at:.1f} s after the refusal was accepted: the hint says more than it takes"
        if self.late is False:
            return f"{shown}, but a request {self.hint.wait:g} s after the refusal was refused again: the hint says less than it takes"
        return ""
