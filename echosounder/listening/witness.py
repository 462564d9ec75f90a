"""Judges and counts exchanges one by one, and records what may be kept of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Any

from echosounder import specs
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.passive import judged
from echosounder.judgement.passive_report import report
from echosounder.judgement.rates import BROKEN, BreakRates
from echosounder.judgement.report import NO_BASELINE
from echosounder.listening.parted_log import PartedLog
from echosounder.load.figures.traffic import Traffic, asked_model, sample, wall_offset
from echosounder.load.sample import Sample
from echosounder.specs.grammar import UNKNOWN
from echosounder.wire.exchange import End, Exchange
from echosounder.wire.header import Header
from echosounder.wire.runlog import exchange_record
from echosounder.wire.verdict import Finding, Result


class Bodies(StrEnum):
    """Selection of the exchanges whose bodies are recorded."""

    NONE = "none"  # none; findings contain no content either
    FINDINGS = "findings"  # bodies of exchanges that break a requirement
    ALL = "all"


@dataclass
class TrafficCounts:
    """Counts of observed traffic, judged or not."""

    requests: int = 0
    streams: int = 0
    judged: int = 0
    cancelled: int = 0
    broken: int = 0
    statuses: Counter[str] = field(default_factory=Counter)

    def record(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)} | {"statuses": dict(self.statuses)}

    def add(self, exchange: Exchange, results: Sequence[Result]) -> None:
        self.requests += 1
        self.streams += exchange.streamed
        self.cancelled += exchange.end is End.CLIENT_CANCELLED
        self.judged += bool(results)
        self.broken += any(result.verdict in BROKEN for result in results)
        self.statuses[str(exchange.status or exchange.end)] += 1


class Witness:
    """Call ``take`` with exchanges in the order in which they ended; ``report`` summarizes them so far."""

    def __init__(
        self, folder: Path, header: Header, policy: str, bodies: Bodies = Bodies.FINDINGS, keep: int = 1 << 30
    ) -> None:
        self._header, self._policy, self._bodies = header, policy, bodies
        clock = header.clock
        self.rates, self.counts = BreakRates(), TrafficCounts()
        self.traffic = Traffic(wall_offset(clock.unix, clock.monotonic_ns) if clock else 0)
        self._sets: dict[tuple[str, ...], int] = {}
        self.log = PartedLog(folder, header, self._carried, keep)

    def take(self, exchange: Exchange) -> None:
        results = list(judged(exchange, self._header.profile, self._policy, self._header.clock))
        one = sample(exchange)
        place = {"model": asked_model(exchange), "path": exchange.request.path[:200], "client": client(exchange)}
        found = [finding for result in results for finding in result.findings if result.verdict in BROKEN]
        self.log.turn()  # before counting: the next part begins with the earlier counts
        self._count(one, results, place, exchange)
        self._keep(exchange, found)
        self._sample(one, results, place, found)

    def _count(self, one: Sample, results: Sequence[Result], place: Mapping[str, str], exchange: Exchange) -> None:
        self.counts.add(exchange, results)
        self.rates.add(map(self._shown, results), place)
        if exchange.format == UNKNOWN:
            return  # requests without a model have no tokens
        digest = blake2b(exchange.request.body, digest_size=8).digest() if exchange.request.body else b""
        self.traffic.add(one, place["client"], digest)

    def _shown(self, result: Result) -> Result:
        if self._bodies is not Bodies.NONE or not result.findings:
            return result
        return replace(result, findings=tuple(map(_silent, result.findings)))

    def _keep(self, exchange: Exchange, found: Sequence[Finding]) -> None:
        whole = self._bodies is Bodies.ALL or (self._bodies is Bodies.FINDINGS and bool(found))
        self.log.write("exchange", exchange_record(exchange if whole else bare(exchange)))

    def _sample(
        self, one: Sample, results: Sequence[Result], place: Mapping[str, str], found: Sequence[Finding]
    ) -> None:
        names = tuple(f"{result.requirement}={result.verdict}" for result in results)
        number = self._sets.get(names)
        if number is None and len(self._sets) < 10_000:
            number = self._sets[names] = len(self._sets)
            self.log.write("judged", {"set": number, "results": list(names)})
        said = {"results": list(names)} if number is None else {"set": number}
        shown = [asdict(_silent(each) if self._bodies is Bodies.NONE else each) for each in found]
        self.log.write("sample", one.record() | {**place} | said | ({"findings": shown} if shown else {}))

    def _carried(self) -> dict[str, Any]:
        self._sets.clear()  # each part must be complete by itself
        return {"rates": self.rates.record(), "counts": self.counts.record()}

    def report(self, more: Mapping[str, Any], baseline: Baseline = NO_BASELINE) -> dict[str, Any]:
        """The report so far; *more* holds further members of the traffic."""
        seen = self.counts.record()
        kept = {"unwritten": self.log.unwritten, "why_unwritten": self.log.reason, "parts_dropped": self.log.dropped}
        return report(
            self._header, self._policy, self.rates, {**seen, **self.traffic.report(), **kept, **more}, baseline
        )


def client(exchange: Exchange) -> str:
    return str(exchange.notes.get("client") or "unnamed")


def bare(exchange: Exchange) -> Exchange:
    """The exchange without its bodies: for each read the stamp and the size."""
    sizes = [len(read.data) for read in exchange.reads]
    notes = exchange.notes | {
        "read_sizes": sizes,
        "read_at": [read.at for read in exchange.reads],
        "bodies": "left out",
    }
    return replace(exchange, request=replace(exchange.request, body=b""), reads=(), notes=notes)


def _silent(finding: Finding) -> Finding:
    """The finding with its location, but without content."""
    return replace(finding, message=specs.requirement(finding.requirement).title, excerpt="")
