"""Figures of a run, gathered from its records: order, number of workers and size of batches do not matter."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from load.histogram import Histogram
from load.latency import COMPLETED, IN_FLIGHT, METRICS, SPANS, column_us, latencies_us, outcome, output_tokens
from load.money import Money
from load.sample import MEASURED, Sample
from load.slo import Slo

STAMPS = frozenset({"at", "begin", "stopped_sending"})  # the members of other records that are stamps
_SAMPLE_STAMPS = tuple(name for name in Sample.__struct_fields__ if name.startswith("t_"))

Record = Sample | dict[str, Any]


class Flow(NamedTuple):
    """What an answer adds to throughput: output tokens between two stamps, and a request at its close if it is whole."""

    since: int
    closed: int
    tokens: int
    whole: bool
    good: bool

    def tokens_in(self, begin: int, end: int) -> float:
        """The tokens that fell into a window, if they came evenly."""
        if self.closed <= self.since:
            return self.tokens if begin <= self.closed < end else 0.0
        return self.tokens * max(min(self.closed, end) - max(self.since, begin), 0) / (self.closed - self.since)


@dataclass(slots=True)
class Tally:
    """All that a report is made of. ``slos`` decide which requests count as goodput."""

    slos: tuple[Slo, ...] = ()
    money: Money = field(default_factory=Money)
    histograms: dict[str, Histogram] = field(default_factory=lambda: {name: Histogram() for name in METRICS})
    late: Histogram = field(default_factory=Histogram)  # dispatch delays that no busy user excuses
    lags: Histogram = field(default_factory=Histogram)
    delays: Histogram = field(default_factory=Histogram)
    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    stamps: Counter[str] = field(default_factory=Counter)
    cpu: dict[int, list[float]] = field(default_factory=dict)
    ticks: dict[int, dict[str, Any]] = field(default_factory=dict)
    workers: dict[int, dict[str, Any]] = field(default_factory=dict)
    ended: dict[int, int] = field(default_factory=dict)
    shifts: dict[int, int] = field(default_factory=dict)  # of workers on other machines: what moves their stamps
    stopped: list[dict[str, Any]] = field(default_factory=list)
    lost: dict[int, int] = field(default_factory=dict)  # workers that died, and how much of their schedule they left
    most_in_flight: int = 0
    flows: list[Flow] = field(default_factory=list)

    def enter(self, records: Iterable[Record]) -> list[Record]:
        """Count records of workers' logs; the same records, on the clock of the first worker's machine."""
        entered = [
            self._on_first_clock(record) if isinstance(record, Sample) else self._other(record) for record in records
        ]
        self.samples([record for record in entered if isinstance(record, Sample)])
        return entered

    def samples(self, batch: Sequence[Sample]) -> None:
        """Count requests; of warm-up only that they were, what they cost, and what they added to throughput."""
        measured = [sample for sample in batch if sample.phase == MEASURED]
        self.counts["sent"] += len(measured)
        self.counts["sent_warm_up"] += len(batch) - len(measured)
        walls = {worker: int(record.get("wall_offset", 0)) for worker, record in self.workers.items()}
        for sample in batch:
            self.money.add(sample, walls.get(sample.worker, 0) + (sample.t_sent or sample.t_dispatched))
            self._flow(sample)
        self._ends(measured)
        self._times(measured)
        self._tokens(measured)

    def _other(self, record: dict[str, Any]) -> dict[str, Any]:
        kind = record.get("kind")
        if kind == "worker":
            return self._worker(record)
        shift = self.shifts.get(int(record.get("worker", 0)), 0)
        if shift and kind != "exchange":
            record = {name: value + shift if name in STAMPS else value for name, value in record.items()}
        if kind == "tick":
            self._tick(record)
        elif kind == "end":
            self.ended[int(record["worker"])] = int(record["stopped_sending"])
        elif kind == "stopped":
            self._stop({"kind": record["why"], "reason": record["reason"], "worker": record["worker"]})
        elif kind == "lost":  # nothing of it is in flight any more, and what it had yet to send nobody will
            self.lost[int(record["dead"])] = int(record.get("unscheduled", 0))
        return record

    def _stop(self, stop: dict[str, Any]) -> None:
        """Workers stop for the same reason; it is said once."""
        if all((stop["kind"], stop["reason"]) != (known["kind"], known["reason"]) for known in self.stopped):
            self.stopped.append(stop)

    @property
    def in_flight(self) -> int:
        """By the last ticks of the workers that are there."""
        return sum(int(tick["in_flight"]) for worker, tick in self.ticks.items() if worker not in self.lost)

    def _worker(self, record: dict[str, Any]) -> dict[str, Any]:
        """Clocks of two machines begin at different times: what their distance to wall time differs by is the shift."""
        number, first = int(record["worker"]), next(iter(self.workers.values()), record)
        if record.get("host") != first.get("host") and "moved_by" not in record:
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
        self.cpu.setdefault(worker, []).append(float(record["cpu"]))
        self.lags.add(_expand(record["lag_us"]))
        self.delays.add(_expand(record["delay_us"]))
        self.stamps.update(kernel=record["kernel"], user=record["user"])

    def _flow(self, sample: Sample) -> None:
        """Throughput counts whatever passed in the measured time, warm-up's late answers too: else it would lose the ends."""
        tokens, whole = output_tokens(sample), outcome(sample) == COMPLETED
        if tokens or whole:
            closed = sample.t_closed or sample.t_dispatched
            self.flows.append(Flow(sample.t_first_token or closed, closed, tokens, whole, whole and self._good(sample)))

    def _good(self, sample: Sample) -> bool:
        """Does the request by itself meet every latency that an objective names?"""
        return all(
            slo.holds(value / 1000) for slo in self.slos if slo.latency for value in latencies_us(slo.name, sample)
        )

    def _ends(self, measured: Sequence[Sample]) -> None:
        self.counts.update(map(outcome, measured))
        self.ends.update(sample.end for sample in measured)
        self.failures.update(sample.failure for sample in measured if sample.failure and outcome(sample) != IN_FLIGHT)

    def _times(self, measured: Sequence[Sample]) -> None:
        for name in ("tpot", *SPANS):
            self.histograms[name].add(column_us(name, measured))
        self.histograms["gap"].add(chain.from_iterable(sample.gaps_us for sample in measured))
        self.late.add(column_us("dispatch_delay", (sample for sample in measured if not sample.queued)))

    def _tokens(self, measured: Sequence[Sample]) -> None:
        tokens = self.tokens
        tokens["events"] += sum(sample.token_events for sample in measured)
        tokens["keepalives"] += sum(sample.keepalives for sample in measured)
        tokens["malformed"] += sum(sample.malformed for sample in measured)
        tokens["bytes"] += sum(sample.bytes for sample in measured)
        self.counts["coalesced"] += sum(max(sample.token_events - len(sample.gaps_us) - 1, 0) for sample in measured)
        for sample in measured:
            self._usage(sample)

    def _usage(self, sample: Sample) -> None:
        usage, tokens = sample.usage, self.tokens
        if usage is None:
            tokens["without_usage"] += outcome(sample) == COMPLETED
            return
        hit = usage.hit if usage.hit is not None else usage.cached
        tokens["with_usage"] += 1
        tokens["prompt"] += usage.prompt or 0
        tokens["output"] += usage.completion or 0
        tokens["hit"] += hit or 0
        tokens["split"] += hit is not None
        if sample.expected_hit is not None:
            tokens["with_expected"] += 1
            tokens["expected_hit"] += sample.expected_hit
            tokens["mismatches"] += sample.expected_hit != (hit or 0)


def _expand(counts: dict[str, int]) -> Counter[int]:
    return Counter({int(value): count for value, count in counts.items()})
