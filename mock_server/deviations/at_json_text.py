"""Answers with wrong text: JSON mode, reasoning, split characters."""

import copy
from dataclasses import replace
from typing import Any

from echosounder.mock_server.deviations.asked import wants_json
from echosounder.mock_server.deviations.at_json_chunks import ended_at_first
from echosounder.mock_server.deviations.edits import Frames, edit
from echosounder.mock_server.deviations.forms import each_body, each_chunk, each_document
from echosounder.mock_server.deviations.registry import Context, Layer, deviation

Document = dict[str, Any]
FENCE = "```"
JOINER = "\u200d"


# --- JSON mode


def in_json(context: Context) -> bool:
    return wants_json(context.body)


def wrapped(frames: Frames, context: Context, opening: str, closing: str) -> Frames:
    """Put a JSON answer between two texts."""
    opened = False
    for frame in frames:
        for holder, name in context.edits.texts(frame.json or {}) if wants_json(context.body) else ():
            if holder[name] and not opened:
                holder[name], opened = opening + holder[name], True
            if context.edits.finishes(frame.json):
                holder[name] += closing
        yield frame


@deviation("json-fenced", Layer.JSON, {"json.no-fence", "json.valid"})
def json_fenced(frames: Frames, context: Context) -> Frames:
    """A JSON answer is wrapped in a code fence."""
    return wrapped(frames, context, f"{FENCE}json\n", f"\n{FENCE}")


@deviation("json-in-prose", Layer.JSON, {"json.no-fence", "json.valid"})
def json_in_prose(frames: Frames, context: Context) -> Frames:
    """A JSON answer is introduced by a sentence."""
    return wrapped(frames, context, "Here is the JSON that you asked for:\n", "")


@deviation("json-array", Layer.JSON, {"json.object", "json.usable"})
def json_array(frames: Frames, context: Context) -> Frames:
    """A JSON answer is an array."""
    return wrapped(frames, context, "[", "]")


@each_document("json-empty", {"json.not-empty", "json.usable"}, where=in_json)
def json_empty(document: Document, context: Context) -> None:
    """A JSON answer is empty."""
    for holder, name in context.edits.texts(document):
        holder[name] = ""


@each_document("json-whitespace-flood", {"json.no-whitespace-flood", "json.usable"}, where=in_json)
def json_whitespace_flood(document: Document, context: Context) -> None:
    """A JSON answer consists of white space."""
    for holder, name in context.edits.texts(document):
        holder[name] = " " * len(holder[name])


# --- the chain of thought


@deviation(
    "reasoning-in-content",
    Layer.JSON,
    {
        "thinking.not-in-content",
        "stream.no-leaked-markup",
        "thinking.enabled",
        "thinking.default-on",
        "thinking.reasoner-thinks",
    },
)
def reasoning_in_content(frames: Frames, context: Context) -> Frames:
    """The reasoning is in ``content``, between think tags."""
    inside = False

    def change(document: Document) -> None:
        nonlocal inside
        for message in context.edits.messages(document):
            thought, said = message.pop("reasoning_content", None), message.get("content")
            text = ""
            if thought:
                text, inside = ("" if inside else "<think>\n") + thought, True
            if said:
                text, inside = text + ("\n</think>\n\n" if inside else "") + said, False
            if text:
                message["content"] = text

    return edit(frames, change)


@deviation(
    "reasoning-finish-early",
    Layer.JSON,
    {"thinking.no-early-finish", "stream.finish-once", "stream.finish-last"},
)
def reasoning_finish_early(frames: Frames, context: Context) -> Frames:
    """A chunk of the reasoning ends the choice with ``stop``, and the content follows."""
    return ended_at_first(
        frames,
        context,
        lambda chunk: context.stream and any(holder[name] for holder, name in context.edits.thoughts(chunk)),
    )


@each_document("reasoning-null-key", {"thinking.no-null-key"})
def reasoning_null_key(document: Document, context: Context) -> None:
    """Answers without reasoning have ``reasoning_content`` null; clients that join strings fail on it."""
    for message in context.edits.messages(document):
        message.setdefault("reasoning_content", None)


# --- characters


@deviation("utf8-split-by-token", Layer.JSON, {"stream.utf8", "chat.unicode", "stream.text-complete"})
def utf8_split_by_token(frames: Frames, context: Context) -> Frames:
    """A character of several tokens is decoded token by token: each delta contains a replacement character."""
    for frame in frames:
        places = [
            (holder, name) for holder, name in context.edits.texts(frame.json or {}) if not holder[name].isascii()
        ]
        for holder, name in places if context.stream else ():
            holder[name] = "\ufffd"
            yield replace(frame, json=copy.deepcopy(frame.json), raw=b"", tokens=0)
        yield frame


@each_chunk("joiners-dropped-in-streams", {"chat.unicode", "stream.text-complete"})
def joiners_dropped_in_streams(chunk: Document, context: Context) -> None:
    """A stream loses the joiners of emoji, so that one family becomes three people."""
    for holder, name in context.edits.texts(chunk):
        holder[name] = (holder[name] or "").replace(JOINER, "")


@each_body("thought-without-answer", {"thinking.enabled"})
def thought_without_answer(document: Document, context: Context) -> None:
    """An answer has reasoning, but its content is empty."""
    if any(holder[name] for holder, name in context.edits.thoughts(document)):
        for holder, name in context.edits.texts(document):
            holder[name] = ""
