"""Responses and Messages servers that are stricter than the API: each row refuses a legal request."""

from collections.abc import Callable
from typing import Any

from echosounder.mock_server.deviations.asked import objects, whole_number
from echosounder.mock_server.deviations.at_admission import invalid
from echosounder.mock_server.deviations.forms import described, refuses
from echosounder.mock_server.deviations.registry import Context
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.wire.strict_json import at

Body = dict[str, Any]
Condition = Callable[[Body], bool]


def kinds(body: Body) -> list[Any]:
    """The types of all input items, or of the blocks of all messages."""
    found = [*objects(body.get("input"))]
    for message in objects(body.get("messages")):
        found += objects(message.get("content"))
    return [each.get("type") for each in found]


def roles(body: Body) -> list[Any]:
    return [each.get("role") for each in (*objects(body.get("input")), *objects(body.get("messages")))]


def tools(body: Body) -> list[Body]:
    return [*objects(body.get("tools"))]


KNOWN = {
    "responses": frozenset(
        [
            "model",
            "input",
            "instructions",
            "max_output_tokens",
            "stream",
            "temperature",
            "top_p",
            "top_logprobs",
            "tools",
            "tool_choice",
            "text",
            "reasoning",
            "user",
        ]
    ),
    "messages": frozenset(
        [
            "model",
            "messages",
            "system",
            "max_tokens",
            "stream",
            "stop_sequences",
            "temperature",
            "top_p",
            "tools",
            "tool_choice",
            "thinking",
            "output_config",
            "metadata",
        ]
    ),
}
"""Members that a strict server accepts; it refuses all others."""
BUILT_IN = {"function", "custom"}
Row = tuple[str, set[str], str, Condition]


def shared(format: str, bound: str, *history: str) -> tuple[Row, ...]:
    """Register the conditions common to both formats. *bound* is the member that limits the output; *history* states
    whether calls count as assistant turns.
    """
    return (
        (
            "members-refused",
            {"ignored-members", "unknown-member"},
            "A member that has no effect is refused.",
            lambda body: bool(body.keys() - KNOWN[format]),
        ),
        (
            "hot-refused",
            {"temperature-two"},
            "The highest temperature is refused.",
            lambda body: body.get("temperature") == 2,
        ),
        (
            "answers-refused",
            {"conversation-served", "legal-served", "output-returned", "turns-served", *history},
            "Earlier answers in the conversation are refused.",
            lambda body: "assistant" in roles(body),
        ),
        (
            "short-bound-refused",
            {"length-finish"},
            f"A ``{bound}`` below 16 is refused.",
            lambda body: 1 < (whole_number(body, bound) or 16) < 16,
        ),
    )


