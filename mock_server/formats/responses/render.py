"""Renders an AnswerPlan as bytes: Responses. Members and their order as in the captures of 2026-09-17 (responses-captures-2026-09)."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from echosounder.mock_server.answering.identity import as_uuid
from echosounder.mock_server.answering.logprobs import entries
from echosounder.mock_server.answering.plan import AnswerPlan, Pieces, PlannedCall
from echosounder.mock_server.formats.format import Counts, Document, Script
from echosounder.mock_server.formats.named import Course, event
from echosounder.mock_server.formats.texts import compact, quoted
from echosounder.specs import Limits

INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
FAILED = "insufficient_system_resource"
# Every member of a response, in order. Members with a value here are unsupported and the same in every response.
BLANK: Document = {
    "id": None,
    "object": "response",
    "created_at": None,
    "status": None,
    "background": False,
    "completed_at": None,
    "content_filters": None,
    "error": None,
    "frequency_penalty": 0.0,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "model": None,
    "moderation": None,
    "output": (),
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "reasoning": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": False,
    "temperature": 1.0,
    "text": None,
    "tool_choice": None,
    "tools": (),
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
    "user": None,
    "metadata": {},
}


def status(plan: AnswerPlan) -> str:
    return "failed" if plan.finish == FAILED else "incomplete" if plan.finish in INCOMPLETE else "completed"


# --- output items


@dataclass(frozen=True, slots=True)
class OutputBlock:
    """An output item: a part with text, or a call."""

    index: int
    kind: str  # reasoning, message, function_call
    pieces: Pieces
    call: PlannedCall | None = None


def blocks(plan: AnswerPlan) -> Iterator[OutputBlock]:
    """Blocks in the order of generation. An answer that was cut before its first token has no message."""
    index = 0
    if plan.reasoning is not None:
        yield OutputBlock(index, "reasoning", plan.reasoning)
        index += 1
    if plan.content or not (plan.calls or (index and plan.finish == "length")):
        yield OutputBlock(index, "message", plan.content)
        index += 1
    for call in plan.calls:
        yield OutputBlock(index, "function_call", call.arguments, call)
        index += 1


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the items of one plan, in their initial and their final state."""

    plan: AnswerPlan
    last: int  # index of the last item, the one truncated if the answer was

    def id(self, block: OutputBlock) -> str:
        return as_uuid(blake2b(f"{self.plan.id} item {block.index}".encode(), digest_size=16).hexdigest())

    def item(self, block: OutputBlock, done: bool = True) -> Document:
        stood = "completed" if block.index < self.last or status(self.plan) == "completed" else "incomplete"
        head: Document = {"type": block.kind, "id": self.id(block), "status": stood if done else "in_progress"}
        if block.call is not None:
            arguments = "".join(block.pieces) if done else ""
            return {**head, "arguments": arguments, "call_id": block.call.id, "name": block.call.name}
        content = [self.part(block)] if done else []
        if block.kind == "reasoning":
            return {**head, "content": content, "summary": [], "encrypted_content": f"{self.plan.id}-{block.index}"}
        phase = "commentary" if self.plan.calls else "final_answer"
        return {**head, "content": content, "phase": phase, "role": "assistant"}

    def part(self, block: OutputBlock, done: bool = True) -> Document:
        text = "".join(block.pieces) if done else ""
        if block.kind == "reasoning":
            return {"type": "reasoning_text", "text": text}
        logprobs = self.logprobs(block.pieces) if done else []
        return {"type": "output_text", "annotations": [], "logprobs": logprobs, "text": text}

    def logprobs(self, pieces: Pieces) -> list[Document]:
        return [] if self.plan.logprobs is None else entries(pieces, self.plan.logprobs)


# --- documents and streams


