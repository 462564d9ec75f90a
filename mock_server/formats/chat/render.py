"""Renders an AnswerPlan as bytes: chat. Fact sheet 2.3, 2.4, 2.7."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from echosounder.mock_server.answering.logprobs import entries
from echosounder.mock_server.answering.plan import AnswerPlan, Pieces, PlannedCall
from echosounder.mock_server.formats.choices import HOLE, Around, ChoiceRenderer, around, filled
from echosounder.mock_server.formats.format import Document
from echosounder.mock_server.formats.texts import compact
from echosounder.specs import Limits


def _choice(plan: AnswerPlan, limits: Limits) -> Document:
    message: Document = {"role": "assistant", "content": "".join(plan.content)}
    if plan.reasoning is not None:
        message["reasoning_content"] = "".join(plan.reasoning)
    if plan.calls:
        message["tool_calls"] = [_call(index, call, "".join(call.arguments)) for index, call in enumerate(plan.calls)]
    logprobs = _logprobs(plan, plan.content, plan.reasoning)
    return {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": plan.finish}


def _call(index: int, call: PlannedCall, arguments: str) -> Document:
    return {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


# --- streams


def _delta(delta: Document, logprobs: Any = None) -> Document:
    return {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}


def _spoken(plan: AnswerPlan, limits: Limits, before: bytes, after: bytes) -> list[bytes]:
    thinks = plan.reasoning is not None
    made = [before + _FIRST[thinks] + after]
    if plan.logprobs is not None:
        made += [before + compact(choice) + after for choice in _with_logprobs(plan)]
    else:
        made += filled(plan.reasoning or (), _AROUND_REASONING, before, after)
        made += filled(plan.content, _AROUND_CONTENT[thinks], before, after)
    for index, call in enumerate(plan.calls):
        made.append(before + compact(_delta({"tool_calls": [_call(index, call, "")]})) + after)
        made += filled(call.arguments, _around_arguments(index), before, after)
    return made


def _with_logprobs(plan: AnswerPlan) -> Iterator[Document]:
    for piece in filter(None, plan.reasoning or ()):
        yield _delta({"content": None, "reasoning_content": piece}, _logprobs(plan, None, [piece]))
    for piece in filter(None, plan.content):
        delta = {"content": piece} if plan.reasoning is None else {"content": piece, "reasoning_content": None}
        yield _delta(delta, _logprobs(plan, [piece], None))


def _last(plan: AnswerPlan) -> bytes:
    return _ending(plan.reasoning is not None, plan.finish)


@cache
def _ending(thinks: bool, finish: str) -> bytes:
    delta = {"content": "", "reasoning_content": None} if thinks else {"content": ""}
    return compact({"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish})


@cache
def _around_arguments(index: int) -> Around:
    return around(_delta({"tool_calls": [{"index": index, "function": {"arguments": HOLE}}]}))


# --- log probabilities


def _logprobs(plan: AnswerPlan, content: Pieces | None, reasoning: Pieces | None) -> Document | None:
    """Log probabilities of a whole message, or of one of its tokens."""
    if plan.logprobs is None:
        return None
    made = {"content": _items(content, plan.logprobs)}
    return made if plan.reasoning is None else made | {"reasoning_content": _items(reasoning, plan.logprobs)}


def _items(pieces: Pieces | None, top: int) -> list[Document] | None:
    return None if pieces is None else entries(pieces, top)


# The constant parts of chunks, rendered once. Pairs: without and with thinking.
_FIRST = (
    compact(_delta({"role": "assistant", "content": ""})),
    compact(_delta({"role": "assistant", "content": None, "reasoning_content": ""})),
)
_AROUND_REASONING = around(_delta({"content": None, "reasoning_content": HOLE}))
_AROUND_CONTENT = (around(_delta({"content": HOLE})), around(_delta({"content": HOLE, "reasoning_content": None})))
RENDER = ChoiceRenderer("chat.completion", "chat.completion.chunk", _choice, _spoken, _last, lambda plan: 1)
