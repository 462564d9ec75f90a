"""Figures of a run, gathered from its records one by one: order and number of workers do not matter."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from load.histogram import Histogram
from load.sample import MEASURED, Sample, from_record
from load.slo import Slo
from wire.prices import EXACT, Rates, bill
from wire.stream import StreamEnd

REJECTED, TRUNCATED, FAILED, COMPLETED, IN_FLIGHT = "rejected", "truncated", "failed", "completed", "in_flight"
# What a client may call complete: an answer that said it was finished, `[DONE]` or not.
_OUTCOMES = {
    StreamEnd.DONE: COMPLETED,
    StreamEnd.FINISH_WITHOUT_DONE: COMPLETED,
    StreamEnd.EOF_WITHOUT_FINISH: TRUNCATED,
    StreamEnd.CHUNK_TRUNCATED: TRUNCATED,
    StreamEnd.REFUSED: REJECTED,
    StreamEnd.CLIENT_CANCELLED: IN_FLIGHT,
}
STAMPS = frozenset({"at", "begin", "stopped_sending"})  # the members of other records that are stamps
MINUTE = 60_000_000_000
METRICS = (
    "ttft",
    "ttft_from_schedule",
    "gap",
    "tpot",
    "e2e",
    "e2e_from_schedule",
    "dispatch_delay",
    "connect",
    "keepalive",
    "ttft_with_connect",
    "reasoning_ttft",
    "headers",
)


def outcome(sample: Sample) -> str:
    """The kind of end that ``counts`` counts. A reset after the first byte is a truncated answer, before it a failed request."""
    if sample.end is StreamEnd.RESET:
        return TRUNCATED if sample.t_first_byte is not None else FAILED
    return _OUTCOMES.get(sample.end, FAILED)


def latencies_us(sample: Sample) -> dict[str, int | None]:
    """Every latency of one request, µs; None where it has none. E2E only of complete answers: a cut one is not fast."""
    sent, scheduled, token = sample.t_sent, sample.t_scheduled, sample.t_first_token
    whole = sample.t_closed if outcome(sample) == COMPLETED else None
    return {
        "ttft": _micros(sent, token),
        "ttft_from_schedule": _micros(scheduled, token),
        "tpot": tpot_us(sample),
        "e2e": _micros(sent, whole),
        "e2e_from_schedule": _micros(scheduled, whole),
        "dispatch_delay": _micros(scheduled, sample.t_dispatched),
        "connect": _micros(sample.t_dispatched, sample.t_connected),
        "keepalive": _micros(sample.t_first_keepalive, sample.t_first_event or sample.t_last_keepalive),
        "ttft_with_connect": _micros(sample.t_dispatched, token),
        "reasoning_ttft": _micros(sent, sample.t_first_reasoning),
        "headers": _micros(sent, sample.t_headers),
    }


def tpot_us(sample: Sample) -> int | None:
    """(t_last - t_first) / (N - 1), N from the reported usage, else the events that carried output."""
    tokens = (sample.usage.completion if sample.usage else None) or sample.token_events
    span = _micros(sample.t_first_token, sample.t_last_token)
    return span // (tokens - 1) if span is not None and tokens > 1 and outcome(sample) == COMPLETED else None


def _micros(since: int | None, until: int | None) -> int | None:
    return None if since is None or until is None else max(until - since, 0) // 1000


class Spent(NamedTuple):
    """What a run cost, exactly, and what it would have cost had nothing been cached."""

    usd: Decimal
    without_cache: Decimal


@dataclass(slots=True)
class Money:
    """Tokens by the minute they were sent in, because prices change by the clock; money is a sum over few minutes then.

    ``rates``: the prices at an instant, None where they are not known. ``unpriced``: answers that did not tell their tokens.
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
        miss = usage.miss if usage.miss is not None else max((usage.prompt or 0) - hit, 0)
        tokens = self.minutes.setdefault(at // MINUTE, Counter())
        tokens["hit"] += hit
        tokens["miss"] += miss
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
    stopped: list[dict[str, Any]] = field(default_factory=list)
    most_in_flight: int = 0
    flows: list[Flow] = field(default_factory=list)

    def enter(self, record: dict[str, Any]) -> dict[str, Any]:
        """Count a record of a worker's log; the record on the clock of the first worker's machine."""
        kind = record.get("kind")
        if kind == "worker":
            self.workers[int(record["worker"])] = record
        record = self._moved(record)
        if kind == "worker":
            self.workers[int(record["worker"])] = record
        elif kind == "sample":
            self.sample(from_record(record), int(str(record["id"]).partition("-")[0]))
        elif kind == "tick":
            self.tick(record)
        elif kind == "end":
            self.ended[int(record["worker"])] = int(record["stopped_sending"])
        elif kind == "stopped":
            self.stopped.append({"kind": record["why"], "reason": record["reason"], "worker": record["worker"]})
        return record

    def _moved(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record as it is, or with its stamps on the first worker's clock where it is from another machine."""
        worker = record["worker"] if "worker" in record else int(str(record.get("id", "0")).partition("-")[0])
        first, own = next(iter(self.workers.values()), None), self.workers.get(worker)
        if record["kind"] == "exchange" or first is None or own is None or first.get("host") == own.get("host"):
            return record
        shift = own["moved_by"] if "moved_by" in own else own["wall_offset"] - first["wall_offset"]
        moved = {
            name: value + shift if name.startswith("t_") or name in STAMPS else value for name, value in record.items()
        }
        return (
            {**moved, "wall_offset": first["wall_offset"], "moved_by": shift} if record["kind"] == "worker" else moved
        )

    def sample(self, sample: Sample, worker: int) -> None:
        """Count one request; warm-up only as such."""
        self.counts["sent_warm_up" if sample.phase != MEASURED else "sent"] += 1
        wall = (self.workers.get(worker) or {}).get("wall_offset", 0)
        self.money.add(sample, wall + (sample.t_sent or sample.t_dispatched))
        found = latencies_us(sample)
        self._flow(sample, found)
        if sample.phase != MEASURED:
            return
        self.counts[outcome(sample)] += 1
        self.ends[sample.end] += 1
        if sample.failure and outcome(sample) != IN_FLIGHT:
            self.failures[sample.failure] += 1
        self._times(sample, found)
        self._tokens(sample)

    def tick(self, record: dict[str, Any]) -> None:
        worker = int(record["worker"])
        self.ticks[worker] = record
        self.most_in_flight = max(self.most_in_flight, sum(int(tick["in_flight"]) for tick in self.ticks.values()))
        self.cpu.setdefault(worker, []).append(float(record["cpu"]))
        self.lags.add(_expand(record["lag_us"]))
        self.delays.add(_expand(record["delay_us"]))
        self.stamps.update(kernel=record["kernel"], user=record["user"])

    def _flow(self, sample: Sample, found: dict[str, int | None]) -> None:
        """Throughput counts whatever passed in the measured time, warm-up's late answers too: else it would lose the ends."""
        tokens = (sample.usage.completion if sample.usage else None) or sample.token_events
        closed = sample.t_closed or sample.t_dispatched
        whole = outcome(sample) == COMPLETED
        if tokens or whole:
            good = whole and self._good(sample, found)
            self.flows.append(Flow(sample.t_first_token or closed, closed, tokens, whole, good))

    def _times(self, sample: Sample, found: dict[str, int | None]) -> None:
        for name, value in found.items():
            if value is not None:
                self.histograms[name].one(value)
        self.histograms["gap"].add(sample.gaps_us)
        delay = found["dispatch_delay"]
        if delay is not None and not sample.queued:
            self.late.one(delay)

    def _good(self, sample: Sample, found: dict[str, int | None]) -> bool:
        """Does the request by itself meet every latency that an objective names?"""
        for slo in self.slos:
            if slo.latency:
                values = sample.gaps_us if slo.name == "gap" else (found[slo.name],)
                if not all(value is None or slo.holds(value / 1000) for value in values):
                    return False
        return True

    def _tokens(self, sample: Sample) -> None:
        usage = sample.usage
        self.tokens["events"] += sample.token_events
        self.tokens["keepalives"] += sample.keepalives
        self.tokens["malformed"] += sample.malformed
        self.tokens["bytes"] += sample.bytes
        self.counts["coalesced"] += max(sample.token_events - len(sample.gaps_us) - 1, 0)
        if usage is None:
            self.tokens["without_usage"] += outcome(sample) == COMPLETED
            return
        hit = usage.hit if usage.hit is not None else usage.cached
        self.tokens.update(prompt=usage.prompt or 0, output=usage.completion or 0, hit=hit or 0, with_usage=1)
        self.tokens["split"] += hit is not None
        if sample.expected_hit is not None:
            self.tokens.update(
                expected_hit=sample.expected_hit, with_expected=1, mismatches=int(sample.expected_hit != (hit or 0))
            )


def _expand(counts: dict[str, int]) -> Counter[int]:
    return Counter({int(value): count for value, count in counts.items()})
