"""Member ``sessions`` of ``report.json``: duration and cached share of the sessions of each item, and the same by place of a request."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from echosounder.load.figures.distribution import figures
from echosounder.load.figures.histogram import Histogram
from echosounder.load.figures.latency import column_us
from echosounder.load.figures.money import Tokens, tokens
from echosounder.load.sample import MEASURED, Sample
from echosounder.wire.latency import quantile

PLACES = 24  # requests of a session with separate figures; the rest is combined
SUMS = ("requests", "questions", "calls", "subagents")


@dataclass(slots=True)
class RequestPlace:
    """All requests at the same position of their sessions: the first of each, the second …"""

    sent: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    counted: int = 0  # answers that reported their tokens
    ttft: Histogram = field(default_factory=Histogram)

    def add(self, samples: list[Sample]) -> None:
        usages = [sample.usage for sample in samples if sample.usage is not None]
        self.sent += len(samples)
        self.counted += len(usages)
        self.tokens = self.tokens.plus(tokens(usages))
        self.ttft.add(column_us("ttft", samples))

    def row(self, name: str) -> dict[str, Any]:
        told = self.tokens
        return {
            "request": name,
            "sent": self.sent,
            "prompt_tokens": round(told.prompt / self.counted, 1) if self.counted else None,
            "hit_ratio": round(told.hit / told.prompt, 6) if told.split and told.prompt else None,
            "ttft_ms": figures(self.ttft),
        }


@dataclass(slots=True)
class ItemSessions:
    """Sessions of one item that began in the measured time. Times and hit rates cover complete sessions only, because the others are
    shorter.
    """

    ends: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    time: Histogram = field(default_factory=Histogram)
    busy: Histogram = field(default_factory=Histogram)
    hits: Counter[float] = field(default_factory=Counter)
    places: dict[int, RequestPlace] = field(default_factory=dict)
    subagents: RequestPlace = field(default_factory=RequestPlace)

    def add(self, record: dict[str, Any]) -> None:
        self.ends[str(record["ended"])] += 1
        if record["ended"] != "complete":
            return
        self.sums.update({name: int(record[name]) for name in SUMS})
        self.time.add([max(int(record["at"]) - int(record["begin"]), 0) // 1000])
        self.busy.add([int(record["busy_us"])])
        if record["hit"] is not None and record["prompt"]:
            self.hits[round(record["hit"] / record["prompt"], 3)] += 1

    def row(self, item: str) -> dict[str, Any]:
        complete = self.ends["complete"]
        places = [
            place.row(f"{number}" if number <= PLACES else f">{PLACES}")
            for number, place in sorted(self.places.items())
        ]
        return {
            "item": item,
            "counts": {name: self.ends[name] for name in ("complete", "failed", "cut")},
            "per_session": {name: round(self.sums[name] / complete, 2) if complete else None for name in SUMS},
            "time_ms": figures(self.time),
            "answering_ms": figures(self.busy),
            "hit_ratio": self._hit_ratio(),
            "requests": [*places, *([self.subagents.row("sub-agents")] if self.subagents.sent else [])],
        }

    def _hit_ratio(self) -> dict[str, float] | None:
        if not self.hits:
            return None
        values = sorted(self.hits.elements())
        share = {name: quantile(values, at) or 0.0 for name, at in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9))}
        return {"mean": round(sum(values) / len(values), 6), **share}


@dataclass(slots=True)
class SessionFigures:
    """Sessions by item; empty for a load without sessions."""

    items: dict[str, ItemSessions] = field(default_factory=dict)

    def ended(self, record: dict[str, Any]) -> None:
        """Count the record of a finished session."""
        if record["phase"] == MEASURED:
            self.items.setdefault(str(record["item"]), ItemSessions()).add(record)

    def samples(self, measured: Iterable[Sample]) -> None:
        """Count requests of the measured time, including those of sessions."""
        groups: dict[tuple[str, int], list[Sample]] = {}
        for sample in measured:
            if sample.turn:
                place = 0 if "/" in sample.session else min(sample.turn, PLACES + 1)
                groups.setdefault((sample.name, place), []).append(sample)
        for (name, place), found in groups.items():
            ended = self.items.setdefault(name, ItemSessions())
            (ended.places.setdefault(place, RequestPlace()) if place else ended.subagents).add(found)

    def report(self) -> dict[str, Any]:
        """Member ``sessions``; empty without sessions."""
        return {"sessions": [ended.row(item) for item, ended in sorted(self.items.items())]} if self.items else {}
