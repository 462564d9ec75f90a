"""Log probabilities that are lost, misshapen, or too few."""

import re
from collections.abc import Iterator
from typing import Any

from echosounder.mock_server.deviations.edits import Frames, edit
from echosounder.mock_server.deviations.forms import each_chunk, each_document
from echosounder.mock_server.deviations.registry import Context, Layer, deviation

Document = dict[str, Any]
SHAPES = {"chat.response-schema", "stream.chunk-schema"}


def tokens(document: Document, context: Context) -> Iterator[list[Document]]:
    """The entries for the content of each choice of a chat answer."""
    for choice in context.edits.choices(document):
        entries = (choice.get("logprobs") or {}).get("content")
        if entries:
            yield entries


@each_chunk("logprobs-dropped-in-stream", {"logprobs.in-stream", "logprobs.shape"})
def logprobs_dropped_in_stream(chunk: Document, context: Context) -> None:
    """A stream has no log probabilities, though a non-streaming response has them."""
    for choice in context.edits.choices(chunk):
        choice["logprobs"] = None


@each_document("logprobs-wrong-shape", {"logprobs.shape", "logprobs.in-stream", "fim.logprobs", *SHAPES})
def logprobs_wrong_shape(document: Document, context: Context) -> None:
    """Chat answers have the four arrays of the completions API, and FIM answers the array of chat."""
    for choice in context.edits.choices(document):
        found = choice.get("logprobs")
        if found:
            choice["logprobs"] = _legacy(found["content"] or []) if "content" in found else _modern(found)


def _legacy(entries: list[Document]) -> Document:
    names = [entry["token"] for entry in entries]
    best = [{other["token"]: other["logprob"] for other in entry["top_logprobs"]} for entry in entries]
    offsets = [sum(map(len, names[:number])) for number in range(len(names))]
    values = [entry["logprob"] for entry in entries]
    return {"text_offset": offsets, "tokens": names, "token_logprobs": values, "top_logprobs": best}


def _modern(arrays: Document) -> Document:
    pairs = zip(arrays["tokens"], arrays["token_logprobs"], strict=True)
    return {"content": [{"token": t, "logprob": value, "bytes": None, "top_logprobs": []} for t, value in pairs]}


@deviation("logprobs-count-vs-usage", Layer.JSON, {"logprobs.count", "logprobs.text-complete", "logprobs.in-stream"})
def logprobs_count_vs_usage(frames: Frames, context: Context, *, lost: int = 2) -> Frames:
    """Log probabilities have fewer entries than the usage counts tokens."""
    left = lost

    def change(document: Document) -> None:
        nonlocal left
        for entries in tokens(document, context):
            gone = min(left, len(entries))
            del entries[:gone]
            left -= gone

    return edit(frames, change)


FIRST = re.compile(rb'("logprob":|"token_logprobs":\[)-?[\d.]+')


@deviation("logprobs-neg-inf", Layer.SSE, {"logprobs.not-positive", "stream.data-is-json", "chat.single-json"})
def logprobs_neg_inf(frames: Frames, context: Context) -> Frames:
    """A log probability is ``-Infinity``, which is not JSON."""
    for frame in frames:
        frame.raw = FIRST.sub(rb"\1-Infinity", frame.raw, count=1)
        yield frame


@each_document("logprobs-positive", {"logprobs.not-positive", *SHAPES})
def logprobs_positive(document: Document, context: Context) -> None:
    """``logprob`` holds a probability, not its logarithm."""
    for entries in tokens(document, context):
        for entry in entries:
            entry["logprob"] = round(2.718281828459045 ** entry["logprob"], 4)


@each_document("logprobs-bytes-wrong", {"logprobs.bytes"})
def logprobs_bytes_wrong(document: Document, context: Context) -> None:
    """``bytes`` holds a token in UTF-16."""
    for entries in tokens(document, context):
        for entry in entries:
            entry["bytes"] = list(entry["token"].encode("utf-16-le", "surrogatepass"))


@each_document("logprobs-bytes-as-code-points", {"logprobs.bytes", "logprobs.text-complete"})
def logprobs_bytes_as_code_points(document: Document, context: Context) -> None:
    """``bytes`` holds the code points of a token, which equal its bytes only in ASCII."""
    for entries in tokens(document, context):
        for entry in entries:
            entry["bytes"] = [ord(letter) for letter in entry["token"]]


@each_document("logprobs-too-wide", {"logprobs.width"})
def logprobs_too_wide(document: Document, context: Context) -> None:
    """Each token has more alternatives than requested."""
    for entries in tokens(document, context):
        for entry in entries:
            spare = {"token": "\u2026", "logprob": -99.0, "bytes": None}
            entry["top_logprobs"] = [*entry["top_logprobs"], spare, dict(spare)]


@each_document("logprobs-too-narrow", {"logprobs.full-width"})
def logprobs_too_narrow(document: Document, context: Context) -> None:
    """Tokens have at most one alternative, even if more were requested."""
    for entries in tokens(document, context):
        for entry in entries:
            entry["top_logprobs"] = entry["top_logprobs"][:1]


@each_document("fim-logprobs-too-wide", {"fim.logprobs-width"})
def fim_logprobs_too_wide(document: Document, context: Context) -> None:
    """Each token of FIM has more alternatives than requested."""
    for choice in context.edits.choices(document):
        for best in (choice.get("logprobs") or {}).get("top_logprobs") or ():
            best |= {f"spare {number}": -99.0 for number in range(4)}


@each_document("logprobs-unordered", {"logprobs.ordered"})
def logprobs_unordered(document: Document, context: Context) -> None:
    """The alternatives of a token are sorted from the least to the most likely."""
    for entries in tokens(document, context):
        for entry in entries:
            entry["top_logprobs"].reverse()


@each_document("thought-logprobs-legacy", {"thinking.logprobs"})
def thought_logprobs_legacy(document: Document, context: Context) -> None:
    """The log probabilities of the chain of thought are the arrays of the completions API."""
    for choice in context.edits.choices(document):
        found = choice.get("logprobs") or {}
        if found.get("reasoning_content"):
            found["reasoning_content"] = _legacy(found["reasoning_content"])
