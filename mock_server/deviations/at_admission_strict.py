"""Servers that are stricter than the API: each row refuses a legal request."""

from collections.abc import Callable, Iterator
from typing import Any

from echosounder.mock_server.deviations.asked import functions, turns, wants_json, whole_number
from echosounder.mock_server.deviations.at_admission import invalid
from echosounder.mock_server.deviations.forms import described, refuses
from echosounder.mock_server.deviations.registry import Context
from echosounder.mock_server.net.http1 import HttpRequest

Condition = Callable[[HttpRequest, Context], bool]


def thinks(context: Context) -> bool:
    return context.body.get("thinking") == {"type": "enabled"}


def words(context: Context, *roles: str) -> str:
    return " ".join(str(turn.get("content")) for turn in turns(context.body, *roles))


def answers(context: Context) -> Iterator[dict[str, Any]]:
    """Earlier messages of the assistant."""
    return turns(context.body, "assistant")


ROWS: tuple[tuple[str, set[str], str, Condition], ...] = (
    (
        "system-role-rejected",
        {"chat.system-message"},
        "Messages of the role system are refused.",
        lambda request, context: any(turns(context.body, "system")),
    ),
    (
        "max-tokens-required",
        {"chat.max-tokens-optional"},
        "A chat request without max_tokens is refused.",
        lambda request, context: "messages" in context.body and "max_tokens" not in context.body,
    ),
    (
        "sdk-blocked",
        {"chat.client-headers"},
        "Requests with the User-Agent of an SDK are refused, as by bot protection.",
        lambda request, context: "openai" in request.headers.get("user-agent", "").lower(),
    ),
    (
        "late-system-rejected",
        {"chat.system-anywhere"},
        "A system message is refused unless it is the first message.",
        lambda request, context: any(each.get("role") == "system" for each in list(turns(context.body))[1:]),
    ),
    (
        "schema-keywords-rejected",
        {"tools.schema-keywords"},
        "Function parameters with JSON Schema keywords that a grammar cannot enforce are refused.",
        lambda request, context: any(
            word in str(each) for each in functions(context.body) for word in ("'pattern'", "'$ref'", "'not'")
        ),
    ),
    (
        "message-name-rejected",
        {"chat.message-name"},
        "Messages with a name are refused.",
        lambda request, context: any("name" in turn for turn in turns(context.body, "user")),
    ),
    (
        "content-parts-rejected",
        {"chat.content-parts"},
        "Content in parts is refused.",
        lambda request, context: any(isinstance(turn.get("content"), list) for turn in turns(context.body, "user")),
    ),
    (
        "history-rejected",
        {"chat.multi-turn", "thinking.reasoning-ignored"},
        "Earlier answers in the conversation are refused.",
        lambda request, context: any(
            not turn.get("tool_calls") and not turn.get("prefix") for turn in answers(context)
        ),
    ),
    (
        "user-id-rejected",
        {"chat.user-id"},
        "A user_id is refused.",
        lambda request, context: "user_id" in context.body,
    ),
    (
        "temperature-rejected",
        {"request.members-served", "request.members-known"},
        "Any temperature is refused.",
        lambda request, context: context.body.get("temperature") is not None,
    ),
    (
        "thinking-switch-rejected",
        {"request.members-served"},
        "A request that turns thinking off is refused.",
        lambda request, context: context.body.get("thinking") == {"type": "disabled"},
    ),
    (
        "temperature-two-rejected",
        {"chat.temperature-bounds"},
        "The highest temperature is refused.",
        lambda request, context: context.body.get("temperature") == 2,
    ),
    (
        "top-p-one-rejected",
        {"limits.top-p-one"},
        "A top_p of 1 is refused.",
        lambda request, context: context.body.get("top_p") == 1,
    ),
    (
        "penalties-rejected",
        {"chat.penalties-accepted", "chat.nulls-accepted", "thinking.sampling-ignored"},
        "Penalties are refused because they no longer have an effect.",
        lambda request, context: bool(context.body.keys() & {"frequency_penalty", "presence_penalty"}),
    ),
    (
        "four-stops",
        {"chat.stop-16", "chat.stop-8", "chat.stop-array"},
        "More than four stop sequences are refused, as by OpenAI.",
        lambda request, context: isinstance(context.body.get("stop"), list) and len(context.body["stop"]) > 4,
    ),
    (
        "beta-8k-rejected",
        {"chat.beta-8k"},
        "max_tokens above 4096 is refused.",
        lambda request, context: (whole_number(context.body, "max_tokens") or 0) > 4096,
    ),
    (
        "json-mode-rejected",
        {"json.accepted"},
        "JSON mode is refused.",
        lambda request, context: wants_json(context.body),
    ),
    (
        "json-word-in-lower-case",
        {"json.word-any-case"},
        "JSON mode requires the word json in lower case, in a user or system message.",
        lambda request, context: wants_json(context.body) and "json" not in words(context, "user", "system"),
    ),
    (
        "text-format-rejected",
        {"json.text-accepted"},
        "The ``response_format`` text is refused.",
        lambda request, context: context.body.get("response_format") == {"type": "text"},
    ),
    (
        "prefix-rejected",
        {"prefix.accepted"},
        "A prefix is refused.",
        lambda request, context: any("prefix" in turn for turn in answers(context)),
    ),
    (
        "prefix-reasoning-rejected",
        {"prefix.reasoning"},
        "A prefix with reasoning is refused.",
        lambda request, context: any(turn.get("prefix") and "reasoning_content" in turn for turn in answers(context)),
    ),
    (
        "sixty-four-tools",
        {"tools.count-128"},
        "More than 64 functions are refused.",
        lambda request, context: len(list(functions(context.body))) > 64,
    ),
    (
        "tool-parameters-required",
        {"tools.parameters-optional"},
        "A function without parameters is refused.",
        lambda request, context: any("parameters" not in function for function in functions(context.body)),
    ),
    (
        "strict-rejected",
        {"tools.strict-accepted"},
        "Strict functions are refused.",
        lambda request, context: any("strict" in function for function in functions(context.body)),
    ),
    (
        "tool-history-rejected",
        {"tools.round-trip", "tools.null-content-history", "thinking.reasoning-kept"},
        "Messages with tool results are refused.",
        lambda request, context: any(turn.get("tool_calls") for turn in answers(context)),
    ),
    (
        "thinking-with-tools-rejected",
        {"thinking.tools"},
        "Tools are refused in thinking mode, as by R1.",
        lambda request, context: thinks(context) and any(functions(context.body)),
    ),
    (
        "effort-rejected",
        {"thinking.effort-values"},
        "reasoning_effort is refused.",
        lambda request, context: "reasoning_effort" in context.body,
    ),
    (
        "effort-names-rejected",
        {"thinking.effort-mapped"},
        "Efforts that are aliases of another effort are refused.",
        lambda request, context: context.body.get("reasoning_effort") in ("minimal", "ultra"),
    ),
    (
        "tool-name-long-rejected",
        {"tools.name-128"},
        "A function name longer than 64 characters is refused.",
        lambda request, context: any(len(str(each.get("name"))) > 64 for each in functions(context.body)),
    ),
    (
        "tool-parts-rejected",
        {"tools.result-parts"},
        "A tool result that is an array of parts is refused.",
        lambda request, context: any(isinstance(turn.get("content"), list) for turn in turns(context.body, "tool")),
    ),
    (
        "v1-missing",
        {"transport.v1-alias"},
        "There are no endpoints under ``/v1``.",
        lambda request, context: request.path.startswith("/v1/"),
    ),
)
for name, breaks, summary, condition in ROWS:
    refuses(name, invalid("This is not supported."), breaks)(described(summary, condition))
