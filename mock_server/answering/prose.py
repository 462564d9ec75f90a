"""Text made of words that are one DeepSeek token each, with or without a leading space: N pieces are exactly N tokens."""

import random

from echosounder.wire.tokens import WORDS

RING_SIZE = 1 << 13


def _ring() -> list[str]:
    """A fixed sequence of sentences of six to fourteen words."""
    shuffle = random.Random("echosounder")
    ring: list[str] = []
    while len(ring) < RING_SIZE:
        ring += [f" {word}" for word in shuffle.choices(WORDS, k=shuffle.randint(6, 14))] + ["."]
    return ring[:RING_SIZE]


RING = _ring()
_TWICE = RING * 2


def prose(digest: int, count: int) -> list[str]:
    """*count* tokens of text, chosen by *digest*."""
    start = digest % RING_SIZE
    if RING[start] == ".":
        start += 1
    ring = _TWICE if count <= RING_SIZE else RING * (2 + count // RING_SIZE)
    pieces = ring[start : start + count]
    if pieces:
        pieces[0] = pieces[0].lstrip()
    return pieces
