"""Contents of the chunks of a stream, one by one and across the stream."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from echosounder.judgement import unasked
from echosounder.judgement.answers import (
    answer,
    chat_choosing,
    chat_chunked,
    chat_completion,
    choices,
    choosing,
    chunked,
    deltas,
    objects,
)
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, excerpt, picks
from echosounder.judgement.checks.schemas import chunks_valid
from echosounder.wire.exchange import Exchange, Observed
from echosounder.wire.strict_json import at

MARKUP = ("<｜", "｜>", "<|tool", "｜DSML｜", "<tool_call>", "</tool_call>", "<think>", "</think>")
HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Half of a surrogate pair, but for the codes that stand for bytes which were not UTF-8."""
SIBLINGS = frozenset({"content", "reasoning_content", "refusal"})
"""Members of a delta that may be null next to each other; OpenAI itself sends ``"refusal": null``."""


@check("stream.chunk-schema", chat_chunked)
def chunk_schema(exchange: Exchange, case: Case) -> Problems:
    yield from chunks_valid(exchange, "ChatCompletionChunk", case)


@check("stream.object", chat_chunked)
def chunk_object(exchange: Exchange, case: Case) -> Problems:
    for index, chunk in objects(exchange):
        if "object" not in chunk and "choices" not in chunk:
            yield Problem(
                f"event {index} is not a chunk of the answer: {excerpt(chunk)}", event=index, cause="a foreign event"
            )
        elif chunk.get("object") != "chat.completion.chunk":
            yield Problem(
                f"object is {chunk.get('object')!r}, expected 'chat.completion.chunk'", event=index, pointer="/object"
            )


@picks("a chat stream with a delta")
def spoken(exchange: Exchange) -> bool:
    return chat_chunked(exchange) and any(True for _ in deltas(exchange))


def by_choice(exchange: Exchange) -> dict[str, list[tuple[int, dict[str, Any], dict[str, Any]]]]:
    """The deltas of each choice index, in order."""
    found: dict[str, list[tuple[int, dict[str, Any], dict[str, Any]]]] = {}
    for event, choice, delta in deltas(exchange):
        found.setdefault(repr(choice.get("index")), []).append((event, choice, delta))
    return found


@check("stream.role-first", spoken)
def role_first(exchange: Exchange, case: Case) -> Problems:
    for rows in by_choice(exchange).values():
        event, _, delta = rows[0]
        if delta.get("role") != "assistant":
            yield Problem(
                f"the first delta has role {delta.get('role')!r}, expected 'assistant'",
                event=event,
                pointer="/choices/0/delta/role",
            )


@check("stream.role-once", spoken)
def role_once(exchange: Exchange, case: Case) -> Problems:
    if all(len(rows) < 2 for rows in by_choice(exchange).values()):
        raise Inconclusive("no stream has two deltas")
    for rows in by_choice(exchange).values():
        for event, _, delta in rows[1:]:
            if "role" in delta:
                yield Problem(
                    f"role {delta['role']!r} is repeated in chunk {event}, expected only in the first: clients that join deltas "
                    "get 'assistantassistant'",
                    event=event,
                )


@check("stream.opening-chunk", spoken, unasked=unasked.of("chat"))
def opening_chunk(exchange: Exchange, case: Case) -> Problems:
    for rows in by_choice(exchange).values():
        event, _, delta = rows[0]
        if delta.get("content") or delta.get("reasoning_content"):
            yield Problem("the opening chunk carries text, expected only the role", event=event)
        elif delta.get("content") != "" and delta.get("reasoning_content") != "":
            got = excerpt(delta["content"]) if "content" in delta else "absent"
            yield Problem(
                f"content of the opening chunk is {got}, expected the empty string, or null next to an empty reasoning_content",
                event=event,
                pointer="/choices/0/delta/content",
            )


@check("stream.choice-index", choosing)
def choice_index(exchange: Exchange, case: Case) -> Problems:
    for index, chunk in objects(exchange):
        for position, choice in choices(chunk):
            if choice.get("index") != 0 or isinstance(choice.get("index"), bool):
                yield Problem(
                    f"choices[{position}].index is {choice.get('index')!r}, expected 0",
                    event=index,
                    pointer=f"/choices/{position}/index",
                )


