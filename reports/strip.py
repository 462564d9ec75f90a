"""The timing strip: when a server wrote each event (above) and when the client read it (below), on one axis.

A proxy that passes events on draws parallel lines. One that buffers draws a fan: many writes, one read.
"""

from collections.abc import Sequence
from statistics import median

from markupsafe import Markup

from echosounder.reports import page
from echosounder.reports.charts import steps
from echosounder.reports.figures import number

WIDTH, LEFT, TOP, BOTTOM = 760, 70, 24, 96
MAX_LINES = 200

Pair = tuple[int | None, int | None]


def render(pairs: Sequence[Pair]) -> Markup:
    """SVG of ``(written, read)`` stamps, ns on one clock, one per event; None for a side without it. Empty without any stamp."""
    stamps = [stamp for pair in pairs for stamp in pair if stamp is not None]
    if not stamps:
        return Markup("")
    start, span = min(stamps), max(max(stamps) - min(stamps), 1_000_000)
    scale = (WIDTH - LEFT - 10) / span
    drawn = _thinned(pairs)
    return page.part(
        "strip.svg.j2",
        lines=[
            tuple(None if stamp is None else round(LEFT + (stamp - start) * scale, 1) for stamp in pair)
            for pair in drawn
        ],
        ticks=[(round(LEFT + at * 1e6 * scale, 1), f"{number(at)} ms") for at in steps(span / 1e6) if at * 1e6 <= span],
        width=WIDTH,
        top=TOP,
        bottom=BOTTOM,
        told=told(pairs),
    )


def told(pairs: Sequence[Pair]) -> str:
    """Caption of the strip: delays, and events that occurred on one side only."""
    delays = [(read - written) / 1e6 for written, read in pairs if written is not None and read is not None]
    parts = [f"{len(pairs)} events"]
    if delays:
        parts.append(
            f"read after {number(min(delays))} to {number(max(delays))} ms (median {number(median(delays))}), "
            f"the first after {number(delays[0])}, the last after {number(delays[-1])}"
        )
    for count, said in (
        (sum(read is None for _, read in pairs), "never read"),
        (sum(w is None for w, _ in pairs), "never written"),
    ):
        if count:
            parts.append(f"{count} {said}")
    return "; ".join(parts)


def _thinned(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """At most two hundred of them, the first and the last included."""
    if len(pairs) <= MAX_LINES:
        return pairs
    return [pairs[round(place * (len(pairs) - 1) / (MAX_LINES - 1))] for place in range(MAX_LINES)]
