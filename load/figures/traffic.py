"""Figures of observed traffic: latency, tokens and money by model and by client, as for a load run, and the cost of retries."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from echosounder import specs
from echosounder.load.figures.distribution import figures
from echosounder.load.figures.latency import outcome
from echosounder.load.figures.money import Money
from echosounder.load.figures.tally import Tally
from echosounder.load.sample import MEASURED, Sample
from echosounder.wire.exchange import Exchange
from echosounder.wire.prices import Rated
from echosounder.wire.stream import StreamEnd, ended, refused, stream_end, timeline

SHOWN = ("ttft", "gap", "tpot", "e2e", "headers", "keepalive")
GROUPS = 32
OTHERS = "others"
RETRY_NS = 120_000_000_000
REMEMBERED = 4096


def sample(exchange: Exchange) -> Sample:
    """Convert an exchange to the sample of a load run."""
    line, answer, end = timeline(exchange), exchange.answer, _end(exchange)
    marks = [(exchange.events[index].at, mark) for index, mark in exchange.marks if mark.kind]
    reads = list(dict.fromkeys(at for at, _ in marks))
    begun = exchange.t_sent or exchange.t_closed or 0
    stamps = {name: getattr(line, name) for name in type(line).__struct_fields__}
    return Sample(
        id=f"0-{exchange.id}",
        name=exchange.format,
        phase=MEASURED,
        end=end,
        t_scheduled=begun,
        t_dispatched=begun,
        stream=exchange.wants_stream,
        failure=f"http-{exchange.status}" if refused(exchange.status) else "" if end == "done" else str(end),
        status=exchange.status,
        reused=exchange.t_connected is None,
        gaps_us=tuple((later - sooner) // 1000 for sooner, later in pairwise(reads)),
        events=len(exchange.events),
        token_events=len(marks),
        keepalives=len(exchange.items) - len(exchange.events),
        bytes=sum(len(read.data) for read in exchange.reads),
        usage=answer.usage,
        max_tokens=exchange.reader.bound(exchange.asked),
        model=asked_model(exchange),
        **stamps,
    )


def _end(exchange: Exchange) -> StreamEnd:
    """Classify the end as a load run does; a readable non-streaming response is complete."""
    if exchange.wants_stream:
        return stream_end(exchange)
    whole = exchange.reader.whole(exchange.json)
    found = {"error": bool(whole.error), "done": whole.end, "finished": bool(whole.finish)}
    return ended(exchange.status, exchange.end, **found)


def asked_model(exchange: Exchange) -> str:
    """The requested model, as the client named it; cut to 100 characters, because clients can send anything."""
    named = exchange.asked.get("model")
    return named[:100] if isinstance(named, str) else ""


def rates(model: str) -> Callable[[datetime], Rated | None]:
    """The prices of *model* at an instant; None if unknown."""

    def at(moment: datetime) -> Rated | None:
        try:
            return specs.price(model, moment)
        except specs.UnknownPriceError:
            return None

    return at


@dataclass
class Traffic:
    """Samples by client and by model. ``wall_offset``: ns since the epoch at stamp 0 of their clock."""

    wall_offset: int = 0
    groups: dict[tuple[str, str], Tally] = field(default_factory=dict)
    retried: int = 0
    retry_usd: Decimal = Decimal(0)
    _asked: OrderedDict[tuple[str, bytes], tuple[int, bool]] = field(default_factory=OrderedDict)

    def add(self, sample: Sample, client: str, digest: bytes = b"") -> None:
        """*digest* identifies the request: the same one soon after a failure is a retry."""
        key = (client, sample.model or "")
        if key not in self.groups and len(self.groups) >= GROUPS:
            key = (OTHERS, sample.model or "") if (OTHERS, sample.model or "") in self.groups else (OTHERS, OTHERS)
        if key not in self.groups:
            self.groups[key] = Tally(money=Money(rates(key[1])))
        tally = self.groups[key]
        tally.workers.setdefault(0, {"begin": sample.t_scheduled, "wall_offset": self.wall_offset})
        tally.samples([sample])
        if digest:
            self._again(sample, client, digest)

    def _again(self, sample: Sample, client: str, digest: bytes) -> None:
        key, good = (client, digest), outcome(sample) == "completed"
        before = self._asked.pop(key, None)
        if before is not None and not before[1] and sample.t_dispatched - before[0] < RETRY_NS:
            self.retried += 1
            self.retry_usd += self._usd(sample)
        self._asked[key] = (sample.t_closed or sample.t_dispatched, good)
        if len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)

    def _usd(self, sample: Sample) -> Decimal:
        money = Money(rates(sample.model or ""))
        money.add([sample], self.wall_offset)
        spent = money.spent()
        return spent.usd if spent else Decimal(0)

    def report(self) -> dict[str, Any]:
        """``groups``: a row per client and model, the busiest first; ``retries``: repeated requests after a failure, and their cost."""
        rows = sorted(self.groups.items(), key=lambda item: -item[1].counts["sent"])
        return {
            "groups": [{"client": client, "model": model, **_row(tally)} for (client, model), tally in rows],
            "retries": {"requests": self.retried, "usd": format(self.retry_usd, "f")},
        }


def _row(tally: Tally) -> dict[str, Any]:
    spent, tokens = tally.money.spent(), tally.money.tokens
    latency = {f"{name}_ms": figures(tally.histograms[name], tally.ages.get(name)) for name in SHOWN}
    counts = {name: count for name, count in tally.counts.items() if name != "sent_warm_up"}
    return {
        "counts": counts,
        "failures": dict(tally.failures),
        "latency": {name: value for name, value in latency.items() if value is not None},
        "tokens": {"prompt": tokens.prompt, "hit": tokens.hit, "output": tokens.output},
        "hit_ratio": round(tokens.hit / tokens.prompt, 6) if tokens.split and tokens.prompt else None,
        "usd": format(spent.usd, "f") if spent else None,
        "usd_without_cache": format(spent.without_cache, "f") if spent else None,
        "saved_usd": format(spent.without_cache - spent.usd, "f") if spent else None,
        "unpriced": tally.money.unpriced,
    }


def wall_offset(unix: float, monotonic_ns: int) -> int:
    """ns since the epoch at stamp 0, from the two readings of one instant."""
    return int(unix * 1e9) - monotonic_ns
