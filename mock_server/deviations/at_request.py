"""Misread requests: the server answers a request other than the one sent."""

from typing import Any

from echosounder.mock_server.deviations.asked import turns, whole_number
from echosounder.mock_server.deviations.forms import rewrites
from echosounder.mock_server.deviations.registry import Context
from echosounder.wire.strict_json import at

Body = dict[str, Any]


# --- parameters that get lost


@rewrites("stream-true-ignored", {"stream.content-type", "fim.stream"})
def stream_true_ignored(body: Body, context: Context) -> None:
    """``stream`` has no effect: the response is non-streaming."""
    if body.pop("stream", None):
        body.pop("stream_options", None)


@rewrites(
    "tool-choice-ignored", {"tools.none-no-calls", "tools.choice-unknown-refused", "thinking.tool-choice-refused"}
)
def tool_choice_ignored(body: Body, context: Context) -> None:
    """``tool_choice`` has no effect: the model decides."""
    body.pop("tool_choice", None)


@rewrites("tool-choice-thinking-status", {"thinking.tool-choice-refused"})
def tool_choice_thinking_status(body: Body, context: Context) -> None:
    """Forced calls are served in thinking mode, whereas the official API refuses them."""
    if body.get("thinking") == {"type": "enabled"} and body.get("tool_choice") not in (None, "none", "auto"):
        del body["tool_choice"]


@rewrites("response-format-ignored", {"json.valid", "json.word-required", "json.schema-refused"})
def response_format_ignored(body: Body, context: Context) -> None:
    """``response_format`` has no effect: the answer is prose."""
    body.pop("response_format", None)


@rewrites("stop-ignored", {"chat.stop-string", "chat.stop-array", "fim.stop", "limits.stop-17"})
def stop_ignored(body: Body, context: Context) -> None:
    """``stop`` has no effect."""
    body.pop("stop", None)


@rewrites("stop-ignored-while-thinking", {"thinking.stop"})
def stop_ignored_while_thinking(body: Body, context: Context) -> None:
    """``stop`` has no effect in thinking mode."""
    if at(body, "thinking", "type") == "enabled":
        body.pop("stop", None)


@rewrites("prefix-ignored", {"prefix.goes-on", "prefix.continues", "prefix.not-repeated"})
def prefix_ignored(body: Body, context: Context) -> None:
    """The prefix is not continued: the answer starts from the beginning and repeats its words."""
    messages = body.get("messages")
    turn = messages[-1] if messages and isinstance(messages, list) else None
    if isinstance(turn, dict) and turn.pop("prefix", None):
        body["messages"] = [
            *body["messages"][:-2],
            {"role": "user", "content": f"Repeat exactly: {turn.get('content')} four"},
        ]


@rewrites("parallel-tool-calls-false-ignored", {"tools.parallel-off"})
def parallel_tool_calls_false_ignored(body: Body, context: Context) -> None:
    """``parallel_tool_calls`` has no effect: several calls come in one answer."""
    body.pop("parallel_tool_calls", None)


@rewrites("n-ignored", {"limits.n"})
def n_ignored(body: Body, context: Context) -> None:
    """``n`` has no effect: there is one choice."""
    body.pop("n", None)


@rewrites("suffix-ignored", {"fim.suffix-counted"})
def suffix_ignored(body: Body, context: Context) -> None:
    """FIM does not see the suffix."""
    body.pop("suffix", None)


@rewrites("echo-ignored", {"fim.echo"})
def echo_ignored(body: Body, context: Context) -> None:
    """``echo`` has no effect."""
    body.pop("echo", None)


@rewrites("thinking-ignored", {"thinking.disabled"})
def thinking_ignored(body: Body, context: Context) -> None:
    """``thinking`` has no effect: the default of the model applies."""
    body.pop("thinking", None)


@rewrites("effort-none-ignored", {"thinking.effort-none"})
def effort_none_ignored(body: Body, context: Context) -> None:
    """``reasoning_effort`` none does not switch thinking off."""
    if body.get("reasoning_effort") == "none":
        del body["reasoning_effort"]


@rewrites("user-id-in-characters", {"limits.user-id-bytes"})
def user_id_in_characters(body: Body, context: Context) -> None:
    """The length of ``user_id`` is counted in characters."""
    if isinstance(body.get("user_id"), str):
        body["user_id"] = body["user_id"].encode("ascii", "replace").decode()


@rewrites("user-id-ignored", {"limits.user-id-512", "limits.user-id-bytes", "cache.user-id-isolates"})
def user_id_ignored(body: Body, context: Context) -> None:
    """``user_id`` has no effect."""
    body.pop("user_id", None)


@rewrites(
    "reasoning-not-accepted-back",
    {"thinking.reasoning-kept", "thinking.reasoning-refused", "proxy.reasoning-both-ways"},
)
def reasoning_not_accepted_back(body: Body, context: Context) -> None:
    """A proxy removes ``reasoning_content`` from the history, and the API refuses the request without it."""
    for turn in turns(body):
        turn.pop("reasoning_content", None)


# --- values that are changed


@rewrites(
    "max-tokens-exceeded",
    {"usage.within-max-tokens", "usage.completion-counted", "thinking.both-counted"},
)
def max_tokens_exceeded(body: Body, context: Context, *, by: int = 64) -> None:
    """``max_tokens`` does not bound the answer. Here it is only raised, so that answers stay finite."""
    if (whole_number(body, "max_tokens") or 0) > 0:
        body["max_tokens"] += by


@rewrites("max-completion-tokens-ignored", {"limits.max-completion-tokens"})
def max_completion_tokens_ignored(body: Body, context: Context, *, by: int = 64) -> None:
    """``max_completion_tokens`` does not bound the answer. Here it is only raised, so that answers stay finite."""
    if (whole_number(body, "max_completion_tokens") or 0) > 0:
        body["max_completion_tokens"] += by


@rewrites("echo-always", {"fim.echo-off"})
def echo_always(body: Body, context: Context) -> None:
    """FIM repeats the prompt although ``echo`` was not requested."""
    if "prompt" in body:
        body["echo"] = True


@rewrites("thinking-never", {"thinking.enabled", "thinking.default-on", "thinking.tool-choice-refused"})
def thinking_never(body: Body, context: Context) -> None:
    """The model never thinks, even if thinking is requested."""
    if "messages" in body:
        body["thinking"] = {"type": "disabled"}
        body.pop("reasoning_effort", None)


@rewrites("int-precision", {"transport.numbers-exact", "proxy.request-numbers"})
def int_precision(body: Body, context: Context) -> None:
    """Integers beyond 2**53 lose their last digits: an intermediary stores numbers as floats."""
    for name, value in body.items():
        body[name] = rounded(value)


def rounded(value: Any) -> Any:
    match value:
        case dict():
            return {name: rounded(member) for name, member in value.items()}
        case list():
            return [rounded(item) for item in value]
        case int() if abs(value) > 1 << 53:
            return int(float(value))
    return value


@rewrites("role-developer-accepted")
def role_developer_accepted(body: Body, context: Context) -> None:
    """Legal: messages of the role developer count as system messages, as at OpenAI."""
    for turn in turns(body, "developer"):
        turn["role"] = "system"
