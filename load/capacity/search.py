"""Chooses the next level to try, and narrows a bracket. Pure, and the same for requests per second and for users.

Levels double until one misses the objectives; then the gap between the highest level that met and the lowest that
missed them is halved on a logarithmic scale. A level that stays undecided is inside the resulting interval, and the
search continues on both sides of it.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from math import log, sqrt

STEP = 2.0  # factor from level to level on the way up
LEAST_STEP = 1.02  # closer rates cannot be distinguished


@dataclass(frozen=True, slots=True)
class Bracket:
    """``low`` met the objectives, ``high`` did not; None if no level did. The capacity is between them."""

    low: float | None
    high: float | None


@dataclass(slots=True)
class Search:
    """``first`` is the first level, ``most`` the maximum. ``precision``: maximum width of the result relative to its low end. ``whole``:
    levels are integers, as users are.
    """

    first: float
    most: float
    precision: float = 0.08
    whole: bool = False
    verdicts: dict[float, bool | None] = field(default_factory=dict)

    def tell(self, level: float, met: bool | None) -> None:
        """Record the result of a level; None if undecided."""
        self.verdicts[level] = met

    @property
    def bracket(self) -> Bracket:
        """The current bracket. If a lower level missed the objectives although a higher one met them, the lower one is the upper end."""
        missed = [level for level, met in self.verdicts.items() if met is False]
        high = min(missed, default=None)
        met = [level for level, held in self.verdicts.items() if held and (high is None or level < high)]
        return Bracket(max(met, default=None), high)

    def next(self) -> float | None:
        """The next level; None if the result has the required precision or cannot become more precise."""
        low, high = self.bracket.low, self.bracket.high
        if high is None:
            return self._up(max(self.verdicts, default=None))
        if low is None:
            return self._fresh(self.rounded(high / STEP)) if high > self._least else None
        if high <= low * (1 + self.precision) or (self.whole and high - low <= 1):
            return None
        return self._inside(low, high)

    @property
    def _least(self) -> float:
        return 1.0 if self.whole else self.first / 64

    def rounded(self, level: float) -> float:
        """Three digits, or a whole number: 41.6180339 requests per second would be false precision."""
        return float(max(round(level), 1)) if self.whole else float(f"{level:.3g}")

    def _up(self, highest: float | None) -> float | None:
        if highest is None:
            return self.rounded(min(self.first, self.most))
        return self.rounded(min(highest * STEP, self.most)) if highest < self.most else None

    def _inside(self, low: float, high: float) -> float | None:
        """The middle of the widest part of the bracket, as divided by undecided levels."""
        open_ = sorted(level for level, met in self.verdicts.items() if met is None and low < level < high)
        ends = [low, *open_, high]
        parts = sorted(pairwise(ends), key=lambda part: log(part[1] / part[0]), reverse=True)
        below, above = parts[0]
        if open_ and above / below <= max(LEAST_STEP, 1 + self.precision / 2):
            return None
        return self._fresh(self.rounded(sqrt(below * above)))

    def _fresh(self, level: float) -> float | None:
        return None if level in self.verdicts else level
