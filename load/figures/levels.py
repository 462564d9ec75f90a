"""Parts of a run with separate figures: the consecutive levels of the load, and the items of the scenario."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from echosounder.load.demands import input_lengths
from echosounder.load.figures.tally import Tally
from echosounder.load.options import Options
from echosounder.load.sample import MEASURED, Sample
from echosounder.load.worker import shape

SECOND = 1_000_000_000
SLICES = 5  # number of parts into which a ramp is divided
MOST = 200  # maximum number of levels; more are treated as a ramp


@dataclass(frozen=True, slots=True)
class Level:
    """A part of the measured time with its own load. Times in seconds since the end of the warm-up; ``load``: its average;
    ``input_tokens``: tokens per prompt in a sweep over input lengths.
    """

    name: str
    begin: float
    end: float
    load: float | None = None
    input_tokens: int | None = None


def levels(options: Options) -> tuple[Level, ...]:
    """Levels of a sweep, of a changing rate, or else of changing users; none if the load is constant."""
    if options.by_input_length:
        return tuple(_sweep(options))
    for text in (options.rate, options.users):
        if text is not None:
            found = tuple(_of_shape(shape.parse(text, options.duration).segments))
            if 1 < len(found) <= MOST:
                return found
    return ()


def _sweep(options: Options) -> Iterator[Level]:
    lengths = input_lengths(options)
    each = options.duration / len(lengths)
    for number, (name, tokens) in enumerate(lengths):
        yield Level(name, number * each, (number + 1) * each, input_tokens=tokens)


def _of_shape(segments: Sequence[shape.Segment]) -> Iterator[Level]:
    begin = 0.0
    for segment in segments:
        slices = 1 if segment.start == segment.end else SLICES
        width, climb = segment.seconds / slices, (segment.end - segment.start) / slices
        for number in range(slices):
            low = segment.start + number * climb
            name = f"{low:g}" if slices == 1 else f"{low:g}..{low + climb:g}"
            yield Level(name, begin + number * width, begin + (number + 1) * width, low + climb / 2)
        begin += segment.seconds


@dataclass(slots=True)
class Divided:
    """A tally that counts a run by its parts as well. ``warmup``: seconds, before the levels begin."""

    whole: Tally
    stages: tuple[Level, ...] = ()
    items: tuple[str, ...] = ()
    warmup: float = 0.0
    by_level: list[Tally] = field(default_factory=list)
    by_item: dict[str, Tally] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_level = [Tally(self.whole.slos, self.whole.money.empty()) for _ in self.stages]
        if len(self.items) > 1:
            self.by_item = {name: Tally(self.whole.slos, self.whole.money.empty()) for name in self.items}

    def samples(self, batch: Sequence[Sample], worker: dict[str, Any]) -> None:
        """Count requests of the measured time, on the clock of *worker*."""
        if not self.by_level and not self.by_item:
            return
        measured = [sample for sample in batch if sample.phase == MEASURED]
        for tally, part in (*self._leveled(measured, worker), *self._itemised(measured)):
            tally.workers.setdefault(0, worker)
            tally.samples(part)

    def tick(self, record: dict[str, Any], worker: dict[str, Any]) -> None:
        """Add the state of the client to the level at its time."""
        if self.by_level and (tally := self._at(int(record["at"]), worker)) is not None:
            tally.vitals(record)

    def begin(self, worker: dict[str, Any]) -> int:
        """The instant, ns, at which the levels begin."""
        return int(worker.get("begin", 0)) + round(self.warmup * SECOND)

    def _at(self, stamp: int, worker: dict[str, Any]) -> Tally | None:
        since = (stamp - self.begin(worker)) / SECOND
        found = (
            tally for tally, stage in zip(self.by_level, self.stages, strict=True) if stage.begin <= since < stage.end
        )
        return next(found, None)

    def _leveled(self, batch: Sequence[Sample], worker: dict[str, Any]) -> Iterable[tuple[Tally, list[Sample]]]:
        begin = self.begin(worker)
        for tally, stage in zip(self.by_level, self.stages, strict=True):
            low, high = begin + stage.begin * SECOND, begin + stage.end * SECOND
            if part := [sample for sample in batch if low <= sample.t_scheduled < high]:
                yield tally, part

    def _itemised(self, batch: Sequence[Sample]) -> Iterable[tuple[Tally, list[Sample]]]:
        for name, tally in self.by_item.items():
            if part := [sample for sample in batch if sample.name == name]:
                yield tally, part
