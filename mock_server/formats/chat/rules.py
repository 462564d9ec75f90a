"""Validation of chat requests. Fact sheet 2.1, 6, 7, 9.4."""

from echosounder import specs
from echosounder.mock_server.admission import refusals
from echosounder.mock_server.formats.chat import conversation, parts
from echosounder.mock_server.formats.rules import SHARED, Body, Rules, bounded, model_exists, stops
from echosounder.specs import Limits

max_tokens = bounded(lambda limits, beta: limits.max_tokens_beta if beta else limits.max_tokens)


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


def response_format(body: Body, limits: Limits, beta: bool) -> str | None:
    wanted = (body.get("response_format") or {}).get("type", "text")
    if wanted == "json_schema" and specs.behaviour(limits.profile).json_schema_malformed:
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
    if value is None or limits.user_id_max is None:
        return None
    length = len(value.encode("utf-8", "surrogatepass")) if limits.user_id_unit == "bytes" else len(value)
    if length <= limits.user_id_max:
        return None
    return (
        f"Invalid 'user_id': string too long. Expected a string with maximum length {limits.user_id_max}, "
        f"but got a string with length {length} instead"
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


RULES = Rules(
    ("model", model_exists),
    ("messages", conversation.has_messages),
    ("messages", parts.allowed),
    *SHARED,
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
