"""Refusals, worded as the API words them. Fact sheet 9.2 (bodies), 9.3 (content types), 9.4 (texts).

The forms changed with time and are not regular: 401 without a usable header is plain text without a content type, a
broken body is plain text typed ``application/octet-stream``, a value out of range is JSON of that same type.
:class:`Refused` carries the decision; texts and labels that depend on the profile are rows of the profile's behaviour.
"""

from collections.abc import Callable
from typing import Any

from echosounder import specs
from echosounder.mock_server.net.http1 import Headers, Response
from echosounder.wire.strict_json import compact

JSON = "application/json"
OCTETS = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"


Envelope = Callable[[str, str, str | None, str | None], dict[str, Any]]  # message, type, code, param -> the JSON object


class Refused(Exception):
    """Raised to answer a request with an error. Without ``kind``, the message is the whole body, as plain text."""

    def __init__(
        self,
        status: int,
        message: str = "",
        kind: str = "",
        code: str = "invalid_request_error",
        content_type: str | None = JSON,
        headers: Headers | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.code = status, message, kind, code
        self.content_type, self.headers, self.param = content_type, headers or [], param
        self.shape: Envelope = envelope  # the error's JSON shape, set by the format of the path

    def response(self) -> Response:
        text = self.message
        if self.kind:
            text = compact(self.shape(self.message, self.kind, self.code, self.param))
        body = text.encode("utf-8", "replace")  # a quoted part of the request may be truncated UTF-8
        headers = [("content-type", self.content_type)] if self.content_type and body else []
        return Response(self.status, headers + self.headers, [body] if body else [], [0] if body else [])


def envelope(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def refused(profile: str, name: str, status: int | None = None, **gaps: object) -> Refused:
    """The profile's refusal of this name with its placeholders filled in; *status* applies if the row names none."""
    row = specs.behaviour(profile).refusals[name]
    return Refused(
        row.status or status or 400,
        row.worded(**gaps),
        row.type,
        row.code,
        content_type=row.content_type,
        param=row.param,
    )


def no_key(profile: str) -> Refused:
    return refused(profile, "no_key")


def bad_key(profile: str, key: str) -> Refused:
    return refused(profile, "bad_key", first3=key[:3], last4=key[-4:])


def not_json(profile: str, problem: str) -> Refused:
    return refused(profile, "not_json", problem=problem)


def malformed(profile: str, status: int, problem: str) -> Refused:
    """A field is missing, of the wrong type or an unknown variant: 422 in plain text in early profiles, 400 in JSON since."""
    return refused(profile, "malformed", status, problem=problem)


def invalid(profile: str, status: int, text: str) -> Refused:
    """A value is out of range or members contradict each other, though the body is well-formed."""
    return refused(profile, "invalid", status, problem=text)


def no_money() -> Refused:
    return Refused(402, "Insufficient Balance", "unknown_error")


def overloaded() -> Refused:
    text = "Service is too busy. We advise users to temporarily switch to alternative LLM API service providers."
    return Refused(503, text, "service_unavailable_error", "service_unavailable_error")


def internal() -> Refused:
    """The mock's response to an internal error; no capture of the real API's 500 is known."""
    return Refused(500, "Internal Server Error", "internal_error", "internal_error")


def no_route(profile: str, target: str) -> Refused:
    return refused(profile, "no_route", target=target)


def no_model(profile: str, name: str) -> Refused:
    known = " or ".join(reversed(specs.models(profile)))
    return refused(profile, "no_model", model=name, names=known)


def no_method(allowed: str) -> Refused:
    return Refused(405, content_type=None, headers=[("allow", allowed)])


def media_type() -> Refused:
    return Refused(415, "Expected request with `Content-Type: application/json`", content_type=TEXT)
