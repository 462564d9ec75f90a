"""Servers that are laxer than the API: invalid requests are silently repaired and served."""

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from echosounder import specs
from echosounder.mock_server.deviations.asked import calls_of, functions, turns
from echosounder.mock_server.deviations.forms import Register, rewrites
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.wire.strict_json import at

Body = dict[str, Any]
FAULT = "error.client-fault-4xx"
PARAMETER = "error.status-400-parameter"


def lax(name: str, breaks: Collection[str]) -> Register:
    """Register a deviation that also breaks the general rule that invalid requests are refused."""
    return rewrites(name, {FAULT, *breaks})


def clamp(body: Body, name: str, low: float, high: float) -> None:
    if isinstance(body.get(name), (int, float)):
        body[name] = min(max(body[name], low), high)


# --- values out of range


@lax("max-tokens-clamped", {"limits.max-tokens-minimum", "limits.max-tokens-maximum", "fim.max-tokens-4k"})
def max_tokens_clamped(body: Body, context: Context, *, most: int = 4096) -> None:
    """A ``max_tokens`` out of range is clamped to the range."""
    clamp(body, "max_tokens", 1, most)


@lax("max-tokens-cast", {"limits.max-tokens-type", "error.wrong-type"})
def max_tokens_cast(body: Body, context: Context) -> None:
    """A ``max_tokens`` that is a string or a fraction is accepted."""
    if isinstance(body.get("max_tokens"), (str, float)):
        digits = re.match(r"\d+", str(body["max_tokens"]))
        body["max_tokens"] = int(digits[0]) if digits else 8


@lax("temperature-clamped", {"limits.temperature", "fim.bounds", PARAMETER})
def temperature_clamped(body: Body, context: Context) -> None:
    """A temperature out of range is clamped to the range."""
    clamp(body, "temperature", 0, 2)


@lax("top-p-clamped", {"limits.top-p", "fim.bounds"})
def top_p_clamped(body: Body, context: Context) -> None:
    """A ``top_p`` out of range is clamped to the range."""
    clamp(body, "top_p", 0.01, 1)


@rewrites("penalties-clamped", {"limits.penalties"})
def penalties_clamped(body: Body, context: Context) -> None:
    """Penalties out of range are clamped to the range."""
    clamp(body, "frequency_penalty", -2, 2)
    clamp(body, "presence_penalty", -2, 2)


@lax("top-logprobs-clamped", {"limits.top-logprobs-range", "fim.bounds"})
def top_logprobs_clamped(body: Body, context: Context) -> None:
    """A number of alternatives out of range is clamped to the range."""
    clamp(body, "top_logprobs", 0, 20)
    if not isinstance(body.get("logprobs"), bool):
        clamp(body, "logprobs", 0, 20)


@rewrites("effort-unknown-served", {"thinking.effort-unknown-refused"})
def effort_unknown_served(body: Body, context: Context) -> None:
    """An unknown ``reasoning_effort`` has no effect."""
    if body.get("reasoning_effort") not in ("none", "minimal", "low", "medium", "high", "xhigh", "max"):
        body.pop("reasoning_effort", None)


# --- members that require each other


@lax("top-logprobs-alone-served", {"limits.top-logprobs-alone"})
def top_logprobs_alone_served(body: Body, context: Context) -> None:
    """``top_logprobs`` without logprobs has no effect."""
    if not body.get("logprobs"):
        body.pop("top_logprobs", None)


@lax("stream-options-alone-served", {"limits.stream-options-alone"})
def stream_options_alone_served(body: Body, context: Context) -> None:
    """``stream_options`` without a stream has no effect."""
    if not body.get("stream"):
        body.pop("stream_options", None)


@lax("model-defaulted", {"error.missing-model"})
def model_defaulted(body: Body, context: Context, *, model: str = "deepseek-v4-flash") -> None:
    """A request without ``model`` is served by a default model."""
    body.setdefault("model", model)


@lax("messages-defaulted", {"error.missing-messages", "error.empty-messages"})
def messages_defaulted(body: Body, context: Context) -> None:
    """A request without messages is served."""
    if "prompt" not in body:
        body["messages"] = body.get("messages") or [{"role": "user", "content": ""}]


@rewrites("prompt-defaulted", {"fim.prompt-required"})
def prompt_defaulted(body: Body, context: Context) -> None:
    """FIM without a prompt is served with the documented default prompt."""
    if not context.request.path.endswith("/chat/completions"):
        body.setdefault("prompt", "Once upon a time,")


@rewrites("thinking-type-defaulted", {"thinking.type-required"})
def thinking_type_defaulted(body: Body, context: Context) -> None:
    """``thinking`` in any form switches thinking on."""
    known = ({"type": "enabled"}, {"type": "disabled"}, None)
    if body.get("thinking") not in known:
        body["thinking"] = {"type": "enabled"}


