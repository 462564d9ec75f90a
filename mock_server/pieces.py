"""Any text cut into tokens, one piece each: what a stream sends one by one and what `usage` counts."""

import re
from functools import lru_cache

# Stand-in for the vocabulary: a word with its space, up to three digits, white space, or one character.
_PIECE = re.compile(r"\n+|[^\S\n]?[A-Za-z]{1,10}|\d{1,3}|[^\S\n]+|.", re.DOTALL)
MEMO = 16 * 1024  # characters up to which a text is remembered: the turns of a conversation come again and again


def split(text: str) -> tuple[str, ...]:
    """The pieces, joined they are *text*; cut between code points only."""
    return _remembered(text) if len(text) <= MEMO else tuple(_PIECE.findall(text))


def count(text: str) -> int:
    return len(split(text))


@lru_cache(maxsize=2048)
def _remembered(text: str) -> tuple[str, ...]:
    return tuple(_PIECE.findall(text))