@check("stream.choices-present", chunked)
def choices_present(exchange: Exchange, case: Case) -> Problems:
    for index, chunk in objects(exchange):
        value = chunk.get("choices")
        if not isinstance(value, list):
            yield Problem(f"choices is {excerpt(value)}, expected an array", event=index, pointer="/choices")
        elif not value and not isinstance(chunk.get("usage"), dict):
            yield Problem(
                "choices is empty in a chunk without usage, expected a choice", event=index, pointer="/choices"
            )


@check("stream.finish-key-present", chat_choosing)
def finish_key(exchange: Exchange, case: Case) -> Problems:
    for index, chunk in objects(exchange):
        for position, choice in choices(chunk):
            if "finish_reason" not in choice:
                yield Problem(
                    f"choices[{position}] of chunk {index} has no finish_reason, expected null",
                    event=index,
                    pointer=f"/choices/{position}",
                )


@check("stream.no-message", chat_choosing)
def no_message(exchange: Exchange, case: Case) -> Problems:
    for event, chunk in objects(exchange):
        for position, choice in choices(chunk):
            if "message" in choice:
                yield Problem(
                    "the choice has a message, expected a delta",
                    event=event,
                    pointer=f"/choices/{position}/message",
                )


@check("stream.delta-incremental", chunked)
def incremental(exchange: Exchange, case: Case) -> Problems:
    texts = {
        path[-1]: [
            (event, text)
            for event, chunk in objects(exchange)
            if isinstance(text := at(chunk, "choices", 0, *path), str) and text
        ]
        for path in (("delta", "content"), ("text",), ("delta", "reasoning_content"))
    }
    if all(len(rows) < 2 for rows in texts.values()):
        raise Inconclusive("no stream has two deltas of text")
    for kind, rows in texts.items():
        yield from repeats(rows, kind)


def repeats(rows: Sequence[tuple[int, str]], kind: str) -> Problems:
    """A delta that begins with all previous text, or deltas that each begin with the whole previous one."""
    so_far, last, grown = "", "", 0
    for event, text in rows:
        grown += len(last) >= 20 and text.startswith(last)
        if (len(so_far) >= 20 and text.startswith(so_far)) or grown > 1:
            before = so_far if text.startswith(so_far) else last
            yield Problem(
                f"{kind} of chunk {event} begins with all {len(before)} characters sent before, expected the new ones",
                event=event,
            )
            return
        so_far, last = so_far + text, text


@check("stream.characters-whole", chunked, rests=[Observed.BYTES])
def characters_whole(exchange: Exchange, case: Case) -> Problems:
    found = [(event, text) for event, chunk in objects(exchange) for text in texts(chunk.get("choices"))]
    if not any(text for _, text in found):
        raise Inconclusive("no stream holds any text")
    for event, text in found:
        if half := HALF.search(text):
            yield Problem(
                f"chunk {event} holds {half[0]!a}, a lone surrogate: joined texts cannot be encoded as UTF-8",
                event=event,
                cause="characters were cut",
            )


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, at any depth."""
    if isinstance(value, str):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(member)


@check("stream.no-empty-members", spoken, unasked=unasked.of("chat"))
def no_empty_members(exchange: Exchange, case: Case) -> Problems:
    for event, _, delta in deltas(exchange):
        idle = [name for name, value in delta.items() if name not in SIBLINGS and value in (None, "", [], {})]
        if idle:
            yield Problem(
                f"the delta of chunk {event} has empty members ({', '.join(idle)}), expected them absent",
                event=event,
                pointer=f"/choices/0/delta/{idle[0]}",
            )


@check("stream.no-leaked-markup", chat_completion)
def no_leaked_markup(exchange: Exchange, case: Case) -> Problems:
    text = answer(exchange).content or ""
    if not text:
        raise Inconclusive("the content is empty")
    for mark in MARKUP:
        if mark in text:
            yield Problem(
                f"content contains {mark!r}, a token of the model's chat template",
                excerpt=text[max(0, text.index(mark) - 40) :][:160],
                cause="template markup in content",
            )
            return
