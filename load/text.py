"""Synthetic text of a given number of words that shares no beginning with any other."""

import hashlib
from functools import cache
from random import Random

WORDS = tuple(
    "time year people way day man thing life child world school state family student group country problem hand part place "  # noqa: SIM905
    "case week company system program question work number night point home water room mother area money story fact month "
    "lot right study book eye job word business issue side kind head house service friend father power hour game line end "
    "member law car city community name team minute idea kid body information back parent face level office door health "
    "person art war history party result change morning reason research girl moment air teacher force education".split()
)
_HEAD = 6  # words that tell two texts apart: about 40 bits


def text(tokens: int, seed: str) -> str:
    """*tokens* words; the same for the same seed."""
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