# --- messages


@lax("messages-wrapped", {"error.wrong-type"})
def messages_wrapped(body: Body, context: Context) -> None:
    """``messages`` may be a single message instead of an array."""
    if isinstance(body.get("messages"), dict):
        body["messages"] = [body["messages"]]


@lax("roles-mapped", {"error.unknown-role", "error.developer-role"})
def roles_mapped(body: Body, context: Context) -> None:
    """An unknown role counts as the user's."""
    for turn in turns(body):
        if turn.get("role") not in ("system", "user", "assistant", "tool"):
            turn["role"] = "user"


@rewrites("tool-history-unchecked", {"tools.orphan-refused", "tools.unanswered-refused"})
def tool_history_unchecked(body: Body, context: Context) -> None:
    """Calls without results and results without calls are dropped from the history."""
    answered = [turn.get("tool_call_id") for turn in turns(body, "tool")]
    made = [call.get("id") for turn in turns(body) for call in calls_of(turn)]
    for turn in turns(body, "assistant"):
        turn["tool_calls"] = [call for call in calls_of(turn) if call.get("id") in answered] or None
    if made or answered:
        body["messages"] = [
            each for each in turns(body) if each.get("role") != "tool" or each.get("tool_call_id") in made
        ]


@rewrites("reasoning-missing-served", {"thinking.reasoning-missing-refused", "thinking.reasoning-by-tools"})
def reasoning_missing_served(body: Body, context: Context) -> None:
    """Assistant messages with calls are accepted in the history without their reasoning."""
    for turn in turns(body, "assistant"):
        if turn.get("reasoning_content") is None:
            turn["reasoning_content"] = ""


# --- tools


@rewrites("tools-cut-off", {"tools.count-129"})
def tools_cut_off(body: Body, context: Context) -> None:
    """Only the first 128 functions are used."""
    if isinstance(body.get("tools"), list):
        body["tools"] = body["tools"][:128]


@rewrites("tool-names-unchecked", {"tools.bad-name-refused", "tools.long-name-refused", "tools.duplicate-name-refused"})
def tool_names_unchecked(body: Body, context: Context) -> None:
    """Functions may have any name, and several the same one."""
    seen: set[str] = set()
    for number, function in enumerate(functions(body)):
        name = re.sub(r"[^\w-]", "_", str(function.get("name")))[:60]
        function["name"] = f"{name}_{number}" if name in seen else name
        seen.add(name)


@rewrites("tool-parameters-unchecked", {"tools.parameters-object", "tools.strict-schema-checked"})
def tool_parameters_unchecked(body: Body, context: Context) -> None:
    """Parameters may be any schema, even in strict functions."""
    for function in functions(body):
        function.pop("strict", None)
        if at(function, "parameters", "type") != "object":
            function.pop("parameters", None)


@lax(
    "logprobs-of-reasoner-dropped",
    {"thinking.logprobs-refused", "limits.top-logprobs-range", "limits.top-logprobs-alone"},
)
def logprobs_of_reasoner_dropped(body: Body, context: Context) -> None:
    """A request to the reasoner for log probabilities has no effect."""
    if body.get("model") == "deepseek-reasoner":
        body.pop("logprobs", None)
        body.pop("top_logprobs", None)


SERVED = {name for profile in specs.PROFILES for name in specs.models(profile)}


@lax("status-404-missing", {"error.unknown-model"})
def status_404_missing(body: Body, context: Context, *, served: str = "deepseek-v4-flash") -> None:
    """A model that does not exist is replaced by another one; combined with model-echoed, the answer even names the requested one."""
    if isinstance(body.get("model"), str) and body["model"] not in SERVED:
        body["model"] = served


# --- around the body


@deviation(
    "any-key-served",
    Layer.REQUEST,
    {"error.status-401"},  # a single fault, which makes other requirements on keys untestable
)
def any_key_served(request: HttpRequest, context: Context) -> HttpRequest:
    """Every API key is accepted, and so is a request without one."""
    return replace(request, headers={**request.headers, "authorization": "Bearer sk-anybody-0000"})


@deviation("any-media-type-served", Layer.REQUEST, {"error.media-type"})
def any_media_type_served(request: HttpRequest, context: Context) -> HttpRequest:
    """A body of any media type is accepted."""
    return (
        replace(request, headers={**request.headers, "content-type": "application/json"}) if request.body else request
    )


@deviation("beta-everywhere", Layer.REQUEST, {"fim.off-beta-refused", "prefix.off-beta-refused", "chat.beta-8k-only"})
def beta_everywhere(request: HttpRequest, context: Context) -> HttpRequest:
    """Beta features are served on the stable paths, too."""
    stable = request.method == "POST" and not request.target.startswith("/beta/")
    return replace(request, target=f"/beta{request.target}") if stable else request
