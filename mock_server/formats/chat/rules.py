"""What a well-formed body must still obey: ranges, counts and members that depend on each other. Fact sheet 2.1, 6, 7, 9.4.

Each rule is a function that returns the text of the refusal, or None. The first refusal wins, in the order of the tuples.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from echosounder.mock_server.admission import refusals
from echosounder.mock_server.answering.plan import Endpoint
from echosounder.mock_server.formats.chat import conversation
from echosounder.specs import Limits

Body = dict[str, Any]
Rule = Callable[[Body, Limits, bool], str | None]
MOST_CHOICES = 128  # of the openai dialect
Rules = tuple[tuple[str, Rule], ...]  # each with the member that it is about: where that is absent or null, it holds


def check(endpoint: Endpoint, body: Body, limits: Limits, beta: bool) -> None:
    """Raises :class:`refusals.Refused` for the first rule that is broken."""
    for rule in _about(endpoint, ABOUT.intersection([name for name, value in body.items() if value is not None])):
        text = rule(body, limits, beta)
        if text is not None:
            raise refusals.invalid(limits.profile, limits.range_status, text)


@lru_cache(maxsize=1024)
def _about(endpoint: Endpoint, members: frozenset[str]) -> tuple[Rule, ...]:
    """The rules that hold for a body with these members. Most bodies have few members, and the same ones."""
    return tuple(rule for member, rule in RULES[endpoint] if member in members)


def model_exists(body: Body, limits: Limits, beta: bool) -> str | None:
    model = body["model"]
    if model in limits.models or model in limits.aliases:
        return None
    if limits.profile == "openai":
        raise refusals.no_model(model)
    if limits.profile < "2026":
        raise refusals.invalid(limits.profile, 400, "Model Not Exist")
    names = " or ".join(reversed(limits.models))
    raise refusals.invalid(limits.profile, 400, f"The supported API model names are {names}, but you passed {model}.")


def _range(name: str, low: float, high: float, shown: str, open_low: bool = False) -> Rule:
    def rule(body: Body, limits: Limits, beta: bool) -> str | None:
        value = body.get(name)
        if value is None or ((low < value if open_low else low <= value) and value <= high):
            return None
        return f"Invalid {name} value, the valid range of {name} is {shown}"

    return rule


def _penalty(name: str) -> Rule:
    in_range = _range(name, -2, 2, "[-2, 2]")
    return lambda body, limits, beta: None if limits.penalties == "ignored" else in_range(body, limits, beta)


temperature = _range("temperature", 0, 2, "[0, 2]")
top_p = _range("top_p", 0, 1, "(0, 1.0]", open_low=True)
frequency_penalty = _penalty("frequency_penalty")
presence_penalty = _penalty("presence_penalty")


def max_tokens(body: Body, limits: Limits, beta: bool) -> str | None:
    return _max_tokens(body, limits.max_tokens_beta if beta else limits.max_tokens)


def fim_max_tokens(body: Body, limits: Limits, beta: bool) -> str | None:
    return _max_tokens(body, limits.fim_max_tokens)


def _max_tokens(body: Body, most: int | None) -> str | None:
    value = body.get("max_tokens")
    if value is None or 1 <= value <= (most or value):
        return None
    return f"Invalid max_tokens value, the valid range of max_tokens is [1, {most}]"


def top_logprobs(body: Body, limits: Limits, beta: bool) -> str | None:
    value = body.get("top_logprobs")
    if value is None:
        return None
    if value > limits.top_logprobs_max:
        return f"Invalid top_logprobs value, the valid range of top_logprobs is [0, {limits.top_logprobs_max}]."
    if not body.get("logprobs"):
        return "Invalid top_logprobs and logprobs value, logprobs must be set to true if top_logprobs is used."
    return None


def logprobs_supported(body: Body, limits: Limits, beta: bool) -> str | None:
    if body.get("logprobs") and not limits.logprobs:
        return f"{body['model']} does not support the parameter logprobs"
    return None


def fim_logprobs(body: Body, limits: Limits, beta: bool) -> str | None:
    value = body.get("logprobs")
    if value is not None and value > limits.top_logprobs_max:
        return f"Invalid logprobs value, the valid range of logprobs is [0, {limits.top_logprobs_max}]."
    return None


def stops(body: Body, limits: Limits, beta: bool) -> str | None:
    stop = body.get("stop")
    if isinstance(stop, list) and limits.stop_max and len(stop) > limits.stop_max:
        return f"Stop string array too long: {len(stop)}"
    return None


def choices(body: Body, limits: Limits, beta: bool) -> str | None:
    if limits.profile == "openai":
        return None if 1 <= body["n"] <= MOST_CHOICES else f"Invalid 'n': expected a value from 1 to {MOST_CHOICES}."
    return None if body["n"] == 1 else "Invalid n value (currently only n = 1 is supported)"


def stream_options(body: Body, limits: Limits, beta: bool) -> str | None:
    alone = body.get("stream_options") is not None and not body.get("stream")
    return "stream_options should be set along with stream = true" if alone else None


def response_format(body: Body, limits: Limits, beta: bool) -> str | None:
    wanted = (body.get("response_format") or {}).get("type", "text")
    if wanted == "json_schema" and limits.profile == "2025-01":
        raise refusals.malformed(
            limits.profile,
            limits.malformed_status,
            "response_format: response_format.type `json_schema` is unavailable now",
        )
    if wanted not in ("text", "json_object"):
        return "This response_format type is unavailable now"
    if wanted == "json_object" and not limits.json_output:
        return f"{body['model']} does not support Json Output"
    return None


def user_id(body: Body, limits: Limits, beta: bool) -> str | None:
    value = body.get("user_id")
    if value is None or limits.user_id_max is None or len(value) <= limits.user_id_max:
        return None
    return (
        f"Invalid 'user_id': string too long. Expected a string with maximum length {limits.user_id_max}, "
        f"but got a string with length {len(value)} instead"
    )


def effort(body: Body, limits: Limits, beta: bool) -> str | None:
    value = body.get("reasoning_effort")
    if value is None or not limits.efforts:
        return None
    if value not in limits.efforts:
        listed = ", ".join(f"`{name}`" for name in limits.efforts)
        raise refusals.malformed(
            limits.profile,
            limits.malformed_status,
            f"reasoning_effort: unknown variant `{value}`, expected one of {listed}",
        )
    if (body.get("thinking") or {}).get("type") == "disabled" and value not in ("none", "minimal"):
        return "thinking options type cannot be disabled when reasoning_effort is set"
    return None


def fim_on_beta(body: Body, limits: Limits, beta: bool) -> str | None:
    return None if beta else f"completions api {conversation.BASE}"


def fim_supported(body: Body, limits: Limits, beta: bool) -> str | None:
    return None if limits.fim else f"{body['model']} does not support FIM completion"


CHAT: Rules = (
    ("model", model_exists),
    ("messages", conversation.has_messages),
    ("n", choices),
    ("stream_options", stream_options),
    ("temperature", temperature),
    ("top_p", top_p),
    ("frequency_penalty", frequency_penalty),
    ("presence_penalty", presence_penalty),
    ("max_tokens", max_tokens),
    ("logprobs", logprobs_supported),
    ("top_logprobs", top_logprobs),
    ("stop", stops),
    ("user_id", user_id),
    ("reasoning_effort", effort),
    ("response_format", response_format),
    ("response_format", conversation.json_word),
    ("messages", conversation.prefix),
    ("tools", conversation.tools_supported),
    ("tools", conversation.tool_count),
    ("tools", conversation.tool_names),
    ("tools", conversation.tool_schemas),
    ("tools", conversation.strict_tools),
    ("tool_choice", conversation.tool_choice),
    ("messages", conversation.tool_results),
    ("messages", conversation.reasoning_input),
    ("messages", conversation.reasoner_order),
)
FIM: Rules = (
    ("model", fim_on_beta),
    ("model", model_exists),
    ("model", fim_supported),
    ("n", choices),
    ("stream_options", stream_options),
    ("temperature", temperature),
    ("top_p", top_p),
    ("frequency_penalty", frequency_penalty),
    ("presence_penalty", presence_penalty),
    ("max_tokens", fim_max_tokens),
    ("logprobs", fim_logprobs),
    ("stop", stops),
)
RULES = {Endpoint.CHAT: CHAT, Endpoint.FIM: FIM}
ABOUT = frozenset(member for rules in RULES.values() for member, _ in rules)
