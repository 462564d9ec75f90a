"""Tokenizes text into the pieces that a stream sends one by one and that `usage` counts."""

import codecs
import re
from collections.abc import Callable
from functools import lru_cache

from echosounder.wire.errors import UsageError
from echosounder.wire.tokens import vocabulary

Split = Callable[[str], tuple[str, ...]]
"""Splits a text into its tokens, as text. A token that ends within a character is empty; the next one has the whole character."""

METHODS = ("estimate", "exact")
# Stand-in for the vocabulary: a word with its space, up to three digits, white space, or one character.
_PIECE = re.compile(r"\n+|[^\S\n]?[A-Za-z]{1,13}|\d{1,3}|[^\S\n]+|.", re.DOTALL)
SHORT = 100  # characters; splitting shorter texts costs no more than a cache lookup
MEMO = 16 * 1024  # characters; longer texts are not cached. Turns of a conversation recur


def splitter(method: str) -> Split:
    """The tokenizer of this name. Raises :class:`UsageError` if ``exact`` is not available."""
    if method == "estimate":
        return _memoised(lambda text: tuple(_PIECE.findall(text)), SHORT)
    known = vocabulary()
    if known is None:
        raise UsageError(
            "exact tokens need DeepSeek's vocabulary: install echosounder[tokens], or take --tokens estimate"
        )
    return _memoised(lambda text: _characters(known.split(text)))


def _characters(tokens: list[bytes]) -> tuple[str, ...]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    return tuple(map(decoder.decode, tokens))


def _memoised(split: Split, least: int = 0) -> Split:
    remembered = lru_cache(maxsize=2048)(split)
    return lambda text: remembered(text) if least <= len(text) <= MEMO else split(text)


estimate: Split = splitter("estimate")
