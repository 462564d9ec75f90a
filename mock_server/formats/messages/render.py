"""Renders an AnswerPlan as bytes: Messages. Sources: guides/anthropic_api, anthropic-messages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from echosounder.mock_server.answering.plan import AnswerPlan, Pieces, PlannedCall
from echosounder.mock_server.formats.format import Counts, Document, Script
from echosounder.mock_server.formats.named import Course, event
from echosounder.mock_server.formats.texts import compact, quoted
from echosounder.specs import Limits

REASONS = {
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "insufficient_system_resource": "refusal",
}
PING = event("ping", {})


@dataclass(frozen=True, slots=True)
class Block:
    """A content block: its start event in a stream, its pieces, and their names."""

    empty: Document
    pieces: Pieces
    member: str
    call: PlannedCall | None = None


def blocks(plan: AnswerPlan) -> Iterator[Block]:
    """Blocks in the order of generation. An answer that was cut before its first token has no text."""
    if plan.reasoning is not None:
        yield Block({"type": "thinking", "thinking": "", "signature": ""}, plan.reasoning, "thinking")
    if plan.content or not (plan.calls or (plan.reasoning is not None and plan.finish == "length")):
        yield Block({"type": "text", "text": ""}, plan.content, "text")
    for call in plan.calls:
        yield Block(
            {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}, call.arguments, "partial_json", call
        )


def _finished(block: Block, plan: AnswerPlan) -> Document:
    """A block as in a non-streaming response. The signature of a thinking block is the id of its message."""
    text = "".join(block.pieces)
    if block.call is not None:
        return {**block.empty, "input": _object(text)}
    signature = {"signature": plan.id} if "signature" in block.empty else {}
    return {**block.empty, block.member: text, **signature}


def _object(text: str) -> object:
    """Parse the arguments of a call; an empty object if they were truncated."""
    try:
        return json.loads(text)
    except ValueError:
        return {}


class MessagesRenderer:
    def usage(self, plan: AnswerPlan, limits: Limits) -> Counts:
        """The usage; ``input_tokens`` counts the tokens that missed the cache."""
        return {
            "input_tokens": plan.prompt.miss,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": plan.prompt.hit,
            "output_tokens": plan.completion_tokens,
            "service_tier": "standard",
        }

    def whole(self, plan: AnswerPlan, limits: Limits, usage: Counts) -> bytes:
        content = [_finished(block, plan) for block in blocks(plan)]
        return compact(_message(plan, content, usage) | _stop(plan))

    def parts(self, plan: AnswerPlan, limits: Limits) -> list[bytes]:
        """The delta events of a stream, which contain no ids."""
        return [made for index, block in enumerate(blocks(plan)) for made in _deltas(index, block)]

    def stream(self, plan: AnswerPlan, limits: Limits, usage: Counts, parts: list[bytes] | None) -> Script:
        course, deltas = Course(), iter(parts or self.parts(plan, limits))
        course.beside(event("message_start", {"message": _message(plan, [], usage | {"output_tokens": 0})}))
        for index, block in enumerate(blocks(plan)):
            start = event("content_block_start", {"index": index, "content_block": block.empty})
            (course.said if block.call is not None else course.beside)(start)
            if index == 0:
                course.beside(PING)
            for _ in filter(None, block.pieces):
                course.said(next(deltas))
            if "signature" in block.empty:
                course.beside(_delta(index, {"type": "signature_delta", "signature": plan.id}))
            course.beside(event("content_block_stop", {"index": index}))
        return course.ended(
            event("message_delta", {"delta": _stop(plan), "usage": _told(usage)}), event("message_stop", {})
        )


def _message(plan: AnswerPlan, content: list[Document], usage: Counts) -> Document:
    return {
        "id": plan.id,
        "type": "message",
        "role": "assistant",
        "model": plan.model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _stop(plan: AnswerPlan) -> Document:
    reason = REASONS.get(plan.finish) or ("stop_sequence" if plan.stopped else "end_turn")
    return {"stop_reason": reason, "stop_sequence": plan.stopped or None}


def _told(usage: Counts) -> Counts:
    """The token counts at the end of a stream: totals, not increments since its start."""
    return {name: count for name, count in usage.items() if name.endswith("tokens")}


def _deltas(index: int, block: Block) -> Iterator[bytes]:
    kind = {"text": "text_delta", "thinking": "thinking_delta", "partial_json": "input_json_delta"}[block.member]
    head = _delta(index, {"type": kind}).removesuffix(b"}}\n\n") + b',"%b":%%b}}\n\n' % block.member.encode()
    for piece in filter(None, block.pieces):
        yield head % quoted(piece)


def _delta(index: int, delta: Document) -> bytes:
    return event("content_block_delta", {"index": index, "delta": delta})


RENDER = MessagesRenderer()
