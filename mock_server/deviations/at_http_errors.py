"""Errors with another status, another media type, or without a body."""

from echosounder.mock_server.admission.refusals import envelope
from echosounder.mock_server.deviations.edits import SECOND, followed
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.frames import Frame, Reply
from echosounder.mock_server.net.http1 import BodyFraming, reason
from echosounder.wire.strict_json import compact

FORMS = {"error.status-400-json", "error.status-400-parameter", "error.client-fault-4xx"}
HTML = "text/html; charset=utf-8"


def page(status: int) -> bytes:
    """HTML error page of a web server in front of the API."""
    title = f"{status} {reason(status)}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def replace_body(reply: Reply, body: bytes, content_type: str, status: int | None = None) -> Reply:
    """Replace the body and its length, and optionally the status."""
    reply.status = status or reply.status
    reply.frames, reply.framing = iter([Frame(reply.head_at, body)]), BodyFraming.LENGTH
    reply.set_header("content-type", content_type)
    return reply


def peek(reply: Reply) -> bytes:
    """Read the whole body of an error without consuming it."""
    held = list(reply.frames)
    reply.frames = iter(held)
    return b"".join(frame.raw for frame in held)


# --- status


@deviation("error-200-nonstream", Layer.HTTP, {"error.status-401", "error.unknown-model", *FORMS})
def error_200_nonstream(reply: Reply, context: Context) -> Reply:
    """Errors have status 200."""
    if reply.status >= 400:
        reply.status = 200
    return reply


@deviation("status-500-validation", Layer.HTTP, {"limits.max-tokens-minimum", "error.unknown-model", *FORMS})
def status_500_validation(reply: Reply, context: Context) -> Reply:
    """Faulty requests get status 500, so SDKs retry."""
    if reply.status in (400, 422):
        reply.status = 500
    return reply


@deviation("every-path-served", Layer.HTTP, {"error.wrong-path", "error.client-fault-4xx"})
def every_path_served(reply: Reply, context: Context) -> Reply:
    """Paths that do not exist are answered with a welcome page."""
    return replace_body(reply, b"<html><body>Welcome!</body></html>", HTML, 200) if reply.status == 404 else reply


@deviation("wrong-method-404", Layer.HTTP, {"error.wrong-method"})
def wrong_method_404(reply: Reply, context: Context) -> Reply:
    """A wrong method is answered as if the path did not exist."""
    if reply.status == 405:
        reply.status = 404
    return reply


@deviation("body-before-key", Layer.HTTP, {"error.auth-before-body"})
def body_before_key(reply: Reply, context: Context) -> Reply:
    """A request with both an invalid key and an invalid body is refused because of the body."""
    if reply.status == 401 and context.request.body and not context.body:
        body = b"Failed to parse the request body as JSON: EOF while parsing a value at line 1 column 9"
        replace_body(reply, body, "application/octet-stream", 400)
    return reply


@deviation("status-422", Layer.HTTP)
def status_422(reply: Reply, context: Context) -> Reply:
    """Legal: members that are missing or of the wrong type are answered with 422, as documented, instead of 400.

    Bodies that are not JSON, and values out of range, keep their 400.
    """
    if reply.status == 400 and b"deserialize" in peek(reply):
        reply.status = 422
    return reply


@deviation("status-402-remapped", Layer.HTTP, {"error.status-402", "proxy.status-kept"})
def status_402_remapped(reply: Reply, context: Context, *, to: int = 429) -> Reply:
    """An empty balance gets a status other than 402, so clients wait and retry."""
    if reply.status == 402:
        reply.status = to
    return reply


@deviation(
    "error-200-sse-first",
    Layer.HTTP,
    {"error.stream-same-status", "error.client-fault-4xx", "error.wrong-type"},  # one of them is a ``stream`` of 7
)
def error_200_sse_first(reply: Reply, context: Context) -> Reply:
    """An invalid request for a stream gets a stream with status 200 whose first event is the error."""
    if reply.status >= 400 and context.body.get("stream"):
        body = b"data: " + (peek(reply) or b"{}") + b"\n\n" + context.edits.end
        replace_body(reply, body, "text/event-stream; charset=utf-8", 200)
    return reply


# --- body


@deviation("error-html", Layer.HTTP, {"error.no-html"})
def error_html(reply: Reply, context: Context) -> Reply:
    """Errors are HTML pages of the web server in front."""
    return replace_body(reply, page(reply.status), HTML) if reply.status >= 400 else reply


@deviation("status-empty-body", Layer.HTTP, {"error.body-not-empty"})
def status_empty_body(reply: Reply, context: Context) -> Reply:
    """Errors have no body."""
    return replace_body(reply, b"", "application/json") if reply.status >= 400 else reply


@deviation("empty-200", Layer.HTTP, {"chat.body-not-empty"})
def empty_200(reply: Reply, context: Context) -> Reply:
    """A successful answer is empty: only keep-alive lines, as in the outage of early 2025."""
    if reply.status == 200 and context.body and not context.stream:
        reply.frames = (Frame(frame.at, b"\n") for frame in reply.frames)
    return reply


@deviation("deepseek-error-octet-stream", Layer.HTTP)
def deepseek_error_octet_stream(reply: Reply, context: Context) -> Reply:
    """Legal: validation errors are JSON typed ``application/octet-stream``, as the official API sends them."""
    if reply.status == 400:
        reply.set_header("content-type", "application/octet-stream")
    return reply


@deviation("error-json-type", Layer.HTTP)
def error_json_type(reply: Reply, context: Context) -> Reply:
    """Legal: errors in JSON are typed ``application/json``, whereas the official API types some of them octet-stream."""
    if reply.status >= 400 and peek(reply).startswith(b"{"):
        reply.set_header("content-type", "application/json")
    return reply


@deviation("auth-error-json", Layer.HTTP)
def auth_error_json(reply: Reply, context: Context) -> Reply:
    """Legal: a missing key is refused in JSON, whereas the official API sends plain text."""
    if reply.status == 401 and not peek(reply).startswith(b"{"):
        error = envelope(peek(reply).decode(), "authentication_error", "invalid_request_error")
        replace_body(reply, compact(error).encode(), "application/json")
    return reply


@deviation("error-in-plain-text", Layer.HTTP, {"error.content-type"})
def error_in_plain_text(reply: Reply, context: Context) -> Reply:
    """Errors in JSON are typed as plain text."""
    if reply.status >= 400 and peek(reply).startswith(b"{"):
        reply.set_header("content-type", "text/plain; charset=utf-8")
    return reply


@deviation("done-on-nonstream", Layer.HTTP, {"chat.single-json", "chat.content-type"})
def done_on_nonstream(reply: Reply, context: Context) -> Reply:
    """A non-streaming response has the media type of a stream and ends with ``data: [DONE]``."""
    if reply.status == 200 and context.body and not context.stream:
        reply.set_header("content-type", "text/event-stream; charset=utf-8")
        reply.frames = followed(reply.frames, b"\n" + context.edits.end)
    return reply


@deviation("idle-timeout-cut", Layer.HTTP, {"error.no-html"})
def idle_timeout_cut(reply: Reply, context: Context, *, seconds: float = 1.0, status: int = 504) -> Reply:
    """After a period without data the front end gives up with an error page: nginx after 60 s, Cloudflare after 100 s."""
    if context.body:
        reply.head_at = round(seconds * SECOND)
        replace_body(reply, page(status), HTML, status)
    return reply
