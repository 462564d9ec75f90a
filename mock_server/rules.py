"""What a well-formed body must still obey: ranges, counts and members that depend on each other. Fact sheet 2.1, 6, 7, 9.4.

Each rule is a function that returns the text of the refusal, or None. The first refusal wins, in the order of the tuples.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from mock_server import errors
from mock_server.modes import thinking
from specs import Limits

Body = dict[str, Any]
Rule = Callable[[Body, Limits, bool], str | None]
NAME = re.compile(r"[a-zA-Z0-9_-]+")
BASE = 'is only available when using beta api (set base_url="https://api.deepseek.com/beta")'


def check(rules: tuple[Rule, ...], body: Body, limits: Limits, beta: bool) -> None:
    """Raises :class:`errors.Refused` for the first rule that is broken."""
    for rule in rules:
        text = rule(body, limits, beta)
        if text is not None:
            raise errors.invalid(limits.profile, limits.range_status, text)


def model_exists(body: Body, limits: Limits, beta: bool) -> str | None:
    model = body["model"]
    if model in limits.models or model in limits.aliases:
        return None
    if limits.profile == "openai":
        raise errors.Refused(
            404,
            f"The model `{model}` does not exist or you do not have access to it.",
            "invalid_request_error",
            "model_not_found",
        )
    if limits.profile < "2026":
        raise errors.invalid(limits.profile, 400, "Model Not Exist")
    names = " or ".join(reversed(limits.models))
    raise errors.invalid(limits.profile, 400, f"The supported API model names are {names}, but you passed {model}.")


def has_messages(body: Body, limits: Limits, beta: bool) -> str | None:
    return None if body["messages"] else "Empty input messages"


def _range(name: str, low: float, high: float, shown: str, open_low: bool = False) -> Rule:
    def rule(body: Body, limits: Limits, beta: bool) -> str | None:
        value = body.get(name)
        if value is None or ((low < value if open_low else low <= value) and value <= high):
            return None
        return f"Invalid {name} value, the valid range of {name} is {shown}"

    return rule


temperature = _range("temperature", 0, 2, "[0, 2]")
top_p = _range("top_p", 0, 1, "(0, 1.0]", open_low=True)
_frequency = _range("frequency_penalty", -2, 2, "[-2, 2]")
_presence = _range("presence_penalty", -2, 2, "[-2, 2]")


def penalties(body: Body, limits: Limits, beta: bool) -> str | None:
    if limits.penalties == "ignored":
        return None
    return _frequency(body, limits, beta) or _presence(body, limits, beta)


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


def one_choice(body: Body, limits: Limits, beta: bool) -> str | None:
    return "Invalid n value (currently only n = 1 is supported)" if body.get("n") not in (None, 1) else None


def stream_options(body: Body, limits: Limits, beta: bool) -> str | None:
    alone = body.get("stream_options") is not None and not body.get("stream")
    return "stream_options should be set along with stream = true" if alone else None


def response_format(body: Body, limits: Limits, beta: bool) -> str | None:
    wanted = (body.get("response_format") or {}).get("type", "text")
    if wanted == "json_schema" and limits.profile == "2025-01":
        raise errors.malformed(
            limits.profile,
            limits.malformed_status,
            "response_format: response_format.type `json_schema` is unavailable now",
        )
    if wanted not in ("text", "json_object"):
        return "This response_format type is unavailable now"
    if wanted == "json_object" and not limits.json_output:
        return f"{body['model']} does not support Json Output"
    return None


def json_word(body: Body, limits: Limits, beta: bool) -> str | None:
    if (body.get("response_format") or {}).get("type") != "json_object":
        return None
    if any("json" in text_of(message).lower() for message in body["messages"]):
        return None
    return "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."


def text_of(message: Body) -> str:
    """The text of a message, parts joined."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part["text"] for part in content)
    return content or ""


def prefix(body: Body, limits: Limits, beta: bool) -> str | None:
    marked = [index for index, message in enumerate(body["messages"]) if message.get("prefix")]
    if not marked:
        return None
    if not beta:
        return f"prefix {BASE}"
    return None if marked == [len(body["messages"]) - 1] else "The prefix message must be the last one of messages"


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
        raise errors.malformed(
            limits.profile,
            limits.malformed_status,
            f"reasoning_effort: unknown variant `{value}`, expected one of {listed}",
        )
    if (body.get("thinking") or {}).get("type") == "disabled" and value not in ("none", "minimal"):
        return "thinking options type cannot be disabled when reasoning_effort is set"
    return None


def tool_count(body: Body, limits: Limits, beta: bool) -> str | None:
    tools = body.get("tools") or []
    if limits.tools_max and len(tools) > limits.tools_max:
        return (
            f"Invalid 'tools': array too long. Expected an array with maximum length {limits.tools_max}, "
            f"but got an array with length {len(tools)} instead."
        )
    return None


def tool_names(body: Body, limits: Limits, beta: bool) -> str | None:
    names = [tool["function"]["name"] for tool in body.get("tools") or []]
    for index, name in enumerate(names):
        where = f"Invalid 'tools[{index}].function.name': "
        if not NAME.fullmatch(name):
            return (
                where + "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
            )
        if limits.tool_name_max and len(name) > limits.tool_name_max:
            return where + f"string too long. Expected a string with maximum length {limits.tool_name_max}."
    return "Tool names must be unique" if len(set(names)) < len(names) else None


