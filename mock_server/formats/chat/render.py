"""Plan to bytes: the body of a plain answer, or the events of a stream, in the key order of the captures (fact sheet 2.3, 2.7).

A chunk is a template made once per stream with the escaped token put in: a hundredth of the cost of serialising it whole.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from json.encoder import encode_basestring
from typing import Any

from echosounder.mock_server.answering.logprobs import chat_logprobs, fim_logprobs
from echosounder.mock_server.answering.plan import Endpoint, Plan, PlannedCall, weave
from echosounder.mock_server.answering.prose import RING
from echosounder.specs import Limits
from echosounder.wire import sse

DONE = sse.encode(sse.Event("[DONE]"))
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # made once: that is half of its cost
HOLE = "\0"  # where the token goes in a template; no JSON text contains it raw


def usage(plan: Plan, limits: Limits) -> dict[str, Any]:
    prompt = plan.prompt
    counts: dict[str, Any] = {
        "prompt_tokens": prompt.tokens,
        "completion_tokens": plan.completion_tokens,
        "total_tokens": prompt.tokens + plan.completion_tokens,
    }
    if limits.profile >= "2025":
        counts["prompt_tokens_details"] = {"cached_tokens": prompt.hit}
    if plan.reasoning is not None:
        counts["completion_tokens_details"] = {"reasoning_tokens": plan.reasoning_tokens}
    if limits.profile != "openai":
        counts |= {"prompt_cache_hit_tokens": prompt.hit, "prompt_cache_miss_tokens": prompt.miss}
    return counts


def body(plan: Plan, limits: Limits, counts: dict[str, Any]) -> bytes:
    """The JSON of a plain answer; *counts* is its usage."""
    fim = plan.endpoint is Endpoint.FIM
    value = {
        "id": plan.id,
        "object": "text_completion" if fim else "chat.completion",
        "created": plan.created,
        "model": plan.model,
        "choices": [
            (_fim_choice(each) if fim else _chat_choice(each, limits)) | {"index": index}
            for index, each in enumerate(plan.choices)
        ],
        "usage": counts,
        "system_fingerprint": plan.fingerprint,
    }
    return _compact(value)


def _chat_choice(plan: Plan, limits: Limits) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(plan.content)}
    if plan.reasoning is not None:
        message["reasoning_content"] = "".join(plan.reasoning)
    if plan.calls:
        message["tool_calls"] = [_call(index, call, "".join(call.arguments)) for index, call in enumerate(plan.calls)]
    return {"index": 0, "message": message, "logprobs": chat_logprobs(plan, limits), "finish_reason": plan.finish}


def _call(index: int, call: PlannedCall, arguments: str) -> dict[str, Any]:
    return {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _fim_choice(plan: Plan) -> dict[str, Any]:
    text = plan.echo + "".join(plan.content)
    return {
        "text": text,
        "index": 0,
        "logprobs": fim_logprobs(plan, list(filter(None, plan.content)), 0),
        "finish_reason": plan.finish,
    }


# --- streams


@dataclass(slots=True)
class Envelope:
    """What every chunk of a stream has around its choice, made once."""

    before: bytes
    after: bytes

    @classmethod
    def of(cls, plan: Plan) -> "Envelope":
        kind = "text_completion" if plan.endpoint is Endpoint.FIM else "chat.completion.chunk"
        head = (
            f'data: {{"id":"{plan.id}","object":"{kind}","created":{plan.created},"model":{_quote(plan.model)},'
            f'"system_fingerprint":"{plan.fingerprint}","choices":['
        )
        return cls(head.encode("utf-8", "surrogatepass"), b'],"usage":null}\n\n' if plan.include_usage else b"]}\n\n")

    def chunk(self, choice: bytes) -> bytes:
        return self.before + choice + self.after


def events(plan: Plan, limits: Limits, counts: dict[str, Any], known: list[bytes] | None = None) -> list[bytes]:
    """Every event of a stream as bytes, ``[DONE]`` last. *known* are the :func:`choices` of the plan, *counts* its usage."""
    envelope = Envelope.of(plan)
    before, after = envelope.before, envelope.after
    known = _by_turns(plan, limits) if plan.others else known
    spoken = [before + choice + after for choice in known] if known else choices(plan, limits, before, after)
    return [*spoken, *_ending(plan, limits, envelope, counts), DONE]


def tail_length(plan: Plan, limits: Limits) -> int:
    """How many events of a stream come after its last token."""
    return (3 if plan.include_usage and limits.usage_placement == "extra-chunk" else 2) + len(plan.others)


def _by_turns(plan: Plan, limits: Limits) -> list[bytes]:
    return weave([_numbered(choices(each, limits), index) for index, each in enumerate(plan.choices)])


def _numbered(made: list[bytes], index: int) -> list[bytes]:
    """Choices of a chat with another index, which they begin with."""
    return [b'{"index":%d%b' % (index, choice.removeprefix(b'{"index":0')) for choice in made]


def _ending(plan: Plan, limits: Limits, envelope: Envelope, counts: dict[str, Any]) -> list[bytes]:
    """The chunk with the finish reason, and the usage on it (observed) or after it (documented, and OpenAI's way)."""
    lasts = [_last(plan.endpoint, plan.reasoning is not None, plan.finish)]
    for index, other in enumerate(plan.others, 1):
        lasts += _numbered([_last(other.endpoint, other.reasoning is not None, other.finish)], index)
    usage_member = f'],"usage":{_counts(counts)}}}\n\n'.encode()
    if limits.usage_placement == "finish-chunk":
        return [*map(envelope.chunk, lasts[:-1]), envelope.before + lasts[-1] + usage_member]
    return [*map(envelope.chunk, lasts), *([envelope.before + usage_member] if plan.include_usage else [])]


def _counts(counts: dict[str, Any]) -> str:
    """Names and whole numbers as JSON: Python writes them alike, but for quotes and spaces, at a quarter of an encoder's cost."""
    return repr(counts).replace("'", '"').replace(" ", "")


def choices(plan: Plan, limits: Limits, before: bytes = b"", after: bytes = b"") -> list[bytes]:
    """The choice of each event before the ending, between *before* and *after*: the first carries no token, the others some."""
    if plan.endpoint is Endpoint.FIM:
        return _fim_choices(plan, before, after)
    thinks = plan.reasoning is not None
    made = [before + _FIRST[thinks] + after]
    if plan.logprobs is not None:
        made += [before + _compact(choice) + after for choice in _with_logprobs(plan, limits)]
    else:
        made += _filled(plan.reasoning or (), _AROUND_REASONING, before, after)
        made += _filled(plan.content, _AROUND_CONTENT[thinks], before, after)
    for index, call in enumerate(plan.calls):
        made.append(before + _compact(_choice({"tool_calls": [_call(index, call, "")]})) + after)
        made += _filled(call.arguments, _around_arguments(index), before, after)
    return made


def _filled(pieces: Sequence[str], around: tuple[bytes, bytes], before: bytes, after: bytes) -> list[bytes]:
    """A choice for each piece that has text, with what stands around the piece in it."""
    before, after = before + around[0], around[1] + after
    return [before + (_ESCAPED.get(piece) or _escape(piece)) + after for piece in pieces if piece]


def _with_logprobs(plan: Plan, limits: Limits) -> Iterator[dict[str, Any]]:
    for number, piece in enumerate(plan.reasoning or ()):
        if piece:
            yield _choice({"content": None, "reasoning_content": piece}, chat_logprobs(plan, limits, reasoning=number))
    for number, piece in enumerate(plan.content):
        delta = {"content": piece} if plan.reasoning is None else {"content": piece, "reasoning_content": None}
        if piece:
            yield _choice(delta, chat_logprobs(plan, limits, content=number))


def _fim_choices(plan: Plan, before: bytes, after: bytes) -> list[bytes]:
    made = [_text(plan.echo, fim_logprobs(plan, [], 0))] if plan.echo else []
    if plan.logprobs is None:
        return [*[before + _compact(one) + after for one in made], *_filled(plan.content, _AROUND_TEXT, before, after)]
    offset = len(plan.echo)
    for piece in filter(None, plan.content):
        made.append(_text(piece, fim_logprobs(plan, [piece], offset)))
        offset += len(piece)
    return [before + _compact(one) + after for one in made]


def _text(text: str, logprobs: Any) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": logprobs, "finish_reason": None}


def _choice(delta: dict[str, Any], logprobs: Any = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}


def _compact(value: Any) -> bytes:
    return _encode(value).encode("utf-8", "surrogatepass")


_quote = json.encoder.c_encode_basestring or encode_basestring  # type: ignore[attr-defined]


def _escape(piece: str) -> bytes:
    escaped: bytes = _quote(piece).encode("utf-8", "surrogatepass")
    return escaped


def _around(choice: dict[str, Any]) -> tuple[bytes, bytes]:
    """A choice cut at the hole in it."""
    before, after = _compact(choice).split(_escape(HOLE))
    return before, after


@cache
def _around_arguments(index: int) -> tuple[bytes, bytes]:
    return _around(_choice({"tool_calls": [{"index": index, "function": {"arguments": HOLE}}]}))


@cache
def _last(endpoint: Endpoint, thinks: bool, finish: str) -> bytes:
    if endpoint is Endpoint.FIM:
        return _compact({"text": "", "index": 0, "logprobs": None, "finish_reason": finish})
    delta = {"content": "", "reasoning_content": None} if thinks else {"content": ""}
    return _compact({"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish})


# The parts of chunks that never change, rendered once. Pairs: without thinking, with it.
_ESCAPED = {piece: _escape(piece) for piece in set(RING)}  # what almost every chunk is made of
_FIRST = (
    _compact(_choice({"role": "assistant", "content": ""})),
    _compact(_choice({"role": "assistant", "content": None, "reasoning_content": ""})),
)
_AROUND_REASONING = _around(_choice({"content": None, "reasoning_content": HOLE}))
_AROUND_CONTENT = (_around(_choice({"content": HOLE})), _around(_choice({"content": HOLE, "reasoning_content": None})))
_AROUND_TEXT = _around(_text(HOLE, None))
