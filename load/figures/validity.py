"""Decides whether the target or the client limited the figures, from signals of the client's own health."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

STILL_US = 1_000_000
ORDER = ("valid", "degraded", "invalid")
WINDOW = (
    800_000_000  # ns over which the share of a core is averaged, because two ticks may be too close to each other each
)
Tick = tuple[int, float]  # when it came, monotonic ns, and the share of a core since the one before


@dataclass(frozen=True, slots=True)
class Signals:
    """Measurements of the client itself. Times in ms at p99 unless named otherwise; None if not measured.

    ``dispatch_ms``: delay of requests that did not wait for a free user. ``read_ms``: time that bytes waited to be read.
    ``kernel_stamps``: share of reads with a kernel stamp, which waiting does not affect. ``cpu``: the busiest worker's use of one core.
    ``unsent``: share of the schedule that was never sent. ``calibrated_ms``: the gap error that a calibration of this machine found
    under such a load. ``client_limit``: requests for which this machine had no connection. ``unanswered``: requests sent, if none
    received a token; ``unfinished``: requests sent, if some did but none was completed. ``frozen``: share of the time in which a worker
    was stalled for :data:`STILL_US` or longer; in a closed loop no request is late then, because none was due.
    """

    dispatch_ms: float | None = None
    lag_ms: float | None = None
    read_ms: float | None = None
    kernel_stamps: float = 0.0
    cpu: float | None = None
    unsent: float | None = None
    lost_workers: int = 0
    calibrated_ms: float | None = None
    client_limit: int | None = None
    unanswered: int | None = None
    unfinished: int | None = None
    frozen: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A signal, the values at which it degrades or invalidates a run, and the sentence for it (``{}`` is the value)."""

    signal: str
    degraded: float
    invalid: float
    says: str


# Bounds: inference-perf aims at a schedule delay below 10 ms, aiperf warns of a loop lag above 25 ms, Locust of 90 % CPU.
USER_STAMPS = (
    Rule("lag_ms", 25, 100, "the event loop was late by {:.1f} ms at p99, and stamps are taken by the loop"),
    Rule("cpu", 0.9, 0.98, "a worker used {:.0%} of its core; use --processes"),
)
KERNEL_STAMPS = (
    Rule("lag_ms", 100, 1000, "the event loop was late by {:.1f} ms at p99; reads that came together count as one"),
    Rule(
        "cpu",
        0.95,
        2.0,
        "a worker used {:.0%} of its core, so what it sent was less than it could have been; use --processes",
    ),
)
ALWAYS = (
    Rule("dispatch_ms", 10, 100, "requests went out {:.1f} ms late at p99; use --processes or a lower rate"),
    Rule("read_ms", 20, 200, "bytes waited {:.1f} ms at p99 before they were read"),
    Rule("unsent", 0.01, 0.1, "{:.1%} of the schedule was never sent, because the client could not keep up"),
    Rule(
        "calibrated_ms",
        5,
        50,
        "this machine was found to err by {:.1f} ms in gaps at p99 under such a load; use --processes",
    ),
    Rule(
        "client_limit",
        1,
        1,
        "{:.0f} requests found no connection, because this machine had none left: less was sent than asked",
    ),
    Rule("unanswered", 1, 1, "not one of {:.0f} requests was answered: nothing was measured"),
    Rule("unfinished", 1, float("inf"), "not one of {:.0f} requests was completed: how long answers take is not known"),
    Rule(
        "frozen",
        0.05,
        0.2,
        "for {:.0%} of the time a worker stood still: it was stopped, or the machine did not let it run",
    ),
    Rule("lost_workers", 1, float("inf"), "{:.0f} worker(s) died; what they had not written is missing"),
)


def busiest(ticks: Sequence[Tick]) -> float:
    """The busiest worker's largest share of a core over a window of its ticks, without the first and the last, which include start-up
    and drain.
    """
    spans = [(at - before, share) for (before, _), (at, share) in pairwise(ticks)]
    inner = spans[:-1] if sum(span for span, _ in spans[:-1]) >= WINDOW else spans
    windows, rest = [], []
    for span in inner:
        rest.append(span)
        if sum(wall for wall, _ in rest) >= WINDOW:
            windows.append(rest)
            rest = []
    windows = [*windows[:-1], windows[-1] + rest] if windows else [rest] if rest else []
    return max(map(_mean, windows), default=ticks[0][1])


def _mean(spans: Sequence[tuple[int, float]]) -> float:
    wall = sum(span for span, _ in spans)
    return sum(span * share for span, share in spans) / wall if wall else 0.0


def judge(signals: Signals) -> tuple[str, list[str]]:
    """``(verdict, reasons)``; a valid run has no reasons."""
    rules = (*ALWAYS, *(KERNEL_STAMPS if signals.kernel_stamps > 0.99 else USER_STAMPS))
    found = [
        (rule, value)
        for rule in rules
        if (value := getattr(signals, rule.signal)) is not None and value >= rule.degraded
    ]
    worst = max((ORDER.index(_grade(rule, value)) for rule, value in found), default=0)
    return ORDER[worst], list(_sentences(found))


def _grade(rule: Rule, value: float) -> str:
    return "invalid" if value >= rule.invalid else "degraded"


def _sentences(found: Iterable[tuple[Rule, float]]) -> Iterable[str]:
    for rule, value in found:
        yield rule.says.format(value)
