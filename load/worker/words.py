"""Synthetic text with an exact number of tokens and a unique beginning."""

import hashlib
from functools import cache
from random import Random

from echosounder.wire.tokens import WORDS

_HEAD = 5  # words that make texts distinct: 45 bits


def text(tokens: int, seed: str) -> str:
    """Words of one token each; the same for the same seed. Cheaper than drawing each word, because texts are made during the
    measurement.
    """
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "big")
    words = []
    for _ in range(min(_HEAD, tokens)):
        number, choice = divmod(number, len(WORDS))
        words.append(WORDS[choice])
    rest, corpus = tokens - len(words), _corpus(max(8192, 1 << tokens.bit_length()))
    start = number % (len(corpus) - rest)
    return " ".join([*words, *corpus[start : start + rest]])


@cache
def _corpus(size: int) -> list[str]:
    return Random(size).choices(WORDS, k=size)
