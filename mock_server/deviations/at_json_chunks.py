"""Chunks of a stream with wrong members, or in the wrong order."""

import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from itertools import count
from typing import Any

from echosounder.mock_server.deviations.asked import whole_number
from echosounder.mock_server.deviations.edits import Frames, edit
from echosounder.mock_server.deviations.forms import each_chunk, each_document
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.frames import Frame

Document = dict[str, Any]
SCHEMAS = {"stream.chunk-schema", "chat.response-schema", "response.document-valid"}


# --- the delta


@deviation("cumulative-delta", Layer.JSON, {"stream.delta-incremental", "stream.text-complete"})
def cumulative_delta(frames: Frames, context: Context) -> Frames:
    """Every delta holds the whole text so far."""
    so_far: dict[str, str] = defaultdict(str)

    def change(chunk: Document) -> None:
        for holder, name in context.edits.texts(chunk):
            if holder[name]:
                so_far[name] += holder[name]
                holder[name] = so_far[name]

    return edit(frames, change) if context.stream else frames


@deviation("cumulative-sliced", Layer.JSON, {"stream.text-complete"})
def cumulative_sliced(frames: Frames, context: Context) -> Frames:
    """Deltas are cut by the length of what came before, as if they held the whole text: characters are lost."""
    sent: dict[str, int] = defaultdict(int)

    def change(chunk: Document) -> None:
        for holder, name in context.edits.texts(chunk):
            piece = holder[name]
            holder[name] = piece[sent[name] :]
            sent[name] += len(piece)

    return edit(frames, change) if context.stream else frames


@each_chunk("role-missing-first-chunk", {"stream.role-first"})
def role_missing_first_chunk(chunk: Document, context: Context) -> None:
    """No delta of a stream names the role."""
    for delta in context.edits.messages(chunk):
        delta.pop("role", None)


@each_chunk("role-in-every-chunk", {"stream.role-once"})
def role_in_every_chunk(chunk: Document, context: Context) -> None:
    """Every delta names the role; clients that join strings get ``assistantassistant``."""
    for delta in context.edits.messages(chunk):
        delta["role"] = "assistant"


@each_chunk("delta-null-spam", {"stream.no-empty-members", "chat.no-tool-calls-key"})
def delta_null_spam(chunk: Document, context: Context) -> None:
    """Every delta lists every possible member of a message, each one empty."""
    empty = dict.fromkeys(("name", "tool_call_id", "function_call", "refusal"))
    for delta in context.edits.messages(chunk):
        delta.update({**empty, "tool_calls": [], **delta})


@deviation("message-in-chunk", Layer.JSON, {"stream.no-message"})
def message_in_chunk(frames: Frames, context: Context) -> Frames:
    """The last chunk holds the whole answer as a message; clients that read both the deltas and the message print it twice."""
    whole: list[str] = []

    def change(chunk: Document) -> None:
        whole.extend(holder[name] for holder, name in context.edits.texts(chunk))
        for choice in context.edits.choices(chunk):
            if choice.get("finish_reason") and "delta" in choice:
                choice["message"] = {"role": "assistant", "content": "".join(whole)}

    return edit(frames, change) if context.stream else frames


# --- the choice


@deviation("choice-index-runs", Layer.JSON, {"stream.choice-index"})
def choice_index_runs(frames: Frames, context: Context) -> Frames:
    """``index`` of the choice is the number of the chunk."""
    numbers = count()

    def change(chunk: Document) -> None:
        for choice in context.edits.choices(chunk):
            choice["index"] = next(numbers)

    return edit(frames, change) if context.stream else frames


@each_chunk(
    "finish-reason-empty-string",
    {
        "stream.finish-reason-known",
        "stream.finish-once",
        "stream.chunk-schema",
        "fim.stream-chunk",
    },
)
def finish_reason_empty_string(chunk: Document, context: Context) -> None:
    """``finish_reason`` is the empty string until the choice ends; clients that test for null stop at the first chunk."""
    for choice in context.edits.choices(chunk):
        choice["finish_reason"] = choice.get("finish_reason") or ""


@each_chunk("finish-reason-absent-interior", {"stream.finish-key-present", "stream.chunk-schema"})
def finish_reason_absent_interior(chunk: Document, context: Context) -> None:
    """Chunks have no ``finish_reason`` until the choice ends."""
    for choice in context.edits.choices(chunk):
        if choice.get("finish_reason") is None:
            choice.pop("finish_reason", None)


@deviation("finish-reason-twice", Layer.JSON, {"stream.finish-once"})
def finish_reason_twice(frames: Frames, context: Context) -> Frames:
    """After the chunk that ends the choice, another one ends it with ``stop``; clients lose the tool calls of the first."""
    for frame in frames:
        yield frame
        if context.stream and frame.json and context.edits.finishes(frame.json):
            yield Frame(frame.at, json=ending(frame.json, context))


@deviation(
    "finish-on-first-chunk",
    Layer.JSON,
    {"stream.finish-once", "stream.finish-last", "thinking.no-early-finish"},
)
def finish_on_first_chunk(frames: Frames, context: Context) -> Frames:
    """The first chunk ends the choice, and then the answer begins."""
    return ended_at_first(frames, context, lambda chunk: context.stream and any(context.edits.choices(chunk)))


def ended_at_first(frames: Frames, context: Context, where: Callable[[Document], bool]) -> Frames:
    """End the choice with ``stop`` in the first chunk for which the condition holds; later chunks still follow."""
    over = False
    for frame in frames:
        if not over and where(frame.json or {}):
            over = True
            for choice in context.edits.choices(frame.json):
                choice["finish_reason"] = "stop"
        yield frame


