"""Log probabilities that look like a model's: the sampled token first, alternatives below it, the same every time."""

from typing import Any
from zlib import crc32

from echosounder.mock_server.answering.plan import Pieces, Plan
from echosounder.specs import Limits
from echosounder.wire.tokens import WORDS


def chat_logprobs(
    plan: Plan, limits: Limits, content: int | None = None, reasoning: int | None = None
) -> dict[str, Any] | None:
    """The object of a whole message, or of one token of it. Fact sheet 2.4."""
    if plan.logprobs is None:
        return None
    whole = content is None and reasoning is None
    spoken = plan.content if whole else plan.content[content : content + 1] if content is not None else None
    thought = (
        plan.reasoning
        if whole
        else plan.reasoning[reasoning : reasoning + 1]
        if reasoning is not None and plan.reasoning
        else None
    )
    made = {"content": None if spoken is None else [_item(piece, plan.logprobs) for piece in spoken if piece]}
    if plan.reasoning is not None:
        made["reasoning_content"] = (
            None if thought is None else [_item(piece, plan.logprobs) for piece in thought if piece]
        )
    return made


def _item(piece: str, top: int) -> dict[str, Any]:
    best = [_entry(token, logprob) for token, logprob in alternatives(piece, top)]
    return {**_entry(piece, _logprob(piece)), "top_logprobs": best}


def _entry(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "surrogatepass"))}


def _logprob(piece: str) -> float:
    return -round((crc32(piece.encode("utf-8", "surrogatepass")) % 4000 + 1) / 1e4, 4)


def alternatives(piece: str, top: int) -> list[tuple[str, float]]:
    """The *top* likeliest tokens, the sampled one first."""
    start, first = crc32(piece.encode("utf-8", "surrogatepass")), _logprob(piece)
    others = [f" {WORDS[(start + step) % len(WORDS)]}" for step in range(top + 1)]
    ranked = [piece, *(word for word in others if word != piece)][:top]
    return [(token, first if index == 0 else round(first - 0.75 * index - 1, 4)) for index, token in enumerate(ranked)]


def fim_logprobs(plan: Plan, pieces: Pieces, offset: int) -> dict[str, Any] | None:
    """The four parallel arrays of the completions API; offsets count characters from the start of the text. Fact sheet 4.2."""
    if plan.logprobs is None:
        return None
    if plan.echo and not offset:
        pieces = [plan.echo, *pieces]
    offsets, position = [], offset
    for piece in pieces:
        offsets.append(position)
        position += len(piece)
    return {
        "text_offset": offsets,
        "tokens": list(pieces),
        "token_logprobs": [_logprob(piece) for piece in pieces],
        "top_logprobs": [dict(alternatives(piece, max(plan.logprobs, 1))) for piece in pieces],
    }
