"""One reading of a completion, whichever way it came: as a document or as a stream, from chat or from FIM.

And the picks: which exchanges a check can judge. Nothing here is an opinion about right and wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from echosounder.wire.exchange import End, Exchange
from echosounder.wire.stream import stream_end
from echosounder.wire.strict_json import at
from echosounder.wire.usage import Usage, usage

CHAT_PATHS = frozenset({"/chat/completions", "/beta/chat/completions", "/v1/chat/completions"})
FIM_PATHS = frozenset({"/beta/completions"})


def asked(exchange: Exchange) -> dict[str, Any]:
    """The request body, empty where it is no JSON object. Kept like ``answer``."""
    kept: dict[str, Any] | None = exchange.__dict__.get("_asked")
    if kept is None:
        body = exchange.request.json
        kept = exchange.__dict__["_asked"] = body if isinstance(body, dict) else {}
    return kept


def bound(exchange: Exchange) -> int:
    """``max_tokens`` of the request; without one, more than any answer has."""
    value = asked(exchange).get("max_tokens")
    return value if isinstance(value, int) else 1 << 62


def on_chat(exchange: Exchange) -> bool:
    return exchange.request.path in CHAT_PATHS


def on_fim(exchange: Exchange) -> bool:
    return exchange.request.path in FIM_PATHS


def ok(exchange: Exchange) -> bool:
    return exchange.status == 200


def refused(exchange: Exchange) -> bool:
    return exchange.status is not None and 400 <= exchange.status < 500


def failed(exchange: Exchange) -> bool:
    """Answered with any error status."""
    return exchange.status is not None and exchange.status >= 400


def wants_stream(exchange: Exchange) -> bool:
    return asked(exchange).get("stream") is True


def stream(exchange: Exchange) -> bool:
    """A stream was asked for and not refused, whatever came."""
    return wants_stream(exchange) and ok(exchange)


def events(exchange: Exchange) -> bool:
    """A stream that holds at least one event."""
    return stream(exchange) and bool(exchange.events)


def chunked(exchange: Exchange) -> bool:
    """A stream that holds at least one chunk that is a JSON object."""
    return stream(exchange) and any(isinstance(value, dict) for _, value in exchange.chunks)


def chat_chunked(exchange: Exchange) -> bool:
    return chunked(exchange) and on_chat(exchange)


def document(exchange: Exchange) -> bool:
    """A document was asked for and not refused, whatever came."""
    return ok(exchange) and not wants_stream(exchange) and (on_chat(exchange) or on_fim(exchange))


def completion(exchange: Exchange) -> bool:
    """A completion that can be read, in either mode."""
    return chunked(exchange) if wants_stream(exchange) else document(exchange) and isinstance(exchange.json, dict)


def chat_completion(exchange: Exchange) -> bool:
    return completion(exchange) and on_chat(exchange)


def chosen(exchange: Exchange) -> bool:
    """A completion with a choice in it."""
    bodies = (value for _, value in exchange.chunks) if wants_stream(exchange) else (exchange.json,)
    return completion(exchange) and any(entries(at(body, "choices")) for body in bodies)


def chat_chosen(exchange: Exchange) -> bool:
    return chosen(exchange) and on_chat(exchange)


def chat_choosing(exchange: Exchange) -> bool:
    """A chat stream with a choice in one of its chunks."""
    return chat_chosen(exchange) and wants_stream(exchange)


def choosing(exchange: Exchange) -> bool:
    return chosen(exchange) and wants_stream(exchange)


def whole(exchange: Exchange) -> bool:
    """A completion that came to its end: nothing is missing because the transfer broke."""
    if not completion(exchange):
        return False
    return stream_end(exchange) == "done" if wants_stream(exchange) else exchange.end is End.COMPLETE


def entries(value: Any) -> list[Any]:
    """*value* where it is an array, else nothing: what a target sends is of any type."""
    return value if isinstance(value, list) else []


def models(exchange: Exchange | None) -> list[str]:
    """The ids that an answer to GET /models lists."""
    rows = entries(at(exchange.json, "data")) if exchange else []
    return [row["id"] for row in rows if isinstance(at(row, "id"), str)]


def objects(exchange: Exchange) -> Iterator[tuple[int, dict[str, Any]]]:
    """``(event index, chunk)`` of each chunk that is a JSON object and no error."""
    return ((index, value) for index, value in exchange.chunks if isinstance(value, dict) and not value.get("error"))


def choices(chunk: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """``(position, choice)`` of each choice of a chunk or document that is an object."""
    return (
        (position, choice) for position, choice in enumerate(entries(at(chunk, "choices"))) if isinstance(choice, dict)
    )


def deltas(exchange: Exchange) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
    """``(event index, choice, delta)`` over a chat stream, for each choice whose delta is an object."""
    for index, chunk in objects(exchange):
        for _, choice in choices(chunk):
            if isinstance(choice.get("delta"), dict):
                yield index, choice, choice["delta"]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call, its fragments joined. ``ids`` and ``names`` are all that were given, in order; ``event`` is the first."""

    ids: tuple[Any, ...]
    names: tuple[Any, ...]
    arguments: str
    index: Any = None
    event: int | None = None

    @property
    def name(self) -> Any:
        return self.names[0] if self.names else None

    @property
    def id(self) -> Any:
        return self.ids[0] if self.ids else None


