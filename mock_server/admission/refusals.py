"""Refusals as the API words them. Fact sheet 9.2 (bodies), 9.3 (content types), 9.4 (texts).

The forms changed with time and are not regular: 401 without a usable header is plain text without a content type, a broken body is
plain text typed ``application/octet-stream``, a value out of range is JSON of that same type. :class:`Refused` carries what was
decided; everything that depends on the date is in the tables below.
"""

from collections.abc import Callable
from typing import Any

from echosounder.mock_server.net.http1 import Headers, Response
from echosounder.wire.strict_json import compact

JSON = "application/json"
OCTETS = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"


Envelope = Callable[[str, str, str | None, str | None], dict[str, Any]]  # message, type, code, param -> the document


class Refused(Exception):
    """A request is answered with an error. Without ``kind`` the message is the whole body, as plain text."""

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
        self.shape: Envelope = envelope  # of the document: that of the format which stands under the path

    def response(self) -> Response:
        text = self.message
        if self.kind:
            text = compact(self.shape(self.message, self.kind, self.code, self.param))
        body = text.encode("utf-8", "replace")  # what it quotes of the request may be half a character
        headers = [("content-type", self.content_type)] if self.content_type and body else []
        return Response(self.status, headers + self.headers, [body] if body else [], [0] if body else [])


def envelope(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def no_key(profile: str) -> Refused:
    if profile == "openai":
        text = "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth."
        return Refused(401, text, "invalid_request_error", "missing_api_key")
    governor = "governor" if profile >= "2026-04" else "auth header format should be Bearer sk-..."
    return Refused(401, f"Authentication Fails ({governor})", content_type=None)


def bad_key(profile: str, key: str) -> Refused:
    if profile == "openai":
        text = f"Incorrect API key provided: {key[:3]}***{key[-4:]}."
        return Refused(401, text, "invalid_request_error", "invalid_api_key")
    text = "no such user" if profile < "2025-08" else ""
    reason = f" ({text})" if text else f", Your api key: ****{key[-4:]} is invalid"
    return Refused(401, f"Authentication Fails{reason}", "authentication_error")


def not_json(profile: str, problem: str) -> Refused:
    if profile == "openai":
        return Refused(
            400, f"We could not parse the JSON body of your request. ({problem})", "invalid_request_error", ""
        )
    return Refused(400, f"Failed to parse the request body as JSON: {problem}", content_type=OCTETS)


def malformed(profile: str, status: int, problem: str) -> Refused:
    """A field is missing, of the wrong type or an unknown variant. 422 in plain text at first, 400 in JSON since."""
    if profile == "openai":
        return Refused(status, problem, "invalid_request_error", "")
    text = f"Failed to deserialize the JSON body into the target type: {problem}"
    if status == 422:
        return Refused(422, text, content_type=TEXT)
    return Refused(status, text, "invalid_request_error")


def invalid(profile: str, status: int, text: str) -> Refused:
    """Well-formed, but a value is out of range or members contradict each other."""
    return Refused(status, text, "invalid_request_error", content_type=OCTETS if "2026" <= profile < "openai" else JSON)


def no_money() -> Refused:
    return Refused(402, "Insufficient Balance", "unknown_error")


def overloaded() -> Refused:
    text = "Service is too busy. We advise users to temporarily switch to alternative LLM API service providers."
    return Refused(503, text, "service_unavailable_error", "service_unavailable_error")


def internal() -> Refused:
    """What the mock answers when it is itself at fault; no capture of the real API's 500 is known."""
    return Refused(500, "Internal Server Error", "internal_error", "internal_error")


def no_route(profile: str, target: str) -> Refused:
    if profile == "openai":
        return Refused(404, f"Invalid URL ({target})", "invalid_request_error", "")
    return Refused(404, content_type=None)


def no_model(name: str) -> Refused:
    """In the openai dialect."""
    text = f"The model `{name}` does not exist or you do not have access to it."
    return Refused(404, text, "invalid_request_error", "model_not_found", param="model")


def no_method(allowed: str) -> Refused:
    return Refused(405, content_type=None, headers=[("allow", allowed)])


def media_type() -> Refused:
    return Refused(415, "Expected request with `Content-Type: application/json`", content_type=TEXT)
