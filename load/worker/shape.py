"""Load over time: a level (requests per second, or users) as a piecewise linear function."""

import re
from dataclasses import dataclass
from math import sqrt

from echosounder.wire.errors import UsageError

MAX_LEVEL = 1_000_000
_NUMBER = r"\d+(?:\.\d+)?"
_SPIKE = re.compile(rf"({_NUMBER})\^({_NUMBER})@({_NUMBER})\+({_NUMBER})")
_RAMP = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")
_STEPS = re.compile(rf"{_NUMBER}(?:,{_NUMBER})*")


@dataclass(frozen=True, slots=True)
class Segment:
    """*seconds* in which the level changes linearly from *start* to *end*."""

    seconds: float
    start: float
    end: float

    @property
    def area(self) -> float:
        return self.seconds * (self.start + self.end) / 2

    def time_of(self, area: float) -> float:
        """The time from the segment's begin at which *area* is reached; the numerically stable root of the quadratic."""
        slope = (self.end - self.start) / self.seconds
        root = sqrt(max(self.start * self.start + 2 * slope * area, 0.0))
        return 2 * area / (self.start + root) if area else 0.0


@dataclass(frozen=True, slots=True)
class LoadShape:
    """Consecutive segments."""

    segments: tuple[Segment, ...]

    def level(self, seconds: float) -> float:
        """The level at a time; after the last segment, its final level."""
        for segment in self.segments:
            if seconds < segment.seconds:
                return segment.start + (segment.end - segment.start) * seconds / segment.seconds
            seconds -= segment.seconds
        return self.segments[-1].end

    @property
    def peak(self) -> float:
        return max(max(segment.start, segment.end) for segment in self.segments)

    @property
    def area(self) -> float:
        return sum(segment.area for segment in self.segments)


def parse(text: str, duration: float, warmup: float = 0.0) -> LoadShape:
    """``20`` constant · ``5..50`` ramp · ``10,20,40`` equal steps · ``10^100@5+2`` 10, but 100 from second 5 for 2 seconds.

    The shape is preceded by *warmup* seconds at its first level, so that all of it is measured.

    Raises :class:`UsageError` for anything else, for a level of zero or of more than a million, and for a warm-up at zero.
    """
    shape = LoadShape(tuple(segment for segment in _segments(text.replace(" ", ""), duration) if segment.seconds > 0))
    if not 0 < shape.peak <= MAX_LEVEL:
        raise UsageError(f"the load {text!r} must be above 0 and at most {MAX_LEVEL:,}")
    return _warmed(text, shape, warmup) if warmup else shape


def _warmed(text: str, shape: LoadShape, warmup: float) -> LoadShape:
    first, *others = shape.segments
    if not first.start:
        raise UsageError(
            f"the load {text!r} begins with 0, so there is nothing to warm up with; begin above 0, or leave out --warmup"
        )
    if first.start == first.end:  # one segment, so that the schedule is that of a longer run, to the nanosecond
        return LoadShape((Segment(warmup + first.seconds, first.start, first.end), *others))
    return LoadShape((Segment(warmup, first.start, first.start), *shape.segments))


def _segments(text: str, duration: float) -> list[Segment]:
    if match := _SPIKE.fullmatch(text):
        base, peak, at, width = map(float, match.groups())
        if at + width > duration:
            raise UsageError(f"the spike {text!r} ends after the run of {duration:g} s; make --duration longer")
        return [Segment(at, base, base), Segment(width, peak, peak), Segment(duration - at - width, base, base)]
    if match := _RAMP.fullmatch(text):
        low, high = map(float, match.groups())
        return [Segment(duration, low, high)]
    if _STEPS.fullmatch(text):
        levels = [float(level) for level in text.split(",")]
        return [Segment(duration / len(levels), level, level) for level in levels]
    raise UsageError(f"cannot read the load {text!r}; write 20, a ramp 5..50, steps 10,20,40 or a spike 10^100@5+2")
