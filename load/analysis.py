"""From a run's tally to ``report.json`` (``echosounder/load/1``). Pure: no clock, no file."""

from collections.abc import Iterable
from typing import Any

from load.calibration import Calibration
from load.latency import METRICS
from load.options import Options
from load.slo import evaluate
from load.tally import Tally
from load.validity import Signals, judge

SCHEMA = "echosounder/load/1"
SECOND = 1_000_000_000
DEFINITIONS = {
    "ttft_ms": "first content, reasoning or tool delta - t_sent; a role chunk, a comment or an empty delta is no token",
    "ttft_from_schedule_ms": "the same from the time the request was due, so that waiting before it was sent counts",
    "gap_ms": "between successive reads that carried output; not per token when a read carries several",
    "tpot_ms": "(t_last_token - t_first_token) / (N - 1) of complete answers, N the reported completion tokens",
    "e2e_ms": "end of the answer - t_sent, of complete answers",
    "e2e_from_schedule_ms": "the same from the time the request was due",
    "dispatch_delay_ms": "when the client took the request up - when it was due",
    "connect_ms": "time until a new connection was there, TLS included; none where a connection was used again",
    "keepalive_ms": "from the first keep-alive comment to the first event: queueing that the server shows",
    "ttft_with_connect_ms": "ttft_ms with the time to connect",
    "reasoning_ttft_ms": "first reasoning delta - t_sent",
    "headers_ms": "header section of the answer complete - t_sent",
    "goodput_per_s": "answers per second that are complete and, each by itself, within every latency the objectives name",
}
LOAD = ("users", "rate", "arrival", "seed")
STOP_CODES = {"key-refused": 3, "no-balance": 3, "target-failing": 3, "budget": 0, "interrupted": 3, "worker": 3}


def report(
    options: Options, tally: Tally, started: str, lost_workers: int = 0, calibration: Calibration | None = None
) -> dict[str, Any]:
    """The report of a run. ``conformance`` is empty until :func:`attach_conformance` fills it."""
    begin, end = window(options, tally)
    signals = _signals(options, tally, lost_workers, calibration)
    verdict, reasons = judge(signals)
    made: dict[str, Any] = {
        "schema": SCHEMA,
        "scenario": options.scenario,
        "started": started,
        "target": {"url": options.url, "model": options.model},
        "load": {name: getattr(options, name) for name in LOAD} | {"beyond_duration": options.beyond},
        "duration_s": round((end - begin) / SECOND, 3),
        "warmup_s": options.warmup,
        "workers": len(tally.workers),
        "measurement": {"verdict": verdict, "reasons": reasons, "signals": _plain(signals)},
        "stamps": _stamps(tally),
        "counts": _counts(tally),
        "failures": dict(sorted(tally.failures.items())),
        "ends": {str(end): number for end, number in sorted(tally.ends.items())},
        "metrics": {f"{name}_ms": tally.histograms[name].figures() for name in METRICS},
        "throughput": _throughput(tally, begin, end),
        "client_error_ms": _error(tally, calibration),
        "cache": _cache(tally),
        "cost": _cost(tally),
        "rate_limit": None,
        "conformance": {"sampled": 0, "failing": {}},
        "stopped": tally.stopped,
        "definitions": DEFINITIONS,
    }
    made["slo"] = [evaluate(slo, made) for slo in tally.slos]
    return made


def attach_conformance(made: dict[str, Any], sampled: int, failing: dict[str, int]) -> dict[str, Any]:
    """The report with the verdict of the checks on the sampled exchanges: requirement id -> exchanges that break it."""
    return {**made, "conformance": {"sampled": sampled, "failing": dict(sorted(failing.items()))}}


def exit_code(made: dict[str, Any]) -> int:
    """3 stopped without an answer to the question · 4 measurement invalid · 1 an objective missed · 0."""
    if any(STOP_CODES.get(stop["kind"], 3) == 3 for stop in made["stopped"]) or not made["counts"]["sent"]:
        return 3
    if made["measurement"]["verdict"] == "invalid":
        return 4
    return 1 if any(not slo["met"] for slo in made["slo"]) else 0


def window(options: Options, tally: Tally) -> tuple[int, int]:
    """The measured time, ns: from the end of the warm-up until sending stopped."""
    if not tally.workers:
        return 0, 0
    begin = min(int(worker["begin"]) for worker in tally.workers.values()) + round(options.warmup * SECOND)
    planned = begin + round(options.duration * SECOND)
    ticks = [int(tick["at"]) for tick in tally.ticks.values()]
    end = max(tally.ended.values()) if tally.ended else min(planned, max(ticks, default=planned))
    return begin, max(end, begin)