ROWS: dict[str, tuple[Row, ...]] = {
    "responses": (
        *shared("responses", "max_output_tokens"),
        (
            "text-refused",
            {"input-text"},
            "An input that is a string is refused.",
            lambda body: isinstance(body.get("input"), str),
        ),
        (
            "untyped-refused",
            {"input-untyped"},
            "A message without a type is refused.",
            lambda body: None in kinds(body),
        ),
        (
            "parts-refused",
            {"input-parts", "output-returned"},
            "Content in parts is refused.",
            lambda body: any(
                isinstance(each.get("content"), list) and "role" in each for each in objects(body.get("input"))
            ),
        ),
        (
            "instructions-refused",
            {"instructions", "instructions-alone"},
            "Instructions are refused.",
            lambda body: "instructions" in body,
        ),
        (
            "system-refused",
            {"role-system"},
            "Messages of the role system are refused.",
            lambda body: "system" in roles(body),
        ),
        (
            "developer-refused",
            {"role-developer"},
            "Messages of the role developer are refused.",
            lambda body: "developer" in roles(body),
        ),
        (
            "items-refused",
            {"unknown-item"},
            "Items of an unknown type are refused.",
            lambda body: any(str(kind).startswith("x_") for kind in kinds(body)),
        ),
        (
            "outputs-refused",
            {"tool-history", "tool-round-trip", "thinking-kept"},
            "Outputs of calls cannot be sent back.",
            lambda body: "function_call_output" in kinds(body),
        ),
        (
            "thoughts-refused",
            {"thinking-kept"},
            "Reasoning cannot be sent back, as at servers that know no items of reasoning.",
            lambda body: "reasoning" in kinds(body),
        ),
        (
            "built-in-refused",
            {"built-in-ignored"},
            "A built-in tool that the server does not have is refused.",
            lambda body: any(tool.get("type") not in BUILT_IN for tool in tools(body)),
        ),
        (
            "custom-tools-refused",
            {"apply-patch"},
            "Custom tools are refused, apply_patch too.",
            lambda body: any(tool.get("type") == "custom" for tool in tools(body)),
        ),
        (
            "long-names-refused",
            {"name-128"},
            "A function name longer than 64 characters is refused, as in chat before September 2026.",
            lambda body: any(len(str(tool.get("name"))) > 64 for tool in tools(body)),
        ),
        (
            "efforts-refused",
            {"efforts"},
            "Efforts that are aliases of another effort are refused.",
            lambda body: at(body, "reasoning", "effort") in ("minimal", "xhigh"),
        ),
    ),
    "messages": (
        *shared("messages", "max_tokens", "tool-history", "tool-round-trip"),
        (
            "blocks-refused",
            {"content-blocks", "output-returned"},
            "Text in blocks is refused.",
            lambda body: "text" in kinds(body),
        ),
        (
            "system-refused",
            {"system-text", "system-blocks"},
            "A system prompt is refused.",
            lambda body: "system" in body,
        ),
        (
            "system-blocks-refused",
            {"system-blocks"},
            "A system prompt in blocks is refused.",
            lambda body: isinstance(body.get("system"), list),
        ),
        (
            "claude-refused",
            {"claude-names"},
            "Names of Anthropic's models are refused.",
            lambda body: str(body.get("model")).startswith("claude"),
        ),
        (
            "choice-auto-refused",
            {"tool-choice-auto"},
            "``tool_choice`` auto is refused.",
            lambda body: at(body, "tool_choice", "type") == "auto",
        ),
        (
            "result-errors-refused",
            {"result-error"},
            "A result that reports an error is refused.",
            lambda body: any(
                "is_error" in block for each in objects(body.get("messages")) for block in objects(each.get("content"))
            ),
        ),
        (
            "results-refused",
            {"tool-history", "tool-round-trip", "thinking-kept"},
            "Results of calls cannot be sent back.",
            lambda body: "tool_result" in kinds(body),
        ),
        (
            "thoughts-refused",
            {"thinking-kept"},
            "Reasoning cannot be sent back (NousResearch/hermes-agent#21048).",
            lambda body: "thinking" in kinds(body),
        ),
        (
            "budget-refused",
            {"budget-ignored", "effort"},
            "A thinking budget is refused.",
            lambda body: at(body, "thinking", "budget_tokens") is not None,
        ),
        ("efforts-refused", {"effort"}, "``output_config`` is refused.", lambda body: "output_config" in body),
    ),
}


def _of_body(condition: Condition) -> Callable[[HttpRequest, Context], bool]:
    return lambda request, context: condition(context.body)


for format, rows in ROWS.items():
    for name, breaks, summary, condition in rows:
        refused = refuses(
            f"{format}-{name}", invalid("This is not supported."), {f"{format}.{each}" for each in breaks}, format
        )
        refused(described(summary, _of_body(condition)))


# --- headers, only in Messages


@refuses(
    "messages-version-required",
    invalid("anthropic-version: header is required"),
    {"messages.version-missing"},
    "messages",
)
def version_required(request: HttpRequest, context: Context) -> bool:
    """A request without ``anthropic-version`` is refused, as by Anthropic."""
    return "anthropic-version" not in request.headers


@refuses("messages-version-checked", invalid("anthropic-version: not valid"), {"messages.version-ignored"}, "messages")
def version_checked(request: HttpRequest, context: Context) -> bool:
    """An ``anthropic-version`` that does not exist is refused, as by Anthropic."""
    return request.headers.get("anthropic-version", "2023-06-01") != "2023-06-01"


@refuses("messages-beta-checked", invalid("anthropic-beta: unexpected value"), {"messages.beta-ignored"}, "messages")
def beta_checked(request: HttpRequest, context: Context) -> bool:
    """An ``anthropic-beta`` that does not exist is refused, as by Anthropic."""
    return "anthropic-beta" in request.headers