def ending(chunk: Document, context: Context) -> Document:
    """A chunk like *chunk* that ends its choices with ``stop`` and holds nothing else."""
    ended = [
        {**choice, **({"text": ""} if "text" in choice else {"delta": {}}), "logprobs": None, "finish_reason": "stop"}
        for choice in context.edits.choices(chunk)
    ]
    return {name: value for name, value in chunk.items() if name != "usage"} | {"choices": ended}


# --- the chunk


@each_chunk("id-changes-between-chunks", {"stream.id-constant"})
def id_changes_between_chunks(chunk: Document, context: Context) -> None:
    """Every chunk of a stream has a different id."""
    if "id" in chunk:
        chunk["id"] = str(uuid.UUID(int=context.rng.getrandbits(128), version=4))


class Form(StrEnum):
    """Wrong forms of ``created``."""

    FRACTION = "fraction"
    MILLISECONDS = "milliseconds"
    TEXT = "text"


CREATED: dict[Form, Callable[[int], Any]] = {
    Form.FRACTION: lambda seconds: seconds + 0.5,
    Form.MILLISECONDS: lambda seconds: seconds * 1000,
    Form.TEXT: str,
}


@each_document(
    "created-wrong-type",
    SCHEMAS | {"stream.created-constant", "chat.created-recent", "fim.response-schema", "fim.stream-chunk"},
)
def created_wrong_type(document: Document, context: Context, *, form: Form = Form.FRACTION) -> None:
    """``created`` is not an integer of seconds: it has a fraction, counts milliseconds, or is a string."""
    if isinstance(document.get("created"), int):
        document["created"] = CREATED[form](document["created"])


@each_document("system-fingerprint-absent", SCHEMAS | {"stream.fingerprint-constant", "chat.fingerprint-present"})
def system_fingerprint_absent(document: Document, context: Context) -> None:
    """Answers and chunks have no ``system_fingerprint``."""
    document.pop("system_fingerprint", None)


@deviation(
    "id-empty-or-missing",
    Layer.JSON,
    {
        "stream.id-constant",
        "stream.created-constant",
        "stream.model-constant",
        "stream.fingerprint-constant",
        "stream.object",
        "stream.choices-present",
        "stream.usage-unsolicited-chunk",
        "stream.chunk-schema",
    },
)
def id_empty_or_missing(frames: Frames, context: Context) -> Frames:
    """Before the first chunk comes one in which every member is empty except the result of a prompt filter."""
    filtered = {"prompt_index": 0, "content_filter_results": {}}
    for number, frame in enumerate(frames):
        if context.stream and not number:
            empty = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
            yield Frame(frame.at, json=empty | {"prompt_filter_results": [filtered]})
        yield frame


@deviation("n-interleave-id", Layer.JSON, {"limits.n-choices"})
def n_interleave_id(frames: Frames, context: Context) -> Frames:
    """With several choices, each has its own id and its own ``[DONE]``.

    Only occurs in the ``openai`` profile, because DeepSeek refuses n.
    """
    several = (whole_number(context.body, "n") or 1) if context.stream else 1
    for frame in frames:
        index = max((choice.get("index") or 0 for choice in context.edits.choices(frame.json or {})), default=0)
        if frame.json and index:
            frame.json["id"] = f"{frame.json.get('id')}-{index}"
        yield frame
        if context.edits.ends(frame.raw):
            yield from (Frame(frame.at, frame.raw) for _ in range(several - 1))


@deviation("n-done-each", Layer.JSON, {"limits.n-choices"})
def n_done_each(frames: Frames, context: Context) -> Frames:
    """With several choices, each ends the stream: there is a ``[DONE]`` per choice, under one id.

    Only occurs in the ``openai`` profile, because DeepSeek refuses n.
    """
    several = (whole_number(context.body, "n") or 1) if context.stream else 1
    for frame in frames:
        yield frame
        if context.edits.ends(frame.raw):
            yield from (Frame(frame.at, frame.raw) for _ in range(several - 1))


@each_chunk("stream-id-fixed", {"chat.id-unique"})
def stream_id_fixed(chunk: Document, context: Context) -> None:
    """All streams have the same id."""
    if "id" in chunk:
        chunk["id"] = "chatcmpl-0"


@deviation("chunk-reordered", Layer.JSON, {"stream.finish-last", "stream.text-complete", "stream.text-kept"})
def chunk_reordered(frames: Frames, context: Context) -> Frames:
    """The first piece of the text arrives after the chunk that ends the choice."""
    held: Frame | None = None
    for frame in frames:
        chunk = frame.json or {}
        if context.stream and held is None and any(holder[name] for holder, name in context.edits.texts(chunk)):
            held = frame
            continue
        yield frame
        if held is not None and context.edits.finishes(chunk):
            yield replace(held, at=frame.at)


@deviation(
    "truncation-masked",
    Layer.JSON,
    {"stream.text-complete", "stream.usage-present", "proxy.truncation-visible"},
)
def truncation_masked(frames: Frames, context: Context, *, after: int = 4) -> Frames:
    """A broken stream is completed with a ``finish_reason`` and ``[DONE]``, as if it were whole; its usage is lost."""
    for number, frame in enumerate(frames):
        if context.stream and number == after and frame.json:
            yield Frame(frame.at, json=ending(frame.json, context))
            yield Frame(frame.at, context.edits.end)
            return
        yield frame
