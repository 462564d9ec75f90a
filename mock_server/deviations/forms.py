"""Decorators for common kinds of deviations, which leave only the change itself to write.

As for every deviation, the function's docstring is the summary, and its keyword-only parameters can be set.
"""

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial, wraps
from typing import Any

from echosounder import specs
from echosounder.mock_server.admission.refusals import Refused
from echosounder.mock_server.deviations.edits import Frames
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.http1 import HttpRequest, Response
from echosounder.wire.strict_json import compact

Function = Callable[..., Any]
Register = Callable[[Function], Function]


def described(summary: str, function: Function) -> Function:
    """Set the docstring of a function, for deviations defined as rows of a table."""
    function.__doc__ = summary
    return function


def each_document(
    name: str, breaks: Collection[str] = (), where: Callable[[Context], bool] = lambda context: True, format: str = ""
) -> Register:
    """Register ``change(document, context)``, which edits the JSON of a response or event in place."""

    def register(change: Function) -> Function:
        @deviation(name, Layer.JSON, breaks, format)
        @wraps(change)
        def apply(frames: Frames, context: Context, **parameters: Any) -> Frames:
            for frame in frames:
                if frame.json is not None and where(context):
                    change(frame.json, context, **parameters)
                yield frame

        return change

    return register


each_chunk = partial(each_document, where=lambda context: context.stream)
each_body = partial(each_document, where=lambda context: not context.stream and context.status < 400)
each_error = partial(each_document, where=lambda context: context.status >= 400)


def each_event(name: str, breaks: Collection[str] = ()) -> Register:
    """Register ``change(raw, context) -> bytes``, which rewrites one event of a stream, its blank line included."""

    def register(change: Function) -> Function:
        @deviation(name, Layer.SSE, breaks)
        @wraps(change)
        def apply(frames: Frames, context: Context, **parameters: Any) -> Frames:
            for frame in frames:
                if context.stream:
                    frame.raw = change(frame.raw, context, **parameters)
                yield frame

        return change

    return register


def asked_in(format: str, request: HttpRequest) -> bool:
    """Whether the request is in the given wire format. An empty name matches any."""
    return not format or specs.under(request.path) == format


def refuses(name: str, answer: Refused, breaks: Collection[str] = (), format: str = "") -> Register:
    """Register ``condition(request, context) -> bool``: requests for which it is true get *answer*; restricted to one
    *format*, if given.
    """

    def register(condition: Function) -> Function:
        @deviation(name, Layer.ADMISSION, breaks, format)
        @wraps(condition)
        def apply(request: HttpRequest, context: Context, **parameters: Any) -> Response | None:
            met = asked_in(format, request) and condition(request, context, **parameters)
            return answer.response() if met else None

        return condition

    return register


def rewrites(name: str, breaks: Collection[str] = (), format: str = "") -> Register:
    """Register ``change(body, context)``, which edits the request's JSON in place before the server reads it;
    restricted to one *format*, if given.
    """

    def register(change: Function) -> Function:
        @deviation(name, Layer.REQUEST, breaks, format)
        @wraps(change)
        def apply(request: HttpRequest, context: Context, **parameters: Any) -> HttpRequest:
            if not asked_in(format, request):
                return request
            return with_body(request, partial(change, context=context, **parameters))

        return change

    return register


def with_body(request: HttpRequest, change: Callable[[dict[str, Any]], object]) -> HttpRequest:
    """The request with another body; the same object if it has no JSON object, or if nothing changed."""
    try:
        old, new = json.loads(request.body), json.loads(request.body)
    except (ValueError, RecursionError):
        return request
    if isinstance(new, dict):
        change(new)
    return request if new == old else replace(request, body=compact(new).encode("utf-8", "surrogatepass"))
