"""Deterministic log probabilities that look like a model's: the sampled token first, less likely alternatives after it."""

from collections.abc import Iterable
from typing import Any
from zlib import crc32

from echosounder.wire.tokens import WORDS


def logprob(piece: str) -> float:
    """Log probability of the sampled token."""
    return -round((crc32(piece.encode("utf-8", "surrogatepass")) % 4000 + 1) / 1e4, 4)


def alternatives(piece: str, top: int) -> list[tuple[str, float]]:
    """The *top* likeliest tokens, the sampled one first."""
    start, first = crc32(piece.encode("utf-8", "surrogatepass")), logprob(piece)
    others = [f" {WORDS[(start + step) % len(WORDS)]}" for step in range(top + 1)]
    ranked = [piece, *(word for word in others if word != piece)][:top]
    return [(token, first if index == 0 else round(first - 0.75 * index - 1, 4)) for index, token in enumerate(ranked)]


def entries(pieces: Iterable[str], top: int) -> list[dict[str, Any]]:
    """Log probabilities in the form of chat and Responses: the token, its bytes, and the *top* alternatives."""
    return [
        {**_entry(piece, logprob(piece)), "top_logprobs": [_entry(*best) for best in alternatives(piece, top)]}
        for piece in pieces
        if piece
    ]


def _entry(token: str, value: float) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(token.encode("utf-8", "surrogatepass"))}
