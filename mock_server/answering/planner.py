"""Request to answer: pure and seeded. The same conversation gives the same answer, streamed or not, at any temperature."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from echosounder.mock_server.answering import intent, pieces, schema, toolcalls
from echosounder.mock_server.answering.pieces import Split
from echosounder.mock_server.answering.plan import Answer, Pieces, PlannedCall
from echosounder.mock_server.answering.prose import prose
from echosounder.mock_server.formats.chat.conversation import text_of
from echosounder.mock_server.formats.chat.modes import thinking
from echosounder.specs import Limits

Body = dict[str, Any]
# What the answer depends on. Not on stream, temperature, max_tokens, stop: those cut or carry the same answer.
CONVERSATION = ("messages", "tools", "tool_choice", "response_format", "prompt", "suffix")
BEYOND_MESSAGES = frozenset(CONVERSATION) - {"messages"}
REASONING_SHARE = 2  # a chain of thought is about half as long as the answer
SEPARATE_REASONING = 32 * 1024  # what R1 could think outside of max_tokens
LONG = 1000  # tokens of an answer that is to be long, where max_tokens does not say how long
LONGEST = 1 << 15
_sorted = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
CALL_OVERHEAD = 4  # tokens of markup around a call: begin, separator, end and the kind


@dataclass(slots=True)
class Request:
    """A request that passed admission."""

    body: Body
    limits: Limits
    seed: int = 0
    output_tokens: int | None = None
    beta: bool = False
    split: Split = pieces.estimate
    choice: int = 0  # which of several answers to the same conversation


@dataclass(slots=True)
class Draft:
    """An answer in the making: three phases that share one allowance of tokens."""

    left: int
    finish: str = "stop"
    tokens: int = 0

    def take(self, cut: Sequence[str]) -> Pieces:
        """As many of the pieces as the allowance permits."""
        kept = list(cut[: self.left])
        if len(kept) < len(cut):
            self.finish = "length"
        self.left -= len(kept)
        self.tokens += len(kept)
        return kept


def digest(request: Request) -> int:
    """A number for the conversation, and for which answer to it; the order of members does not matter."""
    text = _plain(request.body) or _canonical(request.body)
    if request.choice:
        text = f"{text}\0{request.choice}"
    key = request.seed.to_bytes(8, "big", signed=True)
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest(), "big")


def _canonical(body: Body) -> str:
    return _sorted({name: body[name] for name in CONVERSATION if body.get(name) is not None})


def _plain(body: Body) -> str | None:
    """A conversation of nothing but texts, which most are, without the cost of JSON."""
    if not BEYOND_MESSAGES.isdisjoint(body) and any(body.get(name) is not None for name in BEYOND_MESSAGES):
        return None
    texts = []
    for each in body["messages"]:
        if len(each) > 2 or not isinstance(each.get("content"), str):
            return None
        texts.append(f"{each['role']}\0{each['content']}")
    return "\0".join(texts)


def answers(request: Request) -> list[Answer]:
    """As many answers to a chat as ``n`` says."""
    count = request.body.get("n") or 1
    return [chat(request)] if count == 1 else [chat(replace(request, choice=choice)) for choice in range(count)]


def chat(request: Request) -> Answer:
    body, limits = request.body, request.limits
    number, asked = digest(request), last_user(body)
    draft = Draft(allowance(body, limits, request.beta))
    gist = intent.gist(asked)
    answer = _answer(request, asked, gist)
    calls = [] if answer is not None else toolcalls.calls(body, asked)
    if answer is None:
        answer = [] if calls else prose(number, min(_length(request, gist, number), draft.left + 1, LONGEST))
    reasoning = None
    if thinking(body, limits):
        thought = draft if limits.thinking_counted else Draft(SEPARATE_REASONING)
        reasoning = thought.take(prose(number >> 13, _reasoning_length(answer, number)))
    content = draft.take(_stopped(answer, body))
    made = tuple([_take_call(draft, request.split, call) for call in calls if draft.left > 0]) if calls else ()
    finish = "tool_calls" if made and draft.finish == "stop" else draft.finish
    beside = 0 if limits.thinking_counted else len(reasoning or ())
    return Answer(content, finish, draft.tokens + beside, reasoning, made)


def fim(request: Request) -> Answer:
    body, most = request.body, request.limits.fim_max_tokens or 4096
    number = digest(request)
    draft = Draft(min(body.get("max_tokens") or most, most))
    answer = prose(number, request.output_tokens or 16 + number % 32)
    answer = [" " + answer[0], *answer[1:]] if body["prompt"][-1:].isalnum() else answer
    content = draft.take(_stopped(answer, body))
    return Answer(content, draft.finish, draft.tokens)


def allowance(body: Body, limits: Limits, beta: bool) -> int:
    """Output tokens that may be made. The 8K of mid-2024 needed both the beta URL and the field."""
    most = (limits.max_tokens_beta if beta else limits.max_tokens) or 1 << 30
    return int(min(body.get("max_tokens") or limits.max_tokens_default or most, most))


def served(body: Body, limits: Limits) -> str:
    """The model behind the name that was asked for."""
    name: str = body["model"]
    return limits.aliases.get(name, name)


def last_user(body: Body) -> str:
    """What was asked last."""
    for message in reversed(body["messages"]):
        if message["role"] == "user":
            return text_of(message)
    return ""


def _answer(request: Request, asked: str, gist: str) -> Sequence[str] | None:
    """The text where the prompt leaves no choice; None where the model may call a tool or talk."""
    body, last = request.body, request.body["messages"][-1]
    if last["role"] == "tool":
        return request.split(f"The result is: {text_of(last)}")
    if (body.get("response_format") or {}).get("type") == "json_object":
        return request.split(_json(body, asked))
    if last.get("prefix"):
        return None
    repeated = intent.repeated(asked, gist)
    return None if repeated is None else request.split(repeated)


def _json(body: Body, asked: str) -> str:
    """An object with the keys of the example in the prompt, values of the same types, taken from the last question."""
    texts = [text_of(message) for message in body["messages"]]
    shape = next((found for text in reversed(texts) if (found := intent.example(text))), None)
    hints = intent.hints(intent.without_examples(asked))
    if shape is None:
        return json.dumps({"answer": (hints.quoted or hints.names or ["yes"])[0]}, ensure_ascii=False)
    return json.dumps({name: _like(value, hints) for name, value in shape.items()}, ensure_ascii=False, indent=2)


def _like(example: Any, hints: schema.Hints) -> Any:
    """A value of the same JSON type."""
    match example:
        case bool() | None:
            return example
        case int() | float():
            return (
                schema.value({"type": "integer" if isinstance(example, int) else "number"}, hints)
                if hints.numbers
                else example
            )
        case str():
            return schema.value({"type": "string"}, hints) if hints.names or hints.quoted else example
        case list():
            return [_like(item, hints) for item in example]
    return {name: _like(item, hints) for name, item in example.items()}


def _length(request: Request, gist: str, number: int) -> int:
    """As the server is told, else as the prompt asks, else some sentences; where it has no end, one more than asked for."""
    wanted = request.output_tokens or intent.length(gist)
    if wanted is None:
        wanted = (request.body.get("max_tokens") or LONG) + 1 if intent.open_ended(gist) else 16 + number % 32
    return wanted


def _reasoning_length(answer: Sequence[str], number: int) -> int:
    return min(8 + number % 8 + len(answer) // REASONING_SHARE, 400)


def _stopped(answer: Sequence[str], body: Body) -> Sequence[str]:
    """The pieces before the first stop sequence; a piece that it begins in is cut."""
    stop = body.get("stop")
    if not stop:
        return answer
    stops = [stop] if isinstance(stop, str) else stop
    text = "".join(answer)
    ends = [end for one in stops if one and (end := text.find(one)) >= 0]
    if not ends:
        return answer
    kept: Pieces = []
    left = min(ends)
    for piece in answer:
        if left <= 0:
            break
        kept.append(piece[:left])
        left -= len(piece)
    return kept


def _take_call(draft: Draft, split: Split, call: toolcalls.ToolCall) -> PlannedCall:
    overhead = min(draft.left, CALL_OVERHEAD + len(split(call.name)))
    draft.left -= overhead
    draft.tokens += overhead
    return PlannedCall("", call.name, draft.take(split(call.arguments)), overhead)