def tool_schemas(body: Body, limits: Limits, beta: bool) -> str | None:
    for tool in body.get("tools") or []:
        schema = tool["function"].get("parameters")
        if schema is not None and schema.get("type") != "object" and "$ref" not in schema and "anyOf" not in schema:
            shown = "null" if schema.get("type") is None else schema["type"]
            name = tool["function"]["name"]
            return f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"', got 'type: {shown}'."
    return None


def strict_tools(body: Body, limits: Limits, beta: bool) -> str | None:
    """Only `required` is enforced (fact sheet 6.3, observed), and only below /beta."""
    if not (beta and limits.strict_tools):
        return None
    for tool in body.get("tools") or []:
        function = tool["function"]
        if function.get("strict") and not _all_required(function.get("parameters") or {}):
            return f"Invalid schema for function '{function['name']}': in strict mode every property must be listed in 'required'."
    return None


def _all_required(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(map(_all_required, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    complete = not isinstance(properties, dict) or set(properties) <= set(schema.get("required") or ())
    return complete and all(_all_required(value) for value in schema.values())


def tool_choice(body: Body, limits: Limits, beta: bool) -> str | None:
    choice, tools = body.get("tool_choice"), body.get("tools") or []
    if isinstance(choice, dict) and choice["function"]["name"] not in {tool["function"]["name"] for tool in tools}:
        return f"Tool '{choice['function']['name']}' of tool_choice is not in tools"
    forced = tools and (isinstance(choice, dict) or choice == "required")
    if not forced or limits.forced_tools_in_thinking or not thinking(body, limits):
        return None
    return (
        "Thinking mode does not support this tool_choice"
        if limits.profile >= "2025-12"
        else ("deepseek-reasoner does not support this tool_choice")
    )


def tools_supported(body: Body, limits: Limits, beta: bool) -> str | None:
    return f"{body['model']} does not support Function Calling" if body.get("tools") and not limits.tools else None


def tool_results(body: Body, limits: Limits, beta: bool) -> str | None:
    """Every call is answered before anything else is said, and every answer belongs to a call."""
    waiting: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
            waiting.remove(message["tool_call_id"])
        elif waiting:
            break
        elif message.get("tool_calls"):
            waiting = [call["id"] for call in message["tool_calls"]]
    if not waiting:
        return None
    return (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        "(insufficient tool messages following tool_calls message)"
    )


def reasoning_input(body: Body, limits: Limits, beta: bool) -> str | None:
    """Forbidden for R1, required back in a turn that calls tools since V3.2. Fact sheet 12.3."""
    messages = body["messages"]
    if limits.reasoning_input == "forbidden":
        sent = any(message.get("reasoning_content") is not None and not message.get("prefix") for message in messages)
        return "The reasoning_content must not be sent back in messages" if sent else None
    if limits.reasoning_input != "required-with-tools" or not thinking(body, limits) or messages[-1]["role"] != "tool":
        return None
    for index, message in enumerate(messages):
        if message.get("tool_calls") and message.get("reasoning_content") is None:
            return _missing_reasoning(limits.profile, index)
    return None


def _missing_reasoning(profile: str, index: int) -> str:
    if profile >= "2026":
        return "The `reasoning_content` in the thinking mode must be passed back to the API."
    return (
        f"Missing `reasoning_content` field in the assistant message at message index {index}. For more information, "
        "please refer to https://api-docs.deepseek.com/guides/thinking_mode#tool-calls"
    )


def reasoner_order(body: Body, limits: Limits, beta: bool) -> str | None:
    """R1 wanted user and assistant to take turns. Fact sheet 9.4."""
    if limits.profile != "2025-01" or limits.thinking != "always":
        return None
    turns = [(index, message) for index, message in enumerate(body["messages"]) if message["role"] != "system"]
    if turns and turns[0][1]["role"] == "assistant" and not turns[0][1].get("prefix"):
        return (
            "The first message (except the system message) of deepseek-reasoner must be a user message, "
            "but an assistant message detected."
        )
    for (i, one), (j, two) in pairwise(turns):
        if one["role"] == two["role"]:
            return (
                "deepseek-reasoner does not support successive user or assistant messages "
                f"(messages[{i}] and messages[{j}] in your input). "
                "You should interleave the user/assistant messages in the message sequence."
            )
    if turns and turns[-1][1]["role"] == "assistant" and not turns[-1][1].get("prefix"):
        return (
            "The last message of deepseek-reasoner must be a user message, or an assistant message with prefix mode on "
            "(refer to https://api-docs.deepseek.com/guides/chat_prefix_completion)."
        )
    return None


def fim_on_beta(body: Body, limits: Limits, beta: bool) -> str | None:
    return None if beta else f"completions api {BASE}"


def fim_supported(body: Body, limits: Limits, beta: bool) -> str | None:
    return None if limits.fim else f"{body['model']} does not support FIM completion"


CHAT: tuple[Rule, ...] = (
    model_exists,
    has_messages,
    one_choice,
    stream_options,
    temperature,
    top_p,
    penalties,
    max_tokens,
    logprobs_supported,
    top_logprobs,
    stops,
    user_id,
    effort,
    response_format,
    json_word,
    prefix,
    tools_supported,
    tool_count,
    tool_names,
    tool_schemas,
    strict_tools,
    tool_choice,
    tool_results,
    reasoning_input,
    reasoner_order,
)
FIM: tuple[Rule, ...] = (
    fim_on_beta,
    model_exists,
    fim_supported,
    one_choice,
    stream_options,
    temperature,
    top_p,
    penalties,
    fim_max_tokens,
    fim_logprobs,
    stops,
)
