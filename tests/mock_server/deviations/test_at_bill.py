"""Taking another amount than the usage comes to: the price in the journal against the usage on the wire."""

from datetime import UTC, datetime
from decimal import Decimal

from echosounder import specs


def tokens(wire):
    usage = wire.usages[0]
    return usage["prompt_cache_hit_tokens"], usage["prompt_cache_miss_tokens"], usage["completion_tokens"]


def rates(wire):
    """Trillionths of a dollar per token."""
    created = (wire.chunks or [wire.json])[0]["created"]
    price = specs.price("deepseek-v4-flash", datetime.fromtimestamp(created, UTC))
    return [int(amount * 10**6) for amount in (price.hit, price.miss, price.output)]


def taken(wire):
    return int(Decimal(wire.entry["price"]).scaleb(12))


def over(wire):
    """What was taken beyond the usage."""
    return taken(wire) - sum(count * rate for count, rate in zip(tokens(wire), rates(wire), strict=True))


def told(wire):
    """What a header says, as trillionths; None without it."""
    said = wire.header("x-litellm-response-cost")
    return None if said is None else round(Decimal(said).scaleb(12))


def uncached(wire):
    hit, miss, output = tokens(wire)
    return hit and (hit + miss) * rates(wire)[1] + output * rates(wire)[2]


ROWS = [
    ("cost-stated", "cached", lambda wire: told(wire) == taken(wire)),
    ("cost-stated-uncached", "cached", lambda wire: told(wire) == uncached(wire) > taken(wire)),
    ("cost-stated-wrong", "chat", lambda wire: told(wire) and told(wire) * 2 == taken(wire)),
    ("bill-hit-as-miss", "cached", lambda wire: over(wire) == tokens(wire)[0] * (rates(wire)[1] - rates(wire)[0]) > 0),
    ("bill-off-by-one", "chat", lambda wire: over(wire) == rates(wire)[2]),
    ("bill-off-by-one:kind=miss,by=-1", "chat", lambda wire: over(wire) == -rates(wire)[1]),
    ("bill-wrong-window", "chat", lambda wire: abs(over(wire)) >= taken(wire) / 2),
    ("bill-streams-dearer", "stream with usage", lambda wire: over(wire) * 11 == taken(wire)),
    ("bill-drifts", "chat", lambda wire: over(wire) == 1),
]


def test_on_the_wire(row, see):
    see(row)