@dataclass(frozen=True, slots=True)
class Answer:
    """First choice of a completion. Texts are joined deltas; None where there was no text member at all.

    ``usage_event`` is the event that held the usage, None in a document; ``finishes`` every reason given.
    """

    content: str | None = None
    reasoning: str | None = None
    calls: tuple[Call, ...] = ()
    finishes: tuple[Any, ...] = ()
    usage: Usage | None = None
    usage_raw: Any = None
    usage_event: int | None = None
    logprobs: tuple[dict[str, Any], ...] = ()
    events: dict[str, int] = field(default_factory=dict)

    @property
    def finish(self) -> Any:
        return self.finishes[0] if self.finishes else None

    @property
    def empty(self) -> bool:
        return not (self.content or self.reasoning or self.calls)


def answer(exchange: Exchange) -> Answer:
    """Read once per exchange, and kept beside what the exchange itself caches: a hundred checks ask for it."""
    kept: Answer | None = exchange.__dict__.get("_answer")
    if kept is None:
        kept = _from_stream(exchange) if wants_stream(exchange) else _from_document(exchange.json)
        exchange.__dict__["_answer"] = kept
    return kept


def _from_document(document: Any) -> Answer:
    choice = at(document, "choices", 0)
    message = at(choice, "message")
    items = entries(at(choice, "logprobs", "content"))
    return Answer(
        content=_text(at(choice, "text") if message is None else at(message, "content")),
        reasoning=_text(at(message, "reasoning_content")),
        calls=tuple(_call(call) for call in entries(at(message, "tool_calls"))),
        finishes=(at(choice, "finish_reason"),) if at(choice, "finish_reason") is not None else (),
        usage=usage(at(document, "usage")),
        usage_raw=at(document, "usage"),
        logprobs=tuple(item for item in items if isinstance(item, dict)),
    )


def _from_stream(exchange: Exchange) -> Answer:
    texts: dict[str, list[str]] = {}
    finishes, items, found = [], [], None
    for index, chunk in objects(exchange):
        if isinstance(chunk.get("usage"), dict):
            found = (index, chunk["usage"])
        choice = at(chunk, "choices", 0)
        for kind, text in _texts(choice):
            texts.setdefault(kind, []).append(text)
        if at(choice, "finish_reason") is not None:
            finishes.append(at(choice, "finish_reason"))
        items += [entry for entry in entries(at(choice, "logprobs", "content")) if isinstance(entry, dict)]
    return Answer(
        content="".join(texts["content"]) if "content" in texts else None,
        reasoning="".join(texts["reasoning"]) if "reasoning" in texts else None,
        calls=tuple(_joined_calls(exchange)),
        finishes=tuple(finishes),
        usage=usage(found[1]) if found else None,
        usage_raw=found[1] if found else None,
        usage_event=found[0] if found else None,
        logprobs=tuple(items),
    )


def _texts(choice: Any) -> Iterator[tuple[str, str]]:
    for kind, path in (
        ("content", ("delta", "content")),
        ("content", ("text",)),
        ("reasoning", ("delta", "reasoning_content")),
    ):
        if (text := _text(at(choice, *path))) is not None:
            yield kind, text


def _joined_calls(exchange: Exchange) -> Iterator[Call]:
    """Fragments belong together by their index, as every client joins them."""
    parts: dict[Any, list[tuple[int, dict[str, Any]]]] = {}
    for event, _, delta in deltas(exchange):
        for fragment in entries(delta.get("tool_calls")):
            if isinstance(fragment, dict):
                parts.setdefault(repr(fragment.get("index")), []).append((event, fragment))
    for fragments in parts.values():
        arguments = [_text(at(fragment, "function", "arguments")) or "" for _, fragment in fragments]
        yield Call(
            ids=tuple(fragment["id"] for _, fragment in fragments if "id" in fragment),
            names=tuple(at(fragment, "function", "name") for _, fragment in fragments if _names(fragment)),
            arguments="".join(arguments),
            index=fragments[0][1].get("index"),
            event=fragments[0][0],
        )


def _names(fragment: dict[str, Any]) -> bool:
    function = fragment.get("function")
    return isinstance(function, dict) and "name" in function


def _call(call: Any) -> Call:
    ids = (call["id"],) if isinstance(call, dict) and "id" in call else ()
    names = (at(call, "function", "name"),) if isinstance(call, dict) and _names(call) else ()
    return Call(ids, names, _text(at(call, "function", "arguments")) or "", at(call, "index"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
