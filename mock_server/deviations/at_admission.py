"""Refusals of legal and optional requests."""

from echosounder.mock_server.admission.refusals import OCTETS, Refused, internal, no_money, overloaded
from echosounder.mock_server.deviations.asked import turns
from echosounder.mock_server.deviations.edits import MS
from echosounder.mock_server.deviations.forms import refuses
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.http1 import HttpRequest, Response

INVALID = "invalid_request_error"


def invalid(text: str) -> Refused:
    return Refused(400, text, INVALID, content_type=OCTETS)


# --- parameters

KNOWN = {  # documented parameters of chat and FIM
    "messages",
    "model",
    "thinking",
    "reasoning_effort",
    "max_tokens",
    "response_format",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "tools",
    "tool_choice",
    "logprobs",
    "top_logprobs",
    "frequency_penalty",
    "presence_penalty",
    "user_id",
    "prompt",
    "suffix",
    "echo",
}
OF_MESSAGE = {"role", "content", "name", "prefix", "reasoning_content", "tool_calls", "tool_call_id"}


@refuses(
    "param-unknown-rejected",
    invalid("Extra inputs are not permitted"),
    {"chat.unknown-field-ignored", "tools.parallel-flag"},
)
def param_unknown_rejected(request: HttpRequest, context: Context) -> bool:
    """A request with an undocumented member is refused."""
    return bool(context.body.keys() - KNOWN) or any(turn.keys() - OF_MESSAGE for turn in turns(context.body))


@refuses(
    "param-null-rejected",
    invalid("Input should not be null"),
    {"chat.nulls-accepted", "fim.nulls-accepted", "chat.stream-false", "tools.auto-accepted"},
)
def param_null_rejected(request: HttpRequest, context: Context) -> bool:
    """A parameter that is null is refused, though null is documented for it."""
    return None in context.body.values()


@refuses("stop-string-form", invalid("stop: expected an array"), {"chat.stop-string", "fim.stop"})
def stop_string_form(request: HttpRequest, context: Context) -> bool:
    """``stop`` as a string is refused; only an array is accepted."""
    return isinstance(context.body.get("stop"), str)


@refuses("stop-empty-rejected", invalid("stop: must not be empty"), {"limits.stop-empty"})
def stop_empty_rejected(request: HttpRequest, context: Context) -> bool:
    """An empty array of stop sequences is refused."""
    return context.body.get("stop") == []


CRASH = Refused(500, "Internal Server Error", "internal_error", "internal_error")


@refuses("logprobs-zero", CRASH, {"logprobs.zero"})
def logprobs_zero(request: HttpRequest, context: Context) -> bool:
    """A request for log probabilities without alternatives crashes the server."""
    return context.body.get("logprobs") is True and not context.body.get("top_logprobs")


@refuses("effort-without-thinking-crashes", CRASH, {"thinking.effort-with-disabled", "request.open-answered"})
def effort_without_thinking_crashes(request: HttpRequest, context: Context) -> bool:
    """A ``reasoning_effort`` with thinking disabled crashes the server; both refusing and serving it would be legal."""
    return "reasoning_effort" in context.body and context.body.get("thinking") == {"type": "disabled"}


# --- messages and tools


@refuses("tool-history-null-content-rejected", invalid("content: expected a string"), {"tools.null-content-history"})
def tool_history_null_content_rejected(request: HttpRequest, context: Context) -> bool:
    """An assistant message with calls is refused in the history when its content is null."""
    answers = turns(context.body, "assistant")
    return any(turn.get("tool_calls") and turn.get("content", "") is None for turn in answers)


@refuses("tools-empty-array-rejected", invalid("tools: array too short"))
def tools_empty_array_rejected(request: HttpRequest, context: Context) -> bool:
    """Legal: an empty array of tools is refused; the API's own behavior is not documented."""
    return context.body.get("tools") == []


@refuses(
    "tool-result-array-content-rejected",
    Refused(
        400,
        "Failed to deserialize the JSON body into the target type: invalid type: sequence, expected a string",
        INVALID,
    ),
)
def tool_result_array_content_rejected(request: HttpRequest, context: Context) -> bool:
    """Legal: the result of a tool as an array of parts is refused; the documentation has only strings."""
    return any(isinstance(result.get("content"), list) for result in turns(context.body, "tool"))


