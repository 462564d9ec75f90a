"""Tool calls. Where a call is needed, the request makes refusing it hard; that the model still may is its own affair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from echosounder.conformance.ask import BETA_CHAT, GREEDY, Ask, Send
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.chat import STREAM_USAGE
from echosounder.conformance.probes.errors import faulty
from echosounder.judgement.agreed import NASTY, ORDER
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite
from echosounder.wire.strict_json import at


def function(name: str, description: str, properties: dict[str, Any]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


WEATHER = function(
    "get_weather", "The weather in a city.", {"city": {"type": "string", "description": "Name of the city."}}
)
PRECISE = function(
    "run_order",
    "Runs an order.",
    {"order": {"type": "integer", "enum": [ORDER]}, "note": {"type": "string", "enum": [NASTY]}},
)
PARIS = "What is the weather in Paris? Use the tool."
TWO = "Call get_weather for Paris and for Tokyo, both at once."


def offered(ask: Ask, *tools: Mapping[str, Any], prompt: str = "Hello.", step: str = "", **fields: Any) -> Send:
    """A request that offers *tools* without wanting a call."""
    return ask.chat(prompt, tools=list(tools), step=step, **{"max_tokens": 4, **fields})


def bad(ask: Ask, fault: str, *tools: Mapping[str, Any], **fields: Any) -> Send:
    return faulty(offered(ask, *tools, max_tokens=1, **fields), fault)


def turns(
    content: Any = "", *, results: tuple[str, ...] = ("call_00_a", "call_01_b"), **extra: Any
) -> list[dict[str, Any]]:
    """A made-up history: a question, two calls, and a result for each of *results*. ``content`` ``...`` leaves it out."""
    ids = ("call_00_a", "call_01_b")
    calls = [
        {"id": id, "type": "function", "function": {"name": "get_weather", "arguments": f'{{"city": "{city}"}}'}}
        for id, city in zip(ids, ("Paris", "Tokyo"), strict=True)
    ]
    assistant = {"role": "assistant", "content": content, "tool_calls": calls, **extra}
    return [
        {"role": "user", "content": TWO},
        {name: value for name, value in assistant.items() if value is not ...},
        *({"role": "tool", "tool_call_id": id, "content": "21 degrees, sunny"} for id in results),
    ]


def thought(ask: Ask) -> dict[str, Any]:
    """Reasoning that an assistant message with calls must contain for a model that always thinks."""
    needed = ask.limits.thinking == "always" and ask.limits.reasoning_kept
    return {"reasoning_content": "Two cities, two calls."} if needed else {}


def has_tools(ask: Subject) -> bool:
    return ask.limits.tools


def forced(ask: Ask) -> dict[str, Any]:
    """``tool_choice`` that forces a call, if the model accepts it: thinking models may not."""
    return {"tool_choice": "required"} if ask.limits.thinking != "always" or ask.limits.forced_tools_in_thinking else {}


@probe("tools.required", Suite.SMOKE, requests=2, prompt=2000, tokens=512, features={"tools"}, applies=has_tools)
def required(ask: Ask) -> Steps:
    """A tool that must be called, twice."""
    for step in ("first", "second"):
        yield ask.chat(PARIS, tools=[WEATHER], **forced(ask), max_tokens=256, **GREEDY, step=step)


@probe("tools.required.stream", Suite.SMOKE, requests=2, prompt=2000, tokens=512, features={"tools"}, applies=has_tools)
def required_stream(ask: Ask) -> Steps:
    """The same as a stream."""
    for step in ("first", "second"):
        yield ask.chat(PARIS, tools=[WEATHER], **forced(ask), max_tokens=256, **GREEDY, **STREAM_USAGE, step=step)


@probe("tools.named", requests=1, tokens=256, features={"tools"}, applies=has_tools)
def named(ask: Ask) -> Steps:
    """Two functions on offer, one of them named."""
    choice = {"type": "function", "function": {"name": "get_weather"}}
    chosen: dict[str, Any] = {"tool_choice": choice} if forced(ask) else {}
    yield ask.chat(PARIS, tools=[PRECISE, WEATHER], **chosen, max_tokens=256, **GREEDY)


@probe("tools.none", requests=2, prompt=2000, tokens=64, features={"tools"}, applies=has_tools)
def none(ask: Ask) -> Steps:
    """A question for the tool, and the tool forbidden, in both modes."""
    yield ask.chat(PARIS, tools=[WEATHER], tool_choice="none", max_tokens=32, **GREEDY)
    yield ask.chat(PARIS, tools=[WEATHER], tool_choice="none", max_tokens=32, **GREEDY, **STREAM_USAGE, step="stream")


@probe("tools.auto", Suite.THOROUGH, requests=3, prompt=2000, tokens=12, features={"tools"}, applies=has_tools)
def auto(ask: Ask) -> Steps:
    """tool_choice auto, null and absent."""
    yield offered(ask, WEATHER, tool_choice="auto", step="auto")
    yield offered(ask, WEATHER, tool_choice=None, step="null")
    yield offered(ask, WEATHER, step="absent")


@probe("tools.parallel", requests=2, prompt=2000, tokens=512, features={"tools"}, applies=has_tools)
def parallel(ask: Ask) -> Steps:
    """A question that takes two calls, twice."""
    for step in ("first", "second"):
        yield ask.chat(TWO, tools=[WEATHER], **forced(ask), max_tokens=256, **GREEDY, step=step)


@probe("tools.parallel.stream", requests=2, prompt=2000, tokens=512, features={"tools"}, applies=has_tools)
def parallel_stream(ask: Ask) -> Steps:
    """The same as a stream."""
    for step in ("first", "second"):
        yield ask.chat(TWO, tools=[WEATHER], **forced(ask), max_tokens=256, **GREEDY, **STREAM_USAGE, step=step)


@probe("tools.echo-arguments", requests=2, prompt=2000, tokens=512, features={"tools"}, applies=has_tools)
def echo_arguments(ask: Ask) -> Steps:
    """A call whose arguments the schema dictates to the last digit, in both modes."""
    prompt = f"Run order {ORDER} with exactly the note that the schema allows."
    yield ask.chat(prompt, tools=[PRECISE], **forced(ask), max_tokens=256, **GREEDY)
    yield ask.chat(prompt, tools=[PRECISE], **forced(ask), max_tokens=256, **GREEDY, **STREAM_USAGE, step="stream")


@probe("tools.cut", requests=3, prompt=3000, tokens=36, features={"tools"}, applies=has_tools)
def cut_short(ask: Ask) -> Steps:
    """Calls that max_tokens cuts: non-streaming, streaming, and one of two in a stream."""
    yield ask.chat(PARIS, tools=[WEATHER], **forced(ask), max_tokens=8, **GREEDY, step="document")
    yield ask.chat(PARIS, tools=[WEATHER], **forced(ask), max_tokens=8, **GREEDY, **STREAM_USAGE, step="stream")
    yield ask.chat(TWO, tools=[WEATHER], **forced(ask), max_tokens=20, **GREEDY, **STREAM_USAGE, step="parallel")


@probe("tools.round-trip", requests=2, prompt=4000, tokens=320, features={"tools"}, applies=has_tools)
def round_trip(ask: Ask) -> Steps:
    """A call, its result, and the answer to it."""
    question = {"role": "user", "content": PARIS}
    exchange = yield ask.chat([question], tools=[WEATHER], **forced(ask), max_tokens=256, **GREEDY, step="call")
    message = at(exchange.json, "choices", 0, "message")
    calls = at(message, "tool_calls")
    if not isinstance(calls, list) or not calls:
        return
    results = [{"role": "tool", "tool_call_id": at(call, "id"), "content": "21 degrees"} for call in calls]
    yield ask.chat([question, message, *results], tools=[WEATHER], max_tokens=64, **GREEDY, step="result").but(
        notes={"built": "on the answer"}
    )


@probe("tools.null-content", requests=3, prompt=4000, tokens=12, features={"tools"}, applies=has_tools)
def null_content(ask: Ask) -> Steps:
    """A history of calls whose assistant message has content null, the empty string, and text."""
    for step, content in (("null", None), ("empty", ""), ("text", "Let me look.")):
        yield ask.chat(turns(content, **thought(ask)), tools=[WEATHER], max_tokens=4, step=step)


@probe("tools.orphan", tokens=1, features={"tools", "errors"}, applies=has_tools, order=10)
def orphan(ask: Ask) -> Steps:
    """A tool message that answers no call."""
    history = [{"role": "user", "content": "Hi."}, {"role": "tool", "tool_call_id": "call_00_a", "content": "7"}]
    yield faulty(ask.chat(history, tools=[WEATHER], max_tokens=1), "a tool message without a call")


@probe(
    "tools.unanswered",
    Suite.THOROUGH,
    requests=2,
    prompt=3000,
    tokens=2,
    features={"tools", "errors"},
    applies=has_tools,
    order=10,
)
def unanswered(ask: Ask) -> Steps:
    """Two calls, of which one and none is answered."""
    one = [*turns(results=("call_00_a",)), {"role": "user", "content": "And?"}]
    none_at_all = [*turns(results=()), {"role": "user", "content": "And?"}]
    yield faulty(ask.chat(one, tools=[WEATHER], max_tokens=1, step="one"), "a call without a tool message")
    yield faulty(ask.chat(none_at_all, tools=[WEATHER], max_tokens=1, step="both"), "calls without tool messages")


@probe("tools.result-parts", Suite.THOROUGH, prompt=2000, tokens=4, features={"tools"}, applies=has_tools)
def result_parts(ask: Ask) -> Steps:
    """A tool message whose content is an array of parts: only a string was documented."""
    history = turns(**thought(ask))
    history[-1]["content"] = [{"type": "text", "text": "18 degrees"}]
    yield ask.chat(history, tools=[WEATHER], max_tokens=4).but(
        notes={} if ask.limits.content_parts else {"open": "either outcome is legal"}
    )


def many(count: int) -> list[dict[str, Any]]:
    return [function(f"tool_{number}", "Does nothing.", {}) for number in range(count)]


@probe("tools.count-128", Suite.THOROUGH, prompt=30000, tokens=4, features={"tools"}, applies=has_tools)
def count_128(ask: Ask) -> Steps:
    """The maximum number of functions."""
    yield offered(ask, *many(128))


@probe(
    "tools.count-129", Suite.THOROUGH, prompt=30000, tokens=1, features={"tools", "errors"}, applies=has_tools, order=12
)
def count_129(ask: Ask) -> Steps:
    """One function more than allowed."""
    yield bad(ask, "129 functions", *many(129))


@probe("tools.empty-array", tokens=4, features={"tools"}, applies=has_tools)
def empty_array(ask: Ask) -> Steps:
    """An empty array of tools."""
    yield offered(ask)


@probe("tools.parallel-off", Suite.THOROUGH, tokens=256, features={"tools"}, applies=has_tools)
def parallel_off(ask: Ask) -> Steps:
    """parallel_tool_calls false and a question that takes two calls; not documented by DeepSeek."""
    yield ask.chat(TWO, tools=[WEATHER], **forced(ask), parallel_tool_calls=False, max_tokens=256, **GREEDY)


@probe("tools.no-parameters", Suite.THOROUGH, tokens=4, features={"tools"}, applies=has_tools)
def no_parameters(ask: Ask) -> Steps:
    """A function without parameters."""
    yield offered(ask, {"type": "function", "function": {"name": "now", "description": "The time."}})


def renamed(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {**WEATHER["function"], "name": name}}


@probe("tools.bad-name", tokens=1, features={"tools", "errors"}, applies=has_tools, order=10)
def bad_name(ask: Ask) -> Steps:
    """A function name that is one character too long."""
    yield bad(ask, "a function name outside its alphabet", renamed("get weather.now"))


@probe("tools.long-name", Suite.THOROUGH, tokens=1, features={"tools", "errors"}, applies=has_tools, order=10)
def long_name(ask: Ask) -> Steps:
    """A function name with one character too many."""
    too_long = (ask.limits.tool_name_max or 64) + 1
    yield bad(ask, f"a function name of {too_long} characters", renamed("w" * too_long))


@probe("tools.longest-name", Suite.THOROUGH, tokens=4, features={"tools"}, applies=has_tools)
def longest_name(ask: Ask) -> Steps:
    """A function name of maximum length."""
    yield offered(ask, renamed("w" * (ask.limits.tool_name_max or 64)))


@probe("tools.duplicate-name", Suite.THOROUGH, tokens=1, features={"tools", "errors"}, applies=has_tools, order=10)
def duplicate_name(ask: Ask) -> Steps:
    """Two functions of one name."""
    yield bad(ask, "two functions of one name", WEATHER, WEATHER)


@probe("tools.bad-parameters", Suite.THOROUGH, tokens=1, features={"tools", "errors"}, applies=has_tools, order=10)
def bad_parameters(ask: Ask) -> Steps:
    """Parameters that are not an object schema."""
    broken = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "string"}}}
    yield bad(ask, "parameters that are no object", broken)


@probe("tools.bad-choice", tokens=1, features={"tools", "errors"}, applies=has_tools, order=10)
def bad_choice(ask: Ask) -> Steps:
    """A tool_choice that does not exist."""
    yield bad(ask, "an unknown tool_choice", WEATHER, tool_choice="sometimes")


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "book", "strict": True, "parameters": schema}}


def has_strict(ask: Subject) -> bool:
    return ask.limits.strict_tools


@probe("tools.strict", tokens=256, features={"tools"}, applies=has_strict)
def strict_tools(ask: Ask) -> Steps:
    """A strict function below /beta."""
    properties = {
        "city": {"type": "string"},
        "nights": {"type": "integer", "minimum": 1, "maximum": 14},
        "kind": {"enum": ["room", "suite"]},
    }
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    prompt = "Book two nights in a suite in Lisbon. Use the tool."
    yield ask.chat(prompt, path=BETA_CHAT, tools=[strict(schema)], **forced(ask), max_tokens=256, **GREEDY)


@probe("tools.strict-bad", tokens=1, features={"tools", "errors"}, applies=has_strict, order=10)
def strict_bad(ask: Ask) -> Steps:
    """A strict function with a property that is not required."""
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": [],
        "additionalProperties": False,
    }
    yield bad(ask, "a strict schema with an optional property", strict(schema), path=BETA_CHAT)
