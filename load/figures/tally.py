"""Accumulates the figures of a run from its records, independently of their order, the number of workers and the batch size."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress
from typing import Any, Protocol
from zlib import crc32

import msgspec

from echosounder.load.figures.course import RunCourse
from echosounder.load.figures.histogram import Grouped, Histogram
from echosounder.load.figures.interval import GROUPS
from echosounder.load.figures.latency import (
    CENSORED,
    COMPLETED,
    FROM_SCHEDULE,
    GIVEN_UP,
    IN_FLIGHT,
    METRICS,
    ages_us,
    column_us,
    columns_us,
    latencies_us,
    outcome,
    output_tokens,
)
from echosounder.load.figures.money import Money, tokens
from echosounder.load.figures.sessions import SessionFigures
from echosounder.load.figures.slo import Slo
from echosounder.load.figures.throughput import Throughput
from echosounder.load.figures.validity import STILL_US, Tick
from echosounder.load.sample import MEASURED, Sample
from echosounder.wire.stream import StreamEnd

STAMPS = frozenset({"at", "begin", "stopped_sending"})  # members of other records that are stamps
NEEDED = (
    "ttft",
    "ttft_from_schedule",
    "e2e",
    "e2e_from_schedule",
)  # an answer without one of these latencies misses an objective on it
_SAMPLE_STAMPS = tuple(name for name in Sample.__struct_fields__ if name.startswith("t_"))

Record = Sample | dict[str, Any]


class PartCounter(Protocol):
    """Interface for counting a run by its parts (:class:`load.figures.levels.Divided`)."""

    def samples(self, batch: Sequence[Sample], worker: dict[str, Any]) -> None: ...

    def tick(self, record: dict[str, Any], worker: dict[str, Any]) -> None: ...


@dataclass(slots=True)
class Tally:
    """All figures that a report is made of. ``slos`` decide which requests count as goodput."""

    slos: tuple[Slo, ...] = ()
    money: Money = field(default_factory=Money)
    histograms: dict[str, Histogram] = field(default_factory=lambda: {name: _histogram(name) for name in METRICS})
    ages: dict[str, Histogram] = field(default_factory=lambda: {name: Histogram() for name in CENSORED})
    late: Histogram = field(default_factory=Histogram)  # dispatch delays not caused by busy users
    lags: Histogram = field(default_factory=Histogram)
    delays: Histogram = field(default_factory=Histogram)
    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    stamps: Counter[str] = field(default_factory=Counter)
    cpu: dict[int, list[Tick]] = field(default_factory=dict)
    ticks: dict[int, dict[str, Any]] = field(default_factory=dict)
    workers: dict[int, dict[str, Any]] = field(default_factory=dict)
    ended: dict[int, int] = field(default_factory=dict)
    shifts: dict[int, int] = field(default_factory=dict)  # clock shifts of workers on other machines
    stopped: list[dict[str, Any]] = field(default_factory=list)
    lost: dict[int, int] = field(default_factory=dict)  # workers that died, and the unsent part of their schedule
    most_in_flight: int = 0
    frozen_us: int = 0  # for which the workers' loops were stalled
    passed: Throughput = field(default_factory=Throughput)
    course: RunCourse = field(default_factory=RunCourse)
    sessions: SessionFigures = field(default_factory=SessionFigures)
    parts: "PartCounter | None" = None  # levels and items, which are also counted separately

    def enter(self, records: Iterable[Record]) -> list[Record]:
        """Count records of workers' logs; returns the same records, on the clock of the first worker's machine."""
        entered = [
            self._on_first_clock(record) if isinstance(record, Sample) else self._other(record) for record in records
        ]
        self.samples([record for record in entered if isinstance(record, Sample)])
        return entered

    def samples(self, batch: Sequence[Sample]) -> None:
        """Count requests; for those of the warm-up only their number, cost and throughput."""
        if not batch:
            return
        worker = next(iter(self.workers.values()), {})  # all stamps are converted to the clock of its machine
        self.passed.begin(int(worker.get("begin", batch[0].t_scheduled)))
        outcomes = list(map(outcome, batch))
        self._passed(batch, outcomes)
        self.money.add(batch, int(worker.get("wall_offset", 0)))
        inside = [sample.phase == MEASURED for sample in batch]
        measured, ended = list(compress(batch, inside)), list(compress(outcomes, inside))
        self.counts["sent"] += len(measured)
        self.counts["sent_warm_up"] += len(batch) - len(measured)
        self._ends(measured, ended)
        self._times(measured, ended)
        self._tokens(measured, ended)
        self.course.add(measured)
        self.sessions.samples(measured)
        if self.parts is not None:
            self.parts.samples(batch, worker)

    def _other(self, record: dict[str, Any]) -> dict[str, Any]:
        kind = record.get("kind")
        if kind == "worker":
            return self._worker(record)
        shift = self.shifts.get(int(record.get("worker", 0)), 0)
        if shift and kind != "exchange":
            record = {name: value + shift if name in STAMPS else value for name, value in record.items()}
        self._count(kind, record)
        return record

    def _count(self, kind: Any, record: dict[str, Any]) -> None:
        if kind == "tick":
            self._tick(record)
        elif kind == "session":
            self.sessions.ended(record)
        elif kind == "end":
            self.ended[int(record["worker"])] = int(record["stopped_sending"])
            for name in FROM_SCHEDULE:  # requests that never found a user were slow too
                self.ages[name].add(_expand(record.get("unsent_us", {})))
        elif kind == "stopped":
            self._stop({"kind": record["why"], "reason": record["reason"], "worker": record.get("worker")})
        elif (
            kind == "lost"
        ):  # none of its requests is in flight any more, and the rest of its schedule will not be sent
            self.lost[int(record["dead"])] = int(record.get("unscheduled", 0))

    def _stop(self, stop: dict[str, Any]) -> None:
        """Record the reason to stop once, because all workers stop for the same one."""
        if all((stop["kind"], stop["reason"]) != (known["kind"], known["reason"]) for known in self.stopped):
            self.stopped.append(stop)

    @property
    def in_flight(self) -> int:
        """Requests in flight by the latest ticks of the live workers."""
        return sum(int(tick["in_flight"]) for worker, tick in self.ticks.items() if worker not in self.lost)

    def _worker(self, record: dict[str, Any]) -> dict[str, Any]:
        """Register a worker and the shift of its clock: the difference of the offsets to wall time of the two machines."""
        number, first = int(record["worker"]), next(iter(self.workers.values()), record)
        if _clock(record) != _clock(first) and "moved_by" not in record:
            shift = self.shifts[number] = record["wall_offset"] - first["wall_offset"]
            moved = {"wall_offset": first["wall_offset"], "moved_by": shift}
            record = {name: value + shift if name in STAMPS else value for name, value in record.items()} | moved
        self.workers[number] = record
        return record

    def _on_first_clock(self, sample: Sample) -> Sample:
        shift = self.shifts.get(sample.worker, 0) if self.shifts else 0
        if not shift:
            return sample
        stamps = {name: value for name in _SAMPLE_STAMPS if (value := getattr(sample, name)) is not None}
        return msgspec.structs.replace(sample, **{name: value + shift for name, value in stamps.items()})

    def _tick(self, record: dict[str, Any]) -> None:
        worker = int(record["worker"])
        self.ticks[worker] = record
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.vitals(record)
        if self.parts is not None:
            self.parts.tick(record, next(iter(self.workers.values()), {}))

    def vitals(self, record: dict[str, Any]) -> None:
        """Add the state of the client from a tick."""
        worker = int(record["worker"])
        self.cpu.setdefault(worker, []).append((int(record["at"]), float(record["cpu"])))
        lags = _expand(record["lag_us"])
        self.lags.add(lags)
        self.frozen_us += sum(lag * times for lag, times in lags.items() if lag >= STILL_US)
        self.delays.add(_expand(record["delay_us"]))
        self.stamps.update(kernel=record["kernel"], user=record["user"])

    def _passed(self, batch: Sequence[Sample], outcomes: Sequence[str]) -> None:
        """Count throughput in the measured time, including late answers to requests of the warm-up."""
        judged = any(slo.latency for slo in self.slos)
        answers = []
        for sample, kind in zip(batch, outcomes, strict=True):
            told, whole = output_tokens(sample), kind == COMPLETED
            if told or whole:
                closed = sample.t_closed or sample.t_dispatched
                good = whole and (not judged or self._good(sample))
                answers.append((sample.t_first_token or closed, closed, told, whole, good))
        self.passed.add(answers)

    def _good(self, sample: Sample) -> bool:
        """Whether the request meets every latency objective by itself; latencies that it may legitimately lack are ignored."""
        judged = ((slo, latencies_us(slo.name, sample)) for slo in self.slos if slo.latency)
        return all(
            all(slo.holds(value / 1000) for value in values) and bool(values or slo.name not in NEEDED)
            for slo, values in judged
        )

    def _ends(self, measured: Sequence[Sample], outcomes: Sequence[str]) -> None:
        self.counts.update(outcomes)
        ends = [sample.end for sample in measured if sample.end is not StreamEnd.DONE]  # an enum is slow to count
        self.ends.update(ends)
        if len(measured) > len(ends):
            self.ends[StreamEnd.DONE] += len(measured) - len(ends)
        self.failures.update(
            sample.failure
            for sample, kind in zip(measured, outcomes, strict=True)
            if sample.failure and kind != IN_FLIGHT
        )

    def _times(self, measured: Sequence[Sample], outcomes: Sequence[str]) -> None:
        columns = columns_us(measured, outcomes)
        for name, values in columns.items():
            self.histograms[name].add(values)
        queued = any(sample.queued for sample in measured)
        own = [sample for sample in measured if not sample.queued] if queued else ()
        self.late.add(column_us("dispatch_delay", own) if queued else columns["dispatch_delay"])
        given_up = [sample for sample in measured if sample.end in GIVEN_UP]
        for name in CENSORED if given_up else ():
            self.ages[name].add(ages_us(name, given_up))
        self._gaps(measured)

    def _gaps(self, measured: Sequence[Sample]) -> None:
        """Add gaps to groups of whole streams, assigned by the request's number, which is independent of the worker."""
        groups: list[list[tuple[int, ...]]] = [[] for _ in range(GROUPS)]
        for sample in measured:
            if sample.gaps_us:
                groups[crc32(sample.id.partition("-")[2].encode()) % GROUPS].append(sample.gaps_us)
        gaps = self.histograms["gap"]
        assert isinstance(gaps, Grouped)
        for number, streams in enumerate(groups):
            gaps.add_to(number, chain.from_iterable(streams))

    def _tokens(self, measured: Sequence[Sample], outcomes: Sequence[str]) -> None:
        counts = self.tokens
        counts["events"] += sum([sample.token_events for sample in measured])
        counts["reads"] += sum([len(sample.gaps_us) + 1 for sample in measured if sample.token_events])
        counts["keepalives"] += sum([sample.keepalives for sample in measured])
        counts["with_keepalives"] += sum([sample.keepalives > 0 for sample in measured])
        counts["malformed"] += sum([sample.malformed for sample in measured])
        counts["bytes"] += sum([sample.bytes for sample in measured])
        usages = [sample.usage for sample in measured if sample.usage is not None]
        told = tokens(usages)
        counts.update(prompt=told.prompt, output=told.output, hit=told.hit, split=told.split, with_usage=len(usages))
        counts["without_usage"] += sum(
            [sample.usage is None for sample in compress(measured, [kind == COMPLETED for kind in outcomes])]
        )
        self._expected([sample for sample in measured if sample.expected_hit is not None])

    def _expected(self, foretold: Sequence[Sample]) -> None:
        """Count cache hits, and those that the workload predicted."""
        for sample in foretold:
            if sample.usage is not None:
                told = tokens((sample.usage,))
                self.tokens["with_expected"] += 1
                self.tokens["expected_hit"] += sample.expected_hit or 0
                self.tokens["mismatches"] += sample.expected_hit != told.hit


def _histogram(name: str) -> Histogram:
    return Grouped(GROUPS) if name == "gap" else Histogram()


def _clock(worker: dict[str, Any]) -> str | None:
    """Identity of a monotonic clock. Machines may share a name, but not the time of their start."""
    return worker.get("boot") or worker.get("host")


def _expand(counts: dict[str, int]) -> Counter[int]:
    return Counter({int(value): int(count) for value, count in counts.items()})
