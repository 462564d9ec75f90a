"""Throughput: answers and output tokens per tenth of a second, so that memory grows with time and not with requests."""

from array import array
from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

SLOT = 100_000_000  # ns
SLOTS_PER_S = 1_000_000_000 // SLOT
Answer = tuple[int, int, int, bool, bool]  # (first token or end, end (ns), tokens, complete answers, good answers)
MOST = 8 * 86400 * SLOTS_PER_S  # maximum number of slots, against impossible stamps


class Passed(NamedTuple):
    """Throughput between two instants: complete answers, good ones, output tokens, and the seconds."""

    seconds: float
    answers: float
    good: float
    tokens: float


class Throughput:
    """An answer counts when it ends; its tokens are assumed to be spread evenly from the first token to the end.

    A stream is therefore a rate that begins and ends. For each slot two sums are kept: the changes of the rate, and those changes
    weighted by their times. The tokens up to the end of a slot follow exactly from the sums, for any number of streams.
    """

    def __init__(self) -> None:
        self._origin: int | None = None
        self._columns = tuple(
            array("d") for _ in range(5)
        )  # complete answers, good ones, tokens without duration, rates, moments

    def begin(self, origin: int) -> None:
        """The instant, ns, from which slots are counted; the first call sets it."""
        if self._origin is None:
            self._origin = origin

    def add(self, answers: Sequence[Answer]) -> None:
        """Add answers with output. Call :meth:`begin` first."""
        whole, good, lumps, rates, moments = self._columns
        origin = self._origin or 0
        self._make_room(max((answer[1] for answer in answers), default=origin))
        for since, closed, tokens, is_whole, is_good in answers:
            end = min(max((closed - origin) / SLOT, 0.0), MOST)
            slot = int(end)
            if is_whole:
                whole[slot] += 1
                good[slot] += is_good
            if closed <= since:
                lumps[slot] += tokens
            elif tokens:
                start = min(max((since - origin) / SLOT, 0.0), MOST)
                rate = tokens * SLOT / (closed - since)
                rates[int(start)] += rate
                moments[int(start)] += rate * start
                rates[slot] -= rate
                moments[slot] -= rate * end

    def between(self, begin: int, end: int) -> Passed:
        """Throughput in the full slots between two instants."""
        first, last = (max(at - (self._origin or 0), 0) / SLOT for at in (begin, end))
        slots = slice(ceil(first), max(int(last), ceil(first)))
        whole, good, lumps, _, _ = (sum(column[slots]) for column in self._columns)
        tokens = self._tokens(slots.stop) - self._tokens(slots.start) + lumps
        return Passed((slots.stop - slots.start) / SLOTS_PER_S, whole, good, tokens)

    def _tokens(self, slot: int) -> float:
        """Tokens of streams until a slot begins."""
        _, _, _, rates, moments = self._columns
        return sum(rates[:slot]) * slot - sum(moments[:slot])

    def _make_room(self, until: int) -> None:
        slots = min(max((until - (self._origin or 0)) // SLOT, 0), MOST) + 1
        have = len(self._columns[0])
        if slots > have:
            for column in self._columns:
                column.frombytes(bytes(8 * (slots + 64 - have)))