class ResponsesRenderer:
    def usage(self, plan: AnswerPlan, limits: Limits) -> Counts:
        tokens, made = plan.prompt.tokens, plan.completion_tokens
        return {
            "input_tokens": tokens,
            "input_tokens_details": {"cached_tokens": plan.prompt.hit},
            "output_tokens": made,
            "output_tokens_details": {"reasoning_tokens": plan.reasoning_tokens},
            "total_tokens": tokens + made,
        }

    def whole(self, plan: AnswerPlan, limits: Limits, usage: Counts) -> bytes:
        return compact(_ended(plan, usage))

    def parts(self, plan: AnswerPlan, limits: Limits) -> list[bytes]:
        """The deltas as JSON texts, without ids, which differ for each request."""
        return [quoted(piece) for block in blocks(plan) for piece in block.pieces if piece]

    def stream(self, plan: AnswerPlan, limits: Limits, usage: Counts, parts: list[bytes] | None) -> Script:
        course = Numbered(plan, iter(parts or self.parts(plan, limits)))
        begun = _response(plan, {"status": "in_progress"})
        for kind in ("response.created", "response.in_progress"):
            course.put(kind, {"response": begun})
        for block in blocks(plan):
            course.block(block)
        ended = course.numbered(f"response.{status(plan)}", {"response": _ended(plan, usage)})
        return course.ended(ended)


class Numbered(Course):
    """The numbered events of a plan. *deltas* are the content as JSON texts, in order."""

    def __init__(self, plan: AnswerPlan, deltas: Iterator[bytes]) -> None:
        super().__init__()
        self._writer = Writer(plan, max(block.index for block in blocks(plan)))
        self._deltas = deltas

    def numbered(self, kind: str, members: Document) -> bytes:
        return event(kind, {**members, "sequence_number": len(self.events)})

    def put(self, kind: str, members: Document) -> None:
        self.beside(self.numbered(kind, members))

    def block(self, block: OutputBlock) -> None:
        """All events of an item, from added to done."""
        writer, where = self._writer, {"output_index": block.index}
        added = self.numbered("response.output_item.added", {"item": writer.item(block, done=False), **where})
        if block.call is not None:
            self.said(added)
            self._arguments(block)
        else:
            self.beside(added)
            self._part(block)
        self.put("response.output_item.done", {"item": writer.item(block), **where})

    def _arguments(self, block: OutputBlock) -> None:
        place = {"item_id": self._writer.id(block), "output_index": block.index}
        self._say("response.function_call_arguments.delta", block, {}, place)
        self.put("response.function_call_arguments.done", {"arguments": "".join(block.pieces), **place})

    def _part(self, block: OutputBlock) -> None:
        writer, at = self._writer, {"content_index": 0}
        place = {"item_id": writer.id(block), "output_index": block.index}
        self.put("response.content_part.added", {**at, **place, "part": writer.part(block, done=False)})
        kind = "response.reasoning_text" if block.kind == "reasoning" else "response.output_text"
        self._say(f"{kind}.delta", block, at, place)
        done = writer.part(block)
        logprobs = {"logprobs": done["logprobs"]} if "logprobs" in done else {}
        self.put(f"{kind}.done", {**at, **place, **logprobs, "text": done["text"]})
        self.put("response.content_part.done", {**at, **place, "part": done})

    def _say(self, kind: str, block: OutputBlock, before: Document, place: Document) -> None:
        """An event for each piece, from a template made once."""
        head = event(kind, before).removesuffix(b"}\n\n") + b',"delta":%b,'
        tail = compact(place)[1:-1] + b',"sequence_number":%d}\n\n'
        for piece in filter(None, block.pieces):
            told = self._logprobs(block, piece)
            self.said(head % next(self._deltas) + told + tail % len(self.events))

    def _logprobs(self, block: OutputBlock, piece: str) -> bytes:
        if block.kind != "message":
            return b""
        return b'"logprobs":%b,' % compact(self._writer.logprobs([piece]))


def _ended(plan: AnswerPlan, usage: Counts) -> Document:
    made = list(blocks(plan))
    writer = Writer(plan, made[-1].index)
    reason = INCOMPLETE.get(plan.finish)
    members = {
        "status": status(plan),
        "completed_at": plan.ended,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [writer.item(block) for block in made],
        "usage": usage,
    }
    if plan.finish == FAILED:
        members["error"] = {"code": "server_error", "message": "The model stopped for want of resources."}
    return _response(plan, members)


def _response(plan: AnswerPlan, members: Document) -> Document:
    own = {"id": plan.id, "created_at": plan.created, "model": plan.model}
    return {**BLANK, **plan.told, **own, **members}


RENDER = ResponsesRenderer()
