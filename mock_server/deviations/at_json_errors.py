"""Errors with a body of another shape, and errors within a stream."""

from typing import Any

from echosounder.mock_server.admission.refusals import envelope
from echosounder.mock_server.deviations.edits import Frames
from echosounder.mock_server.deviations.forms import each_body, each_error
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.frames import Frame

Document = dict[str, Any]
TRACE = '\nTraceback (most recent call last):\n  File "/usr/lib/python3/dist-packages/engine/serve.py", line 212, in generate'


def error_of(document: Document) -> Document:
    """The inner object of an error, for editing; an empty object if there is none."""
    error = document.get("error")
    return error if isinstance(error, dict) else {}


@each_error("error-flat", {"error.envelope"})
def error_flat(document: Document, context: Context) -> None:
    """The members of an error are at the top level, without the ``error`` around them."""
    document |= {"object": "error", **error_of(document)}
    document.pop("error", None)


@each_error("error-string", {"error.envelope"})
def error_string(document: Document, context: Context) -> None:
    """``error`` is a string."""
    document["error"] = error_of(document).get("message", "error")


@each_error("error-code-int", {"error.code-is-name"})
def error_code_int(document: Document, context: Context) -> None:
    """``error.code`` is the HTTP status as a number."""
    error_of(document)["code"] = context.status


@each_error("error-param-nonstring", {"error.param-harmless"})
def error_param_nonstring(document: Document, context: Context) -> None:
    """``error.param`` repeats the client's value."""
    error_of(document)["param"] = {"input": context.body.get("messages") or context.body}


@each_error("error-leak-internals", {"error.no-internals"})
def error_leak_internals(document: Document, context: Context) -> None:
    """``error.message`` holds a stack trace."""
    error = error_of(document)
    error["message"] = error.get("message", "") + TRACE


@each_body(
    "choices-null-200",
    {
        "chat.no-error-in-success",
        "chat.response-schema",
        "fim.response-schema",
        "response.document-valid",
    },
)
def choices_null_200(document: Document, context: Context) -> None:
    """``choices`` is null in a successful answer."""
    if "choices" in document:
        document["choices"] = None


# --- within a stream


def broken_off(frames: Frames, context: Context, after: int, ending: list[Frame]) -> Frames:
    """Replace the frames of a stream by *ending*, from frame number *after* on."""
    for number, frame in enumerate(frames):
        if context.stream and number >= after:
            for last in ending:
                last.at = frame.at
                yield last
            return
        yield frame


FAULT = envelope("The inference server broke off the request.", "internal_error", "internal_error")
BLAMED = envelope("The request was broken off.", "invalid_request_error", "invalid_request_error")


@deviation("done-after-error", Layer.JSON, {"stream.error-not-done", "stream.complete"})
def done_after_error(frames: Frames, context: Context, *, after: int = 4) -> Frames:
    """A stream is interrupted by an error and then ``[DONE]``, which clients take for success."""
    return broken_off(frames, context, after, [Frame(0, json=FAULT), Frame(0, context.edits.end)])


@deviation("error-event-midstream", Layer.JSON, {"stream.complete"})
def error_event_midstream(frames: Frames, context: Context, *, after: int = 4) -> Frames:
    """A stream breaks off with an error event and no ``[DONE]``: the error is reported correctly, but the answer is lost."""
    return broken_off(frames, context, after, [Frame(0, json=FAULT)])


@deviation("error-midstream-wrong-class", Layer.JSON, {"stream.error-class", "stream.complete"})
def error_midstream_wrong_class(frames: Frames, context: Context, *, after: int = 4) -> Frames:
    """A stream that breaks off ends with a client error, so clients do not retry."""
    return broken_off(frames, context, after, [Frame(0, json=BLAMED)])


@deviation("error-bare-close", Layer.JSON, {"stream.complete", "stream.ends-with-done", "stream.done-once"})
def error_bare_close(frames: Frames, context: Context, *, after: int = 4) -> Frames:
    """A stream stops in its middle, without error, ``finish_reason`` or ``[DONE]``, and the body ends normally."""
    return broken_off(frames, context, after, [])
