"""The context cache: which part of a prompt was seen before. Two cache models, selected by name. Fact sheet 8.1.

``prefix-blocks`` (2024, 2025): every whole unit of a prompt is stored, and any stored prefix hits. ``prefix-units``
(V4): a prefix is stored at the end of the input, at the end of the output, where two requests diverged, and at fixed
distances; a stored unit hits only as a whole. Both count in units of tokens and never hit the last token.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

MODELS = ("prefix-blocks", "prefix-units")
SEEN = 1 << 16  # prefixes remembered to find common ones
Tokens = Sequence[str]


@dataclass(slots=True)
class Beginnings:
    """Hashes of a prompt's prefixes, one per multiple of the unit; can be extended with more tokens."""

    unit: int
    scope: str
    rest: Tokens  # tokens after the last multiple
    marks: list[bytes] = field(default_factory=list)
    chain: Any = None  # the running hash; most prompts are too short to need one

    def extend(self, tokens: Tokens) -> None:
        if len(self.rest) + len(tokens) < self.unit:
            self.rest = (*self.rest, *tokens)
            return
        if self.chain is None:
            self.chain = blake2b(self.scope.encode("utf-8", "surrogatepass"), digest_size=16)
        pending = [*self.rest, *tokens]
        whole = len(pending) - len(pending) % self.unit
        for start in range(0, whole, self.unit):
            self.chain.update("\0".join(pending[start : start + self.unit]).encode("utf-8", "surrogatepass") + b"\0")
            self.marks.append(self.chain.digest())
        self.rest = pending[whole:]


@dataclass(slots=True)
class Lookup:
    """Result of a lookup: the number of prompt tokens that hit, and the prefixes to store."""

    tokens: int
    hit: int
    beginnings: Beginnings | None


class PrefixCache:
    """Stored prefixes by their chained hash. Times are seconds of the mock's clock; the capacity is in tokens."""

    def __init__(
        self,
        model: str | None,
        unit: int,
        settle_s: float = 0.0,
        ttl_s: float = 86_400.0,
        capacity: int = 1 << 24,
        interval: int = 1024,
    ) -> None:
        self.model, self.unit = model, unit
        self._settle, self._ttl = settle_s, ttl_s
        self._most = max(1, capacity // unit)
        self._interval = max(1, interval // unit)
        self._stored: OrderedDict[bytes, tuple[float, float]] = (
            OrderedDict()
        )  # prefix hash -> time from which it can hit, time of last use
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def lookup(self, scope: str, pieces: Tokens, now: float) -> Lookup:
        """Look a prompt up; *scope* is the rest of the key (account, user, model)."""
        if self.model is None:
            return Lookup(len(pieces), 0, None)
        if len(pieces) < self.unit:
            return Lookup(len(pieces), 0, Beginnings(self.unit, scope, pieces))
        made = Beginnings(self.unit, scope, ())
        made.extend(pieces)
        usable = made.marks[: (len(pieces) - 1) // self.unit]  # the last token always misses the cache
        whole = self._run(usable, now) if self.model == "prefix-blocks" else self._longest(usable, now)
        return Lookup(len(pieces), whole * self.unit, made)

    def store(self, found: Lookup, output: Tokens, now: float) -> None:
        """Store a prompt and its answer; it can hit once it has settled."""
        made = found.beginnings
        if made is None or not (made.marks or len(made.rest) + len(output) >= self.unit):
            return
        for mark in list(self._kept(made, output)):
            ready = self._stored[mark][0] if self._alive(mark, now) else now + self._settle
            self._stored[mark] = (ready, now)
            self._stored.move_to_end(mark)
        while len(self._stored) > self._most:
            self._stored.popitem(last=False)

    def clear(self) -> None:
        self._stored.clear()
        self._seen.clear()

    def __len__(self) -> int:
        return len(self._stored)

    def _kept(self, made: Beginnings, output: Tokens) -> Iterator[bytes]:
        marks = tuple(made.marks)
        if self.model == "prefix-blocks":
            yield from marks
            return
        yield from marks[-1:]
        yield from marks[self._interval - 1 :: self._interval]
        common = next((index for index, mark in enumerate(marks) if mark not in self._seen), len(marks))
        yield from marks[common - 1 : common] if common else ()
        self._saw(marks)
        made.extend(output)
        yield from made.marks[-1:]

    def _saw(self, marks: Sequence[bytes]) -> None:
        for mark in marks:
            self._seen[mark] = None
            self._seen.move_to_end(mark)
        while len(self._seen) > SEEN:
            self._seen.popitem(last=False)

    def _run(self, marks: Sequence[bytes], now: float) -> int:
        """Number of leading marks that are stored."""
        return next((index for index, mark in enumerate(marks) if not self._hit(mark, now)), len(marks))

    def _longest(self, marks: Sequence[bytes], now: float) -> int:
        return next((index for index in range(len(marks), 0, -1) if self._hit(marks[index - 1], now)), 0)

    def _hit(self, mark: bytes, now: float) -> bool:
        if not self._alive(mark, now):
            return False
        since, _ = self._stored[mark]
        if since > now:
            return False
        self._stored[mark] = (since, now)
        self._stored.move_to_end(mark)
        return True

    def _alive(self, mark: bytes, now: float) -> bool:
        times = self._stored.get(mark)
        return times is not None and now - times[1] <= self._ttl
