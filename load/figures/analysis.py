"""Converts a run's tally to ``report.json`` (``echosounder/load/1``). Pure: no clock, no file."""

from typing import Any

from echosounder.load.calibration import Calibration
from echosounder.load.figures import members, outcome
from echosounder.load.figures.breakdown import breakdown, steady
from echosounder.load.figures.client_error import client_error
from echosounder.load.figures.tally import Tally
from echosounder.load.figures.validity import judge
from echosounder.load.options import Options
from echosounder.load.sample import CLIENT_LIMIT

SCHEMA = "echosounder/load/1"
SECOND = 1_000_000_000
DEFINITIONS = {
    "ttft_ms": "first content, reasoning or tool delta - t_sent; a role chunk, a comment or an empty delta is not a token",
    "ttft_from_schedule_ms": "the same from the time the request was due, so that waiting before it was sent counts",
    "gap_ms": "between successive reads that carried output; not per token when a read carries several",
    "tpot_ms": "(t_last_token - t_first_token) / (N - 1) of complete answers, N the reported completion tokens",
    "e2e_ms": "end of the answer - t_sent, of complete answers",
    "e2e_from_schedule_ms": "the same from the time the request was due",
    "dispatch_delay_ms": "dispatch time of the request - its due time",
    "connect_ms": "time to establish a new connection, TLS included; none for a reused connection",
    "keepalive_ms": "from the first keep-alive comment to the first event: queueing that the server shows",
    "keepalive_interval_ms": "from one keep-alive comment to the next, on average over a request that had several",
    "ttft_with_connect_ms": "TTFT including the time to connect",
    "reasoning_ttft_ms": "first reasoning delta - t_sent",
    "headers_ms": "header section of the answer complete - t_sent",
    "goodput_per_s": "answers per second that are complete and, each by itself, within every latency the objectives name; "
    "one without a token has no TTFT and is not within it",
    "censored": "requests (streams, for gaps) that were given up, by the end of the run or a timeout, before the latency was "
    "known, and from the schedule those that never found a free user: they count with their age; at_least names the figures "
    "that they could have moved up by more than 1 %",
    "ci": "95 % intervals of sampling: by order statistics, each request taken as independent; of gaps by how much random "
    "groups of whole streams differ, because the gaps of one stream are alike",
    "slo": "undecided where the figure has no value, or its 95 % interval lies on both sides of the limit; where so few values tell "
    "no interval, from the smallest to the largest of them. Shares, rates and cost were counted and have none",
    "client_ms": "how far above (plus) and below (minus) the figure the true one may lie in 99 of 100 cases because of the "
    "client: a read can be late, never early",
    "sessions": "time_ms: from when the first request was due to the end of the last answer; answering_ms: the sum over its requests of "
    "the time from dispatch to the end of the answer; hit_ratio: cached tokens of all prompts of a session, by their tokens; all three, "
    "and per_session, of complete sessions that began in the measured time",
    "cost": "of all tokens that answers told, warm-up included; at least, where cost.unpriced requests told none",
}
LOAD = ("users", "rate", "arrival", "seed")
STOP_CODES = {
    "key-refused": 3,
    "no-balance": 3,
    "target-failing": 3,
    "budget": 0,
    "interrupted": 3,
    "worker": 3,
    CLIENT_LIMIT: 4,
}


def report(
    options: Options, tally: Tally, started: str, lost_workers: int = 0, calibration: Calibration | None = None
) -> dict[str, Any]:
    """The report of a run. ``conformance`` is empty until :func:`attach_conformance` fills it."""
    begin, end = window(options, tally)
    error = client_error(tally, calibration)
    signals = members.signals(options, tally, lost_workers, error, (end - begin) / 1000 * len(tally.workers))
    verdict, reasons = judge(signals)
    made: dict[str, Any] = {
        "schema": SCHEMA,
        "scenario": options.scenario,
        "started": started,
        "target": {"url": options.target.shown, "model": options.model},
        "load": {name: getattr(options, name) for name in LOAD} | {"beyond_duration": options.beyond},
        "duration_s": round((end - begin) / SECOND, 3),
        "warmup_s": options.warmup,
        "workers": len(tally.workers),
        "measurement": {"verdict": verdict, "reasons": reasons, "signals": members.plain(signals)},
        "stamps": members.stamps(tally),
        "counts": members.counts(tally),
        "failures": dict(sorted(tally.failures.items())),
        "ends": {str(end): number for end, number in sorted(tally.ends.items())},
        "metrics": members.metrics(tally, error),
        "throughput": members.throughput(tally, begin, end),
        "client_error_ms": error,
        "stream": members.stream(tally),
        "cache": members.cache(tally),
        "cost": members.cost(tally),
        "rate_limit": None,
        "conformance": {"sampled": 0, "failing": {}},
        "stopped": tally.stopped,
        "definitions": DEFINITIONS,
    }
    gap = made["metrics"]["gap_ms"]
    made["outcome"] = outcome.judge(made["counts"]["sent"], made["failures"], made["stream"], gap and gap["mean"])
    made["slo"] = members.objectives(tally.slos, tally, made)
    made |= (
        breakdown(options, tally, error, begin, end) | tally.sessions.report() | steady(tally) | members.limited(tally)
    )
    return made


def attach_conformance(
    made: dict[str, Any], sampled: int, failing: dict[str, int], unjudged: dict[str, int] | None = None
) -> dict[str, Any]:
    """The report with the verdict of the checks on the sampled exchanges: requirement id -> exchanges that break it.

    ``unjudged``: path -> number of exchanges that cannot be judged because the wire format of the path is unknown.
    """
    unknown = {"unjudged": dict(sorted(unjudged.items()))} if unjudged else {}
    return {**made, "conformance": {"sampled": sampled, "failing": dict(sorted(failing.items())), **unknown}}


def exit_code(made: dict[str, Any]) -> int:
    """3 stopped without an answer, nothing completed, or an objective undecided · 4 measurement invalid · 1 an objective missed, or
    requests badly served · 0."""
    codes = {STOP_CODES.get(stop["kind"], 3) for stop in made["stopped"]}
    if 4 in codes:  # the other failures follow from it
        return 4
    if 3 in codes or not made["counts"]["completed"]:
        return 3
    if made["measurement"]["verdict"] == "invalid":
        return 4
    met = {slo["met"] for slo in made["slo"]}
    return 1 if False in met or made.get("outcome", {}).get("verdict") == "broken" else 3 if None in met else 0


def window(options: Options, tally: Tally) -> tuple[int, int]:
    """The measured time, ns: from the end of the warm-up until sending stopped."""
    if not tally.workers:
        return 0, 0
    begin = min(int(worker["begin"]) for worker in tally.workers.values()) + round(options.warmup * SECOND)
    planned = begin + round(options.duration * SECOND)
    ticks = [int(tick["at"]) for tick in tally.ticks.values()]
    end = max(tally.ended.values()) if tally.ended else min(planned, max(ticks, default=planned))
    return begin, max(end, begin)