def _counts(tally: Tally) -> dict[str, int]:
    members = ("sent", "completed", "failed", "rejected", "truncated", "in_flight")
    ticked = {
        name: sum(int(tick[name]) for tick in tally.ticks.values()) for name in ("scheduled", "skipped", "unsent")
    }
    counts = {name: tally.counts[name] for name in members}
    warm = tally.counts["sent_warm_up"]
    scheduled = max(ticked["scheduled"] + sum(tally.lost.values()) - warm, counts["sent"])
    return {
        "scheduled": scheduled,
        **counts,
        "warm_up": warm,
        "unsent": ticked["unsent"],
        "over_budget": ticked["skipped"],
    }


def _throughput(tally: Tally, begin: int, end: int) -> dict[str, Any]:
    seconds = (end - begin) / SECOND
    if seconds <= 0:
        return {"requests_per_s": None, "output_tokens_per_s": None, "goodput_per_s": None}
    inside = [flow for flow in tally.flows if flow.whole and begin <= flow.closed < end]
    return {
        "requests_per_s": round(len(inside) / seconds, 3),
        "output_tokens_per_s": round(sum(flow.tokens_in(begin, end) for flow in tally.flows) / seconds, 3),
        "goodput_per_s": round(sum(flow.good for flow in inside) / seconds, 3),
    }


def _error(tally: Tally, calibration: Calibration | None) -> dict[str, Any]:
    """What the client itself adds to a stamp.

    Stamps of the kernel do not age while they wait for us: there it is the gap error that a calibration found under at least
    this load, and without a calibration the time that reads waited, which is far more than it can be.
    """
    waited = {"read_p50": tally.delays.quantile(0.5), "read_p99": tally.delays.quantile(0.99)}
    cell = calibration.nearest(*demand(tally)) if calibration else None
    if calibration and cell:
        source = f"calibration of {calibration.measured} at {cell.streams} streams of {cell.rate:g} events/s"
        return {"p50": cell.gap_p50, "p99": cell.gap_p99, "ttft_p99": cell.ttft_p99, "source": source, **waited}
    by_kernel = tally.delays.count > 0
    found = tally.delays if by_kernel else tally.lags
    source = "upper bound: time that bytes waited to be read" if by_kernel else "lag of the event loop"
    return {"p50": found.quantile(0.5), "p99": found.quantile(0.99), "ttft_p99": None, "source": source, **waited}


def demand(tally: Tally) -> tuple[int, float]:
    """The most streams at once, and the events per second of a typical one."""
    gap = tally.histograms["gap"].quantile(0.5)
    return tally.most_in_flight, 1000 / gap if gap else 0.0


def _stamps(tally: Tally) -> dict[str, Any]:
    kernel, user = tally.stamps["kernel"], tally.stamps["user"]
    return {"by": "kernel" if kernel > user else "user", "kernel": kernel, "user": user}


def _cache(tally: Tally) -> dict[str, Any]:
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


def _cost(tally: Tally) -> dict[str, Any]:
    spent = tally.money.spent()
    return {
        "usd": format(spent.usd, "f") if spent else None,
        "usd_without_cache": format(spent.without_cache, "f") if spent else None,
        "balance_delta": None,
        "unexplained": None,
        "unpriced": tally.money.unpriced,
    }


def _signals(options: Options, tally: Tally, lost_workers: int, calibration: Calibration | None) -> Signals:
    counts = _counts(tally)
    reads = tally.stamps["kernel"] + tally.stamps["user"]
    # The first and the last tick hold start-up and drain.
    cpu = max((max(shares[1:-1] or shares) for shares in tally.cpu.values() if shares), default=None)
    open_loop = options.rate is not None or options.trace is not None
    return Signals(
        dispatch_ms=tally.late.quantile(0.99) if open_loop else None,
        lag_ms=tally.lags.quantile(0.99),
        read_ms=tally.delays.quantile(0.99),
        kernel_stamps=tally.stamps["kernel"] / reads if reads else 0.0,
        cpu=cpu,
        unsent=_share(counts) if open_loop and options.users is None else None,
        lost_workers=lost_workers,
        calibrated_ms=cell.gap_p99 if (cell := calibration and calibration.nearest(*demand(tally))) else None,
    )


def _share(counts: dict[str, int]) -> float:
    return counts["unsent"] / counts["scheduled"] if counts["scheduled"] else 0.0


def _plain(signals: Signals) -> dict[str, Any]:
    names: Iterable[str] = (
        "dispatch_ms",
        "lag_ms",
        "read_ms",
        "kernel_stamps",
        "cpu",
        "unsent",
        "lost_workers",
        "calibrated_ms",
    )
    return {name: round(value, 4) if (value := getattr(signals, name)) is not None else None for name in names}
