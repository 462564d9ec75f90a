"""Plan to bytes: the body of a plain answer, or the events of a stream, in the key order of the captures (fact sheet 2.3, 2.7).

A chunk is a template made once per stream with the escaped token put in: a hundredth of the cost of serialising it whole.
"""

import json
from collections.abc import Iterator
from json.encoder import encode_basestring
from typing import Any

from mock_server.logprobs import chat_logprobs, fim_logprobs
from mock_server.plan import Endpoint, Plan, PlannedCall
from specs import Limits
from wire import sse
from wire.strict_json import compact

DONE = sse.encode(sse.Event("[DONE]"))
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


def body(plan: Plan, limits: Limits) -> bytes:
    """The JSON of a plain answer."""
    fim = plan.endpoint is Endpoint.FIM
    value = {
        "id": plan.id,
        "object": "text_completion" if fim else "chat.completion",
        "created": plan.created,
        "model": plan.model,
        "choices": [_fim_choice(plan) if fim else _chat_choice(plan, limits)],
        "usage": usage(plan, limits),
        "system_fingerprint": plan.fingerprint,
    }
    return compact(value).encode("utf-8", "surrogatepass")


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
    return {"text": text, "index": 0, "logprobs": fim_logprobs(plan, plan.content, 0), "finish_reason": plan.finish}


# --- streams


def events(plan: Plan, limits: Limits) -> list[bytes]:
    """Every event of a stream as bytes, ``[DONE]`` last; the first one carries no token, the rest one each but the tail."""
    made = _fim_events(plan) if plan.endpoint is Endpoint.FIM else _chat_events(plan, limits)
    head = (
        f'data: {{"id":"{plan.id}","object":"{_object(plan)}","created":{plan.created},"model":{_quote(plan.model)},'
        f'"system_fingerprint":"{plan.fingerprint}","choices":['
    )
    tail = ("]" + (',"usage":null' if plan.include_usage else "") + "}\n\n").encode()
    prefix = head.encode()
    chunks = [prefix + choice + tail for choice in made]
    return [*chunks, *_ending(plan, limits, prefix), DONE]


def tail_length(plan: Plan, limits: Limits) -> int:
    """How many events of a stream come after its last token."""
    return 3 if plan.include_usage and limits.usage_placement == "extra-chunk" else 2


def _object(plan: Plan) -> str:
    return "text_completion" if plan.endpoint is Endpoint.FIM else "chat.completion.chunk"


def _ending(plan: Plan, limits: Limits, prefix: bytes) -> Iterator[bytes]:
    """The chunk with the finish reason, and the usage on it (observed) or after it (documented, and OpenAI's way)."""
    last: dict[str, Any]
    if plan.endpoint is Endpoint.FIM:
        last = {"text": "", "index": 0, "logprobs": None, "finish_reason": plan.finish}
    else:
        delta = {"content": ""} if plan.reasoning is None else {"content": "", "reasoning_content": None}
        last = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": plan.finish}
    choice, counts = compact(last).encode(), compact(usage(plan, limits)).encode()
    if limits.usage_placement == "finish-chunk":
        yield prefix + choice + b'],"usage":' + counts + b"}\n\n"
        return
    yield prefix + choice + (b'],"usage":null}\n\n' if plan.include_usage else b"]}\n\n")
    if plan.include_usage:
        yield prefix + b'],"usage":' + counts + b"}\n\n"


def _chat_events(plan: Plan, limits: Limits) -> Iterator[bytes]:
    thinks = plan.reasoning is not None
    first = (
        {"role": "assistant", "content": None, "reasoning_content": ""}
        if thinks
        else {"role": "assistant", "content": ""}
    )
    yield _choice(first)
    if plan.logprobs is not None:
        yield from _slowly(plan, limits)
    else:
        yield from _filled(plan.reasoning or (), {"content": None, "reasoning_content": HOLE})
        yield from _filled(plan.content, {"content": HOLE, "reasoning_content": None} if thinks else {"content": HOLE})
    for index, call in enumerate(plan.calls):
        yield _choice({"tool_calls": [_call(index, call, "")]})
        yield from _filled(call.arguments, {"tool_calls": [{"index": index, "function": {"arguments": HOLE}}]})


def _slowly(plan: Plan, limits: Limits) -> Iterator[bytes]:
    for number, piece in enumerate(plan.reasoning or ()):
        yield _choice({"content": None, "reasoning_content": piece}, chat_logprobs(plan, limits, reasoning=number))
    for number, piece in enumerate(plan.content):
        delta = {"content": piece} if plan.reasoning is None else {"content": piece, "reasoning_content": None}
        yield _choice(delta, chat_logprobs(plan, limits, content=number))


def _filled(pieces: Any, delta: dict[str, Any]) -> Iterator[bytes]:
    if not pieces:
        return
    before, after = _choice(delta).split(encode_basestring(HOLE).encode())
    for piece in pieces:
        yield before + _quote(piece).encode("utf-8", "surrogatepass") + after


def _fim_events(plan: Plan) -> Iterator[bytes]:
    if plan.echo:
        yield _text(plan.echo, fim_logprobs(plan, [], 0))
    offset = len(plan.echo)
    for piece in plan.content:
        yield _text(piece, fim_logprobs(plan, [piece], offset))
        offset += len(piece)


def _text(text: str, logprobs: Any) -> bytes:
    return compact({"text": text, "index": 0, "logprobs": logprobs, "finish_reason": None}).encode(
        "utf-8", "surrogatepass"
    )


def _choice(delta: dict[str, Any], logprobs: Any = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}
    return compact(choice).encode("utf-8", "surrogatepass")


_quote = json.encoder.c_encode_basestring or encode_basestring  # type: ignore[attr-defined]
