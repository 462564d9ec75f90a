"""Members of ``report.json`` common to a whole run and its parts, each computed from a tally. Pure: no clock, no file."""

from dataclasses import fields
from typing import Any

from echosounder.load.figures.client_error import of_metric
from echosounder.load.figures.distribution import around, figures
from echosounder.load.figures.latency import METRICS
from echosounder.load.figures.slo import Slo, evaluate
from echosounder.load.figures.tally import Tally
from echosounder.load.figures.validity import Signals, busiest
from echosounder.load.options import Options
from echosounder.load.sample import CLIENT_LIMIT


def objectives(slos: tuple[Slo, ...], tally: Tally, made: dict[str, Any]) -> list[dict[str, Any]]:
    """Member ``slo``: every objective compared with the measured value and its uncertainty."""

    def interval(name: str, statistic: str) -> tuple[float, float] | None:
        return around(tally.histograms[name], tally.ages.get(name), statistic)

    return [evaluate(slo, made, interval) for slo in slos]


def counts(tally: Tally) -> dict[str, int]:
    members = ("sent", "completed", "failed", "rejected", "truncated", "in_flight")
    ticked = {
        name: sum(int(tick[name]) for tick in tally.ticks.values()) for name in ("scheduled", "skipped", "unsent")
    }
    ended = {name: tally.counts[name] for name in members}
    warm = tally.counts["sent_warm_up"]
    scheduled = max(ticked["scheduled"] + sum(tally.lost.values()) - warm, ended["sent"])
    return {
        "scheduled": scheduled,
        **ended,
        "warm_up": warm,
        "unsent": ticked["unsent"],
        "over_budget": ticked["skipped"],
    }


def throughput(tally: Tally, begin: int, end: int) -> dict[str, Any]:
    """Throughput of the full tenths of a second within the measured time."""
    passed = tally.passed.between(begin, end)
    members = {"requests_per_s": passed.answers, "output_tokens_per_s": passed.tokens, "goodput_per_s": passed.good}
    return {name: round(value / passed.seconds, 3) if passed.seconds else None for name, value in members.items()}


def metrics(tally: Tally, error: dict[str, Any]) -> dict[str, Any]:
    found = {name: figures(tally.histograms[name], tally.ages.get(name)) for name in METRICS}
    return {f"{name}_ms": made and {**made, "client_ms": of_metric(name, error)} for name, made in found.items()}


def stream(tally: Tally) -> dict[str, int]:
    """Composition of streams. If ``token_events`` exceed ``token_reads``, some events were read together and have no time of their own."""
    tokens = tally.tokens
    return {
        "token_events": tokens["events"],
        "token_reads": tokens["reads"],
        "malformed_events": tokens["malformed"],
        "keepalives": tokens["keepalives"],
        "requests_with_keepalives": tokens["with_keepalives"],
        "bytes": tokens["bytes"],
    }


def stamps(tally: Tally) -> dict[str, Any]:
    kernel, user = tally.stamps["kernel"], tally.stamps["user"]
    return {"by": "kernel" if kernel > user else "user", "kernel": kernel, "user": user}


def cache(tally: Tally) -> dict[str, Any]:
    tokens = tally.tokens
    prompt, split = tokens["prompt"], tokens["split"]
    known = tokens["with_expected"] > 0
    return {
        "prompt_tokens": prompt if tokens["with_usage"] else None,
        "hit_tokens": tokens["hit"] if split else None,
        "expected_hit_tokens": tokens["expected_hit"] if known else None,
        "hit_ratio": round(tokens["hit"] / prompt, 6) if split and prompt else None,
        "mismatches": tokens["mismatches"] if known else None,
        "output_tokens": tokens["output"] if tokens["with_usage"] else None,
        "without_usage": tokens["without_usage"],
    }


def cost(tally: Tally) -> dict[str, Any]:
    """Cost of all requests, warm-up included, unlike :func:`cache`."""
    spent, tokens = tally.money.spent(), tally.money.tokens
    return {
        "usd": format(spent.usd, "f") if spent else None,
        "usd_without_cache": format(spent.without_cache, "f") if spent else None,
        "balance_delta": None,
        "unexplained": None,
        "unpriced": tally.money.unpriced,
        "tokens": {"prompt": tokens.prompt, "hit": tokens.hit, "output": tokens.output},
    }


def signals(options: Options, tally: Tally, lost_workers: int, error: dict[str, Any], lasted: float) -> Signals:
    """The client's measurements of itself. *lasted*: measured time, µs, summed over all workers."""
    found = counts(tally)
    reads = tally.stamps["kernel"] + tally.stamps["user"]
    answered = tally.histograms["ttft"].count
    open_loop = options.rate is not None or options.trace is not None
    return Signals(
        dispatch_ms=tally.late.quantile(0.99) if open_loop else None,
        lag_ms=tally.lags.quantile(0.99),
        read_ms=tally.delays.quantile(0.99),
        kernel_stamps=tally.stamps["kernel"] / reads if reads else 0.0,
        cpu=max(map(busiest, tally.cpu.values()), default=None),
        unsent=_share(found) if open_loop and options.users is None else None,
        lost_workers=lost_workers,
        calibrated_ms=error["p99"] if error["calibrated"] else None,
        client_limit=tally.failures[CLIENT_LIMIT] or None,
        unanswered=found["sent"] if not found["completed"] and not answered else None,
        frozen=min(tally.frozen_us / lasted, 1.0) if lasted > 0 else None,
        unfinished=found["sent"] if not found["completed"] and answered else None,
    )


def _share(counts: dict[str, int]) -> float:
    return counts["unsent"] / counts["scheduled"] if counts["scheduled"] else 0.0


def plain(signals: Signals) -> dict[str, Any]:
    values = {each.name: getattr(signals, each.name) for each in fields(signals)}
    return {name: None if value is None else round(value, 4) for name, value in values.items()}


def limited(tally: Tally) -> dict[str, Any]:
    """Cost of rate limiting for the users of a closed loop, in ``limited``; empty if no request was refused and no user had to rest."""
    ticks = list(tally.ticks.values())
    refused, rested = (sum(tick.get(name, 0) for tick in ticks) for name in ("turned_away", "rested_s"))
    if not (refused or rested):
        return {}
    over = any(tick.get("impatient") for tick in ticks)
    return {"limited": {"turned_away": refused, "rested_s": round(rested / len(ticks), 3), "over": over}}
