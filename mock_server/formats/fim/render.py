"""Renders an AnswerPlan as bytes: completions. Fact sheet 4.2."""

from functools import cache
from typing import Any

from echosounder.mock_server.answering.logprobs import alternatives, logprob
from echosounder.mock_server.answering.plan import AnswerPlan, Pieces
from echosounder.mock_server.formats.choices import HOLE, ChoiceRenderer, around, filled
from echosounder.mock_server.formats.format import Document
from echosounder.mock_server.formats.texts import compact
from echosounder.specs import Limits


def _choice(plan: AnswerPlan, limits: Limits) -> Document:
    made = _text(plan.echo + "".join(plan.content), _logprobs(plan, list(filter(None, plan.content)), 0))
    return made | {"finish_reason": plan.finish}


def _text(text: str, logprobs: Any) -> Document:
    return {"text": text, "index": 0, "logprobs": logprobs, "finish_reason": None}


def _spoken(plan: AnswerPlan, limits: Limits, before: bytes, after: bytes) -> list[bytes]:
    made = [_text(plan.echo, _logprobs(plan, [], 0))] if plan.echo else []
    if plan.logprobs is None:
        return [*[before + compact(one) + after for one in made], *filled(plan.content, _AROUND_TEXT, before, after)]
    offset = len(plan.echo)
    for piece in filter(None, plan.content):
        made.append(_text(piece, _logprobs(plan, [piece], offset)))
        offset += len(piece)
    return [before + compact(one) + after for one in made]


def _logprobs(plan: AnswerPlan, pieces: Pieces, offset: int) -> Document | None:
    """Log probabilities as four parallel arrays; offsets count characters from the start of the text."""
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
        "token_logprobs": [logprob(piece) for piece in pieces],
        "top_logprobs": [dict(alternatives(piece, max(plan.logprobs, 1))) for piece in pieces],
    }


def _last(plan: AnswerPlan) -> bytes:
    return _ending(plan.finish)


@cache
def _ending(finish: str) -> bytes:
    return compact({"text": "", "index": 0, "logprobs": None, "finish_reason": finish})


_AROUND_TEXT = around(_text(HOLE, None))
RENDER = ChoiceRenderer(
    "text_completion", "text_completion", _choice, _spoken, _last, lambda plan: 1 if plan.echo else 0
)
