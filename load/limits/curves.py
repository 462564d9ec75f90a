"""Data for the charts of a discovery: the fitted model beside the observations, and the whole run per second."""

from collections import Counter, deque
from collections.abc import Iterator
from itertools import count
from typing import Any

from echosounder.load.limits import simulate
from echosounder.load.limits.discovery import Discovery

BIN = 0.1  # s per bin of a timeline; longer if a run would have more than BINS bins
BINS = 600


def timeline(found: Discovery) -> list[dict[str, Any]]:
    """The fitted model beside the observations: per time bin ``{"t_s", "admitted", "rejected", "model_admitted", "model_rejected"}``,
    counts of the requests from which the kind was inferred.
    """
    decisions = list(simulate.predictions(found.record, found.identified.fit))
    width = max(BIN, max((at for _, at, _ in decisions), default=0.0) / BINS)
    bins: dict[int, Counter[str]] = {}
    for each, when, served in decisions:
        counts = bins.setdefault(int(when / width), Counter())
        counts["admitted" if each.accepted else "rejected"] += 1
        counts["model_admitted" if served else "model_rejected"] += 1
    names = ("admitted", "rejected", "model_admitted", "model_rejected")
    return [{"t_s": round(index * width, 3), **{name: bins[index][name] for name in names}} for index in sorted(bins)]


def curves(found: Discovery) -> Iterator[dict[str, Any]]:
    """The whole run in bins of one second: ``{"t_s", "offered", "admitted", "rejected", "abandoned", "in_flight"}``.

    ``abandoned``: jobs that a client gave up after its last try; ``in_flight``: the maximum number certainly served at a time, for the
    first key and without those of another user or model.
    """
    events = [outcome for outcome in found.events if outcome.status is not None]
    counts = {
        "offered": Counter(int(outcome.sent) for outcome in events),
        "admitted": Counter(int(outcome.answered) for outcome in events if outcome.status == 200),
        "rejected": Counter(int(outcome.answered) for outcome in events if outcome.status != 200),
        "abandoned": Counter(int(at) for result in found.policies for at in result.abandoned_at),
    }
    busiest = _busiest(found)
    for second in range(int(max((outcome.closed or outcome.answered for outcome in events), default=-1.0)) + 1):
        yield {"t_s": second, **{name: each[second] for name, each in counts.items()}, "in_flight": next(busiest)}


def _busiest(found: Discovery) -> Iterator[int]:
    """The maximum number in flight in each second. ``slack`` is subtracted from the ends, because a place may be taken
    again while the last byte is in transit.
    """
    accepts = [
        each for each in found.events if each.status == 200 and not each.ask.key and each.ask.job.name != "other"
    ]
    ends = (max(each.closed - found.slack, each.answered) for each in accepts if each.closed is not None)
    changes = deque(sorted([*((each.answered, 1) for each in accepts), *((end, -1) for end in ends)]))
    level = 0
    for second in count(1):
        most = level
        while changes and changes[0][0] < second:
            level += changes.popleft()[1]
            most = max(most, level)
        yield most
