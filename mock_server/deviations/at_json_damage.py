"""Arguments and texts that an intermediary damages in every answer, or in every stream."""

import json
from collections.abc import Callable, Collection
from contextlib import suppress
from unicodedata import category, normalize
from urllib.parse import quote

from echosounder.mock_server.deviations.edits import Frames
from echosounder.mock_server.deviations.forms import described, each_document
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.frames import Frame

DAMAGED = {"tools.arguments-intact", "tools.arguments-json"}
TORN = {"stream.text-kept", "stream.text-complete"}


def rewritten(frames: Frames, context: Context, change: Callable[[str], str]) -> Frames:
    """Apply *change* to the arguments of each call; in a stream, all of them are then in the first piece."""
    held = list(frames)
    parts: dict[object, list[dict[str, str]]] = {}
    for frame in held:
        for call in context.edits.calls(frame.json or {}):
            parts.setdefault(call.get("index"), []).append(call["function"])
    for pieces in parts.values():
        first, *rest = [piece for piece in pieces if piece.get("arguments")] or ({},)
        if first:
            first["arguments"] = change("".join(piece["arguments"] for piece in (first, *rest)))
            for piece in rest:
                piece["arguments"] = ""
    yield from held


def damage(
    name: str,
    summary: str,
    change: Callable[[str], str],
    streams: bool = False,
    breaks: Collection[str] = frozenset(DAMAGED),
) -> None:
    def apply(frames: Frames, context: Context) -> Frames:
        return rewritten(frames, context, change) if context.stream or not streams else frames

    deviation(name, Layer.JSON, breaks)(described(summary, apply))


def retyped(text: str) -> str:
    """Convert strings that look like another type to that type, as a YAML parser does."""
    value = json.loads(text)
    for name, each in value.items():
        with suppress(ValueError):
            value[name] = json.loads(each.lstrip("0") or "0") if isinstance(each, str) else each
    return json.dumps(value)


damage(
    "arguments-retyped",
    "String arguments that look like a number, a boolean or null become one.",
    retyped,
    breaks={"tools.arguments-typed"},
)
damage("arguments-encoded-twice", "Arguments are JSON-encoded twice.", json.dumps)
damage("arguments-in-python", "Arguments are the repr of a Python dict.", lambda text: repr(json.loads(text)))
damage(
    "arguments-brace-lost", "The last brace of the arguments is missing.", lambda text: text.rstrip().removesuffix("}")
)
damage("streamed-arguments-opened-twice", "In streams an empty object precedes the arguments.", "{{}}{}".format, True)
damage("streamed-arguments-twice", "Streams send the whole arguments a second time.", lambda text: text * 2, True)
damage("streamed-arguments-head-lost", "Streams lose the first piece of the arguments.", lambda text: text[3:], True)
damage("streamed-arguments-lost", "Streams contain calls without their arguments.", lambda text: "{}", True)


def _texts(frames: Frames, context: Context) -> list[tuple[Frame, bool]]:
    """All frames, and the indexes of those with a piece of the text."""
    return [(each, any(holder[name] for holder, name in context.edits.texts(each.json or {}))) for each in frames]


@deviation("pieces-lost-in-streams", Layer.JSON, TORN)
def pieces_lost_in_streams(frames: Frames, context: Context, *, every: int = 3) -> Frames:
    """One in ``every`` pieces of a streamed text is lost."""
    count = 0
    for frame, speaks in _texts(frames, context) if context.stream else ((each, False) for each in frames):
        count += speaks
        if not (speaks and count % every == 0):
            yield frame


@deviation("pieces-doubled-in-streams", Layer.JSON, TORN)
def pieces_doubled_in_streams(frames: Frames, context: Context, *, every: int = 3) -> Frames:
    """One in ``every`` pieces of a streamed text has its text twice."""
    count = 0
    for frame, speaks in _texts(frames, context) if context.stream else ((each, False) for each in frames):
        count += speaks
        for holder, name in context.edits.texts(frame.json or {}) if speaks and count % every == 0 else ():
            holder[name] *= 2
        yield frame


@each_document("non-ascii-lost", {"chat.unicode"})
def non_ascii_lost(document: dict[str, object], context: Context) -> None:
    """Non-ASCII characters are removed from every text."""
    for holder, name in context.edits.texts(document):
        holder[name] = "".join(letter for letter in holder[name] or "" if letter.isascii())


@each_document("non-ascii-as-question-marks", {"chat.unicode"})
def non_ascii_as_question_marks(document: dict[str, object], context: Context) -> None:
    """Non-ASCII characters become question marks in every text."""
    for holder, name in context.edits.texts(document):
        holder[name] = (holder[name] or "").encode("ascii", "replace").decode()


# --- texts in another form

ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def narrow(text: str) -> str:
    return "".join(letter if ord(letter) < 0x100 else "?" for letter in text)


def plain_letters(text: str) -> str:
    return "".join(letter for letter in normalize("NFD", text) if category(letter) != "Mn")


def reform(name: str, summary: str, change: Callable[[str], str], breaks: Collection[str] = ()) -> None:
    """Register a deviation that changes every piece of text, in streaming and non-streaming responses."""

    def apply(document: dict[str, object], context: Context) -> None:
        for holder, place in context.edits.texts(document):
            holder[place] = change(holder[place] or "")

    each_document(name, {"chat.echo-form", *breaks})(described(summary, apply))


reform("text-escaped-as-html", "Texts are HTML-escaped.", lambda text: text.translate(ENTITIES))
reform("text-escaped-twice", "Texts are JSON-escaped twice.", lambda text: json.dumps(text)[1:-1])
reform("text-percent-encoded", "Texts are percent-encoded.", quote, {"chat.stop-array"})
reform(
    "text-read-as-latin-1",
    "Texts in UTF-8 are decoded as Latin-1.",
    lambda text: str(text.encode(), "latin-1"),
    {"chat.unicode"},
)
reform("text-in-latin-1", "Texts are converted to Latin-1; question marks replace characters that it lacks.", narrow)
reform("text-decomposed", "Characters with accents are decomposed.", lambda text: normalize("NFD", text))
reform("text-without-accents", "Letters lose their accents.", plain_letters)
reform("text-in-lower-case", "Texts are in lower case.", str.lower)
reform("text-without-blanks", "Texts lose their spaces.", lambda text: text.replace(" ", ""))
reform("text-without-line-feeds", "Texts lose their line feeds.", lambda text: text.replace("\n", ""), {"fim.echo"})


@deviation("words-lost", Layer.JSON, {"usage.text-counted", "stream.text-complete"})
def words_lost(frames: Frames, context: Context, *, every: int = 3) -> Frames:
    """One in ``every`` words of a text is lost, in non-streaming responses as in streams."""
    if context.stream:
        yield from pieces_lost_in_streams(frames, context, every=every)
        return
    for frame in frames:
        for holder, name in context.edits.texts(frame.json or {}):
            words = (holder[name] or "").split(" ")
            holder[name] = " ".join(word for number, word in enumerate(words, 1) if number % every)
        yield frame
