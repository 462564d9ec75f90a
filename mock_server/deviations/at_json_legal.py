"""Answers that differ from DeepSeek's in details on which clients must not rely."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from echosounder.mock_server.deviations.edits import Frames
from echosounder.mock_server.deviations.forms import each_chunk, each_document
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.formats import Edits
from echosounder.mock_server.net.frames import Frame

Document = dict[str, Any]


# --- members


def objects(document: Document, edits: Edits) -> Iterator[Document]:
    """Every object in an answer for which the API defines members."""
    yield document
    yield from edits.usages(document)
    yield from edits.choices(document)
    yield from edits.messages(document)
    for call in edits.calls(document):
        yield from (call, call["function"])
    for name in ("data", "balance_infos"):
        yield from document.get(name) or ()
    if isinstance(document.get("error"), dict):
        yield document["error"]


@each_document("extra-members")
def extra_members(document: Document, context: Context) -> None:
    """Legal: objects of every level have undocumented members."""
    for each in list(objects(document, context.edits)):
        each["x_region"] = "eu-1"
        each["x_stats"] = {"queue_ms": 3.25, "tags": []}


@each_document("content-null")
def content_null(document: Document, context: Context) -> None:
    """Legal: content is null if there is no text: beside calls, and in the first and last chunks of a stream."""
    for message in context.edits.messages(document):
        if message.get("content") == "" and (context.stream or message.get("tool_calls")):
            message["content"] = None


@each_chunk("finish-delta-empty")
def finish_delta_empty(chunk: Document, context: Context) -> None:
    """Legal: the delta of the chunk that ends the choice has no members."""
    for choice in context.edits.choices(chunk):
        if choice.get("finish_reason") and "delta" in choice:
            choice["delta"] = {name: value for name, value in choice["delta"].items() if value}


@each_chunk("finish-without-delta", {"stream.finish-delta"})
def finish_without_delta(chunk: Document, context: Context) -> None:
    """The chunk that ends the choice has no delta, as reported of the real API: a fault by the documentation only."""
    for choice in context.edits.choices(chunk):
        if choice.get("finish_reason"):
            choice.pop("delta", None)


@deviation("finish-with-content", Layer.JSON, {"stream.finish-adds-nothing"})
def finish_with_content(frames: Frames, context: Context) -> Frames:
    """The last piece of text is in the chunk that ends the choice, as from many servers: a fault by the documentation only."""
    held: Frame | None = None
    for frame in frames:
        chunk = frame.json or {}
        ends = context.stream and context.edits.finishes(chunk)
        if held is not None and ends:
            _joined(held.json or {}, chunk, context.edits)
            held = None
        if held is not None:
            yield held
        held = frame if context.stream and not ends and _one_text(chunk, context.edits) else None
        if held is None:
            yield frame
    if held is not None:
        yield held


def _one_text(chunk: Document, edits: Edits) -> bool:
    return len([*edits.choices(chunk)]) == 1 and any(holder[name] for holder, name in edits.texts(chunk))


def _joined(last: Document, end: Document, edits: Edits) -> None:
    """The last chunk with the text and log probabilities of the previous one."""
    for before, after in zip(edits.choices(last), edits.choices(end), strict=False):
        after["logprobs"] = before.get("logprobs")
    for (before, name), (after, _) in zip(edits.texts(last), edits.texts(end), strict=False):
        after[name] = before[name]


@each_document("zero-reasoning-details")
def zero_reasoning_details(document: Document, context: Context) -> None:
    """Legal: usage reports 0 reasoning tokens if there is no reasoning."""
    for usage in context.edits.usages(document):
        usage.setdefault("completion_tokens_details", {"reasoning_tokens": 0})


@each_document("calls-without-index")
def calls_without_index(document: Document, context: Context) -> None:
    """Legal: the calls of a non-streaming response have no index, which is documented only for streams."""
    for call in () if context.stream else context.edits.calls(document):
        call.pop("index", None)


@deviation("long-line", Layer.JSON)
def long_line(frames: Frames, context: Context, *, bytes: int = 71_680) -> Frames:
    """Legal: a non-streaming response, or the second event of a stream, is very long: it has a member of the given number of bytes."""
    for number, frame in enumerate(frames):
        if frame.json is not None and number == context.stream:
            frame.json["x_padding"] = "x" * bytes
        yield frame


# --- values


@each_document("hex-ids")
def hex_ids(document: Document, context: Context) -> None:
    """Legal: the id of an answer has 32 hex digits, as in the documentation's examples."""
    if "choices" in document:
        document["id"] = document["id"].replace("-", "")


