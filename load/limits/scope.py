"""Determines which requests a limiter counts together, and how it shares the limit among users."""

from math import ceil

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import DueRequest, Script
from echosounder.load.limits.bench import Bench, accepted, refused, saturate
from echosounder.load.limits.seen import Fit

SANDWICHES = 3
COMPARED = 8  # requests of the slower user from which shares are worth comparing
QUICK = 3.0  # maximum rest, s, for which the bursts are repeated to reach that number
OTHER_USER = "echosounder-other"


def scope(bench: Bench, fit: Fit) -> Script[dict[str, bool | None]]:
    """Maps each compared property to whether the limiter counts it together (True), separately (False), or unknown
    (None). Requests with another key, user or model are sent between two refused ones, to see whether they are refused
    too.

    """
    found: dict[str, bool | None] = {}
    others: dict[str, DueRequest] = {}
    if bench.goal.keys > 1:
        others["key"] = bench.book.ask(bench.asking.job(1), key=1)
    if bench.asking.users:
        others["user_id"] = bench.book.ask(bench.asking.job(1, user=OTHER_USER))
    for model in bench.goal.models[:1]:
        others["model"] = bench.book.ask(bench.asking.job(1, model=model))
    for name, ask in others.items():
        found[name] = yield from _together(bench, ask, fit)
    return found


def _together(bench: Bench, other: DueRequest, fit: Fit) -> Script[bool | None]:
    """Whether the other requests are counted together with ours. More are sent than can have become free; if all are
    served, they are counted separately.
    """
    refill = fit.limit.high * 4 * bench.rtt if fit.kind is LimiterKind.BUCKET and fit.limit else 0
    for _ in range(SANDWICHES):
        [before] = yield from bench.book.answered([bench.short()])
        others = [bench.book.ask(other.job, key=other.key) for _ in range(2 + round(refill))]
        between = yield from bench.book.answered(others)
        [after] = yield from bench.book.answered([bench.short()])
        if refused([before]) and refused([after]) and accepted(between) + refused(between) == len(between):
            return refused(between) > 0
        yield from saturate(bench, fit)
    return None


def counted_for(found: dict[str, bool | None]) -> str:
    """Describes the scope of the limiter as far as known, and what would show more."""
    apart = [PER[name] for name in PER if found.get(name) is False]
    together = [name for name in PER if found.get(name)]
    says = [
        f"it counts per {' and per '.join(apart)}" if apart else "",
        WIDER if "key" in together and not apart else "",
    ]
    says += [ASKS[name] for name in ASKS if found.get(name) is None]
    return "; ".join(each for each in says if each)


PER = {
    "key": "API key (or per account, if the keys belong to different accounts)",
    "user_id": "user_id",
    "model": "model",
}
WIDER = (
    "both keys share it: it counts per organization, per address or for everybody; a key of another organization and a run from "
    "another address would tell"
)
ASKS = {
    "key": "whether it counts per key, per organization or per address is unknown: a second key (--other-api-key-env) would tell"
}


def contention(bench: Bench, fit: Fit, rest: float) -> Script[dict[str, tuple[int, int]]]:
    """Maps each of two users to its numbers of admitted and offered requests. Both send at once, one four times as many
    as the other, and together more than the limit; repeated after *rest* s until the slower user has sent enough
    requests to be compared.

    """
    limit = fit.burst if fit.kind is LimiterKind.BUCKET else fit.limit
    if limit is None or bench.goal.in_flight < 3 or not (bench.asking.users or bench.goal.keys > 1):
        return {}
    names = ("key 1", "key 2") if bench.goal.keys > 1 else ("user a", "user b")
    size = 2 * min(max(round(limit.mid), 5), bench.goal.in_flight)
    counts = dict.fromkeys(names, (0, 0))
    for _ in range(ceil(COMPARED / (size // 5)) if rest < QUICK else 1):
        yield from bench.book.wait(bench.now + rest)
        asks = [(names[index % 5 == 4], _of(bench, index % 5 == 4)) for index in range(size)]
        yield from bench.book.answered([ask for _, ask in asks])
        yield from bench.book.closed([ask for _, ask in asks])
        for name in names:
            mine = bench.book.of([ask for who, ask in asks if who == name])
            counts[name] = (counts[name][0] + accepted(mine), counts[name][1] + len(mine))
    return counts


def _of(bench: Bench, light: bool) -> DueRequest:
    tokens = max(round(bench.hold_tokens / 2), 1)
    if bench.goal.keys > 1:
        return bench.book.ask(bench.asking.job(tokens), key=int(light))
    return bench.book.ask(bench.asking.job(tokens, user="echosounder-b" if light else "echosounder-a"))


def fairness(shares: dict[str, tuple[int, int]]) -> float | None:
    """Jain's index of the admitted shares: 1 if each user got the same share of its requests, 1/n if one user got everything."""
    parts = [got / offered for got, offered in shares.values() if offered]
    squares = len(parts) * sum(part * part for part in parts)
    return sum(parts) ** 2 / squares if squares else None
