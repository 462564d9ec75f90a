"""When each event is due: offsets in nanoseconds after the request arrived, all known before the first byte."""

MS = 1_000_000


def constant(ttft_ms: float, itl_ms: float, steps: int) -> list[int]:
    """One offset per token-bearing event."""
    first, gap = ttft_ms * MS, itl_ms * MS
    return [round(first + gap * step) for step in range(steps)]


def stream(tokens: list[int], lead: int, tail: int, gap: int) -> list[int]:
    """Offsets of a whole stream: *lead* events one gap before the first token, *tail* events after the last one.

    The events of the tail are due one nanosecond apart: they leave at once, but each in a write of its own.
    Events that are due at the very same instant leave in one write.
    """
    first = tokens[0] if tokens else 0
    last = tokens[-1] + gap if tokens else gap
    step = 1 if last else 0
    return [max(0, first - gap)] * lead + tokens + [last + step * number for number in range(tail)]
