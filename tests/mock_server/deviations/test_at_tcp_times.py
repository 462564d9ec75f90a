"""When bytes leave, by the mock's own journal: what was due."""

from itertools import pairwise


def gap(wire):
    """The longest time between two writes, seconds."""
    return max((round(after - before, 9) for before, after in pairwise(wire.due)), default=0)


def late(wire):
    return wire.due[0] >= 0.2


ROWS = [
    ("stream-buffered-by-proxy", "long stream", lambda wire: len(wire.due) == 1 and wire.data[-1] == "[DONE]"),
    (
        "no-close-after-done:seconds=0.3",
        "stream",
        lambda wire: gap(wire) == 0.3 and wire.entry["written"][-1] > wire.entry["due"][-1],
    ),
    ("completions-stream-hangs:seconds=0.2", "FIM as stream", late),
    ("chunked-request-hangs:seconds=0.2", "chunked request", late),
    ("max-tokens-invalid:seconds=0.2", "negative length", late),
    ("slow-refusals:seconds=0.2", "bad", late),
    ("stall:after=3,seconds=0.3", "stream", lambda wire: 0.3 <= gap(wire) < 0.31),
    ("late-head:after_ms=250", "models", late),
]


def test_on_the_wire(row, see):
    see(row)
