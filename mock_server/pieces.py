"""Any text cut into tokens, one piece each: what a stream sends one by one and what `usage` counts."""

import re

# Stand-in for the vocabulary: a word with its space, up to three digits, white space, or one character.
_PIECE = re.compile(r"\n+|[^\S\n]?[A-Za-z]{1,10}|\d{1,3}|[^\S\n]+|.", re.DOTALL)


def split(text: str) -> list[str]:
    """The pieces, joined they are *text*; cut between code points only."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    return len(_PIECE.findall(text))