@refuses("tool-result-array-content-crashes", CRASH, {"tools.result-content-parts", "request.open-answered"})
def tool_result_array_content_crashes(request: HttpRequest, context: Context) -> bool:
    """The result of a tool as an array of parts crashes the server; both refusing and serving it would be legal."""
    return any(isinstance(result.get("content"), list) for result in turns(context.body, "tool"))


@refuses(
    "role-developer-rejected",
    Refused(400, "Failed to deserialize the JSON body into the target type: unknown variant `developer`", INVALID),
)
def role_developer_rejected(request: HttpRequest, context: Context) -> bool:
    """Legal: messages of the role developer are refused, as by DeepSeek; OpenAI accepts them."""
    return any(turns(context.body, "developer"))


@refuses(
    "assistant-last-400",
    invalid("The last message must be a user message, or an assistant message with prefix mode on"),
)
def assistant_last_400(request: HttpRequest, context: Context) -> bool:
    """Legal: a conversation that ends with an assistant message without ``prefix`` is refused; other servers continue it."""
    *_, last = {}, *turns(context.body)
    return last.get("role") == "assistant" and not last.get("prefix")


REFUSALS = {
    402: no_money(),
    429: Refused(429, "Rate limit reached for requests. Please slow down.", "rate_limit_error"),
    500: internal(),
    503: overloaded(),
}


@deviation("refuse", Layer.ADMISSION)
def refuse(
    request: HttpRequest, context: Context, *, status: int = 429, retry_after: int = 0, after_ms: int = 0
) -> Response | None:
    """Legal: completions are refused for a reason other than the request itself: no balance, too many requests, overload."""
    if not context.body:
        return None
    response = REFUSALS.get(status, Refused(status, "The request is refused.", INVALID)).response()
    response.headers += [("retry-after", str(retry_after))] if retry_after else []
    response.head_due, response.due = after_ms * MS, [after_ms * MS]
    return response


# --- transport


@refuses(
    "auth-scheme-case",
    Refused(401, "Authentication Fails (governor)", content_type=None),
    {"transport.bearer-any-case"},
)
def auth_scheme_case(request: HttpRequest, context: Context) -> bool:
    """The authorization scheme ``bearer`` in lower case is refused."""
    scheme = request.headers.get("authorization", "").partition(" ")[0]
    return scheme != "Bearer" and scheme.lower() == "bearer"


@refuses(
    "request-ct-charset-415",
    Refused(415, "Expected request with `Content-Type: application/json`", content_type="text/plain; charset=utf-8"),
    {"transport.charset-accepted"},
)
def request_ct_charset_415(request: HttpRequest, context: Context) -> bool:
    """A request whose media type has a charset is refused."""
    return "charset" in request.headers.get("content-type", "").lower()


PAGE = "<html><head><title>413 Request Entity Too Large</title></head><body><center>nginx</center></body></html>"


@refuses("big-body-413", Refused(413, PAGE, content_type="text/html"), {"transport.big-body", "error.no-html"})
def big_body_413(request: HttpRequest, context: Context, *, limit: int = 1 << 20) -> bool:
    """The web server in front refuses bodies above a mebibyte."""
    return len(request.body) > limit


@refuses("fetch-metadata-refused", Refused(403, "Forbidden", content_type="text/plain"), {"chat.sdks-served"})
def fetch_metadata_refused(request: HttpRequest, context: Context) -> bool:
    """A firewall rejects requests with fetch metadata headers, such as those of Node, as cross-site requests."""
    return request.headers.get("sec-fetch-mode") == "cors"


BELOW_BETA = {
    "prefix.beta-route",
    "prefix.accepted",
    "fim.available",
    "proxy.beta-routes",
}


@refuses("prefix-beta-route", Refused(404, content_type=None), BELOW_BETA)
def prefix_beta_route(request: HttpRequest, context: Context) -> bool:
    """There are no endpoints under ``/beta``."""
    return request.path.startswith("/beta/")


@deviation("trailing-slash", Layer.ADMISSION, {"transport.no-redirect"})
def trailing_slash(request: HttpRequest, context: Context) -> Response | None:
    """Paths with an extra trailing slash are redirected, and clients turn their POST into a GET."""
    clean = "/" + "/".join(filter(None, request.path.split("/")))
    return None if clean == request.path else Response(301, [("location", clean)])