@each_document("other-call-ids")
def other_call_ids(document: Document, context: Context) -> None:
    """Legal: ids of calls have the form of 2025."""
    for call in context.edits.calls(document):
        if "id" in call:
            call["id"] = f"call_{call.get('index', 0)}_{context.rng.getrandbits(64):016x}-{len(call['id'])}"


@each_document("other-fingerprint")
def other_fingerprint(document: Document, context: Context) -> None:
    """Legal: ``system_fingerprint`` has a different form."""
    if "system_fingerprint" in document:
        document["system_fingerprint"] = "fp_1c141eb703"


@each_document("model-echoed")
def model_echoed(document: Document, context: Context) -> None:
    """Legal: an answer names the requested model, even if an alias was resolved."""
    if "choices" in document and isinstance(context.body.get("model"), str):
        document["model"] = context.body["model"]


# --- chunks


def joined(first: Frame, second: Frame, edits: Edits) -> Frame:
    """Merges two chunks of one choice: the text of the first, then that of the second."""
    for ours, theirs in zip(edits.choices(first.json), edits.choices(second.json), strict=False):
        target, source = ours.get("delta", ours), theirs.get("delta", theirs)
        for name in ("reasoning_content", "content", "text", "tool_calls"):
            if source.get(name):
                target[name] = (target.get(name) or source[name][:0]) + source[name]
        ours["logprobs"] = _chained(ours.get("logprobs") or {}, theirs.get("logprobs") or {})
    return replace(first, at=second.at, tokens=first.tokens + second.tokens)


def _chained(ours: Document, theirs: Document) -> Document | None:
    """The arrays of two logprobs objects, concatenated; null if neither has one."""
    return {name: [*(ours.get(name) or ()), *(theirs.get(name) or ())] or None for name in (ours | theirs)} or None


@deviation("first-content-in-role-chunk", Layer.JSON)
def first_content_in_role_chunk(frames: Frames, context: Context) -> Frames:
    """Legal: the role and the first piece of the answer come in one chunk."""
    role: Frame | None = None
    for frame in frames:
        chunk = frame.json or {}
        if context.stream and any("role" in delta for delta in context.edits.messages(chunk)):
            role = frame
            continue
        if role is not None:
            yield from (
                (role, frame) if context.edits.finishes(chunk) or not chunk else (joined(role, frame, context.edits),)
            )
            role = None
            continue
        yield frame
    if role is not None:
        yield role


def said(frame: Frame, edits: Edits) -> str | None:
    """The member with the text of a chunk that holds nothing but text; None for other chunks and for named events,
    whose indexes merging would break.
    """
    chunk = frame.json or {}
    if not any(edits.choices(chunk)):
        return None
    names = [name for holder, name in edits.texts(chunk) if holder[name]]
    return names[0] if len(names) == 1 and not edits.finishes(chunk) else None


@deviation("several-tokens-per-chunk", Layer.JSON)
def several_tokens_per_chunk(frames: Frames, context: Context, *, count: int = 3) -> Frames:
    """Legal: a chunk holds several tokens."""
    held: Frame | None = None
    size = 0
    for frame in frames:
        fits = held is not None and size < count and said(frame, context.edits) and context.stream
        if held is not None and fits:
            held, size = joined(held, frame, context.edits), size + 1
            continue
        if held is not None:
            yield held
        held, size = (frame, 1) if context.stream and said(frame, context.edits) else (None, 0)
        if held is None:
            yield frame
    if held is not None:
        yield held
