"""The Responses format: the same questions as of chat, asked in items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from echosounder.conformance.ask import GREEDY, OUTPUT, Ask, Send
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.cache import LONG
from echosounder.conformance.probes.chat import COUNT, ECHO, STORY, STREAM
from echosounder.conformance.probes.errors import faulty, needs_key
from echosounder.judgement.agreed import BAD_KEY
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite
from echosounder.wire.formats import RESPONSES, Question, Turn
from echosounder.wire.strict_json import at

HELLO = "Say hello."
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "name": "get_weather", "description": "The weather in a city.", "parameters": PARAMETERS}
TIME = {"type": "function", "name": "get_time", "description": "The time in a city.", "parameters": PARAMETERS}
PARIS = "What is the weather in Paris? Use the tool."
TWO = "Call get_weather for Paris and for Tokyo, both at once."
IGNORED: dict[str, Any] = {
    "background": False,
    "conversation": None,
    "include": [],
    "max_tool_calls": 3,
    "metadata": {"run": "1"},
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "safety_identifier": "s",
    "service_tier": "auto",
    "truncation": "auto",
}
EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")
FEATURES = {"responses"}


def served(subject: Subject) -> bool:
    return "responses" in subject.behaviour.formats


def thinks(subject: Subject) -> bool:
    return served(subject) and subject.limits.thinking in {"switch", "always"}


def calls(subject: Subject) -> bool:
    return served(subject) and subject.limits.tools


def keyed(subject: Subject) -> bool:
    return served(subject) and needs_key(subject)


def switches(subject: Subject) -> bool:
    return served(subject) and subject.limits.thinking == "switch"


def thinks_and_calls(subject: Subject) -> bool:
    return thinks(subject) and subject.limits.tools


def body(ask: Ask, input: str | Sequence[Mapping[str, Any]] | None, /, **fields: Any) -> dict[str, Any]:
    """Not thinking and sixteen tokens at most, unless *fields* say otherwise. A field of value ``...`` is left out."""
    turns = (Turn("user", input),) if isinstance(input, str) else ()
    thinking = False if ask.limits.thinking == "switch" else None
    made = RESPONSES.ask(ask.model, Question(turns, OUTPUT, thinking=thinking))
    if not isinstance(input, str):
        made["input"] = ... if input is None else list(input)
    return {name: value for name, value in (made | fields).items() if value is not ...}


def respond(
    ask: Ask, input: str | Sequence[Mapping[str, Any]] | None = HELLO, /, *, step: str = "", **fields: Any
) -> Send:
    return ask.post(RESPONSES.path, body(ask, input, **fields), step=step)


def wrong(ask: Ask, fault: str, step: str, items: Any = HELLO, /, **fields: Any) -> Send:
    return faulty(respond(ask, items, step=step, **{"max_output_tokens": 1, **fields}), fault)


def said(role: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": text}


def called(id: str, city: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": id, "name": "get_weather", "arguments": f'{{"city": "{city}"}}'}


def result(id: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": id, "output": "21 degrees, sunny"}


def output(exchange: Any) -> list[dict[str, Any]]:
    """The items of a response, to be handed back."""
    items = at(exchange.json, "output") if exchange is not None else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def results(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [result(str(item.get("call_id"))) for item in items if item.get("type") == "function_call"]


def forced(ask: Ask) -> dict[str, Any]:
    free = ask.limits.thinking != "always" or ask.limits.forced_tools_in_thinking
    return {"tool_choice": "required"} if free else {}


@probe("responses.basic", Suite.SMOKE, features=FEATURES, applies=served, order=3)
def basic(ask: Ask) -> Steps:
    """One short response as a document."""
    yield respond(ask, "What is the capital of France? Answer in one word.")


@probe("responses.stream", Suite.SMOKE, tokens=64, features=FEATURES, applies=served)
def stream(ask: Ask) -> Steps:
    """One response as a stream."""
    yield respond(ask, COUNT, max_output_tokens=64, **STREAM, **GREEDY)


@probe("responses.pair", requests=2, tokens=128, features=FEATURES, applies=served)
def pair(ask: Ask) -> Steps:
    """A deterministic request twice as a document."""
    yield respond(ask, COUNT, max_output_tokens=64, **GREEDY, step="first")
    yield respond(ask, COUNT, max_output_tokens=64, **GREEDY, step="second")


@probe("responses.unicode.stream", tokens=128, features=FEATURES, applies=served)
def unicode(ask: Ask) -> Steps:
    """Characters of two to four bytes in a stream."""
    yield respond(ask, ECHO, max_output_tokens=128, **STREAM, **GREEDY)


@probe("responses.inputs", requests=5, tokens=5 * OUTPUT, features=FEATURES, applies=served)
def inputs(ask: Ask) -> Steps:
    """Ways to bring a prompt: as text, as items without a type, as parts, with instructions and with instructions alone."""
    yield respond(ask, None, input=HELLO, step="text")
    yield respond(ask, [{"role": "user", "content": HELLO}], step="untyped")
    yield respond(ask, [said("user", [{"type": "input_text", "text": HELLO}])], step="parts")  # type: ignore[arg-type]
    yield respond(ask, HELLO, instructions="Answer in one word.", step="instructions")
    yield respond(ask, None, instructions=HELLO, step="alone")


@probe("responses.roles", requests=3, tokens=3 * OUTPUT, features=FEATURES, applies=served)
def roles(ask: Ask) -> Steps:
    """Messages of the roles system, developer and assistant."""
    yield respond(ask, [said("system", "Answer in one word."), said("user", HELLO)], step="system")
    yield respond(ask, [said("developer", "Answer in one word."), said("user", HELLO)], step="developer")
    turns = [said("user", HELLO), said("assistant", "Hello."), said("user", "Again.")]
    yield respond(ask, turns, step="assistant")


@probe("responses.returned", requests=2, tokens=2 * OUTPUT, prompt=4000, features=FEATURES, applies=served)
def returned(ask: Ask) -> Steps:
    """A conversation that hands the items of the first response back."""
    first = yield respond(ask, HELLO, step="first")
    items = output(first)
    if items:
        turns = [said("user", HELLO), *items, said("user", "Again.")]
        yield respond(ask, turns, step="second").but(notes={"built": "of the first response"})


@probe("responses.length", tokens=4, features=FEATURES, applies=served)
def length(ask: Ask) -> Steps:
    """A long story in four tokens."""
    yield respond(ask, STORY, max_output_tokens=4)


@probe("responses.length.stream", tokens=4, features=FEATURES, applies=served)
def length_stream(ask: Ask) -> Steps:
    """The same as a stream."""
    yield respond(ask, STORY, max_output_tokens=4, **STREAM)


@probe("responses.options", requests=3, tokens=3 * OUTPUT, prompt=2000, features=FEATURES, applies=served)
def options(ask: Ask) -> Steps:
    """Members that are ignored, one that nobody knows, and the highest temperature."""
    yield respond(ask, HELLO, **IGNORED, step="ignored")
    yield respond(ask, HELLO, x_echosounder={"any": [1]}, step="unknown")
    yield respond(ask, HELLO, temperature=2, step="temperature")


@probe("responses.unknown-item", tokens=OUTPUT, features=FEATURES, applies=served)
def unknown_item(ask: Ask) -> Steps:
    """An item of a type that nobody knows."""
    yield respond(ask, [{"type": "x_echosounder", "text": "?"}, said("user", HELLO)])


@probe("responses.json", requests=2, tokens=256, features=FEATURES, applies=served)
def json_output(ask: Ask) -> Steps:
    """An answer that must be a JSON object."""
    prompt = "Give the capital of France as json with the key capital."
    for step in ("first", "second"):
        yield respond(ask, prompt, text={"format": {"type": "json_object"}}, max_output_tokens=128, step=step)


@probe("responses.tools", Suite.SMOKE, requests=2, prompt=2000, tokens=512, features=FEATURES, applies=calls)
def tools(ask: Ask) -> Steps:
    """A tool that must be called, twice."""
    for step in ("first", "second"):
        yield respond(ask, PARIS, tools=[WEATHER], **forced(ask), max_output_tokens=256, **GREEDY, step=step)


@probe("responses.tools.stream", prompt=2000, tokens=256, features=FEATURES, applies=calls)
def tools_stream(ask: Ask) -> Steps:
    """A tool that must be called, as a stream."""
    yield respond(ask, PARIS, tools=[WEATHER], **forced(ask), max_output_tokens=256, **STREAM, **GREEDY)


@probe("responses.parallel.stream", prompt=2000, tokens=256, features=FEATURES, applies=calls)
def parallel(ask: Ask) -> Steps:
    """Two calls at once, as a stream."""
    yield respond(ask, TWO, tools=[WEATHER, TIME], **forced(ask), max_output_tokens=256, **STREAM, **GREEDY)


@probe("responses.choice", requests=2, prompt=2000, tokens=256 + OUTPUT, features=FEATURES, applies=calls)
def choice(ask: Ask) -> Steps:
    """A tool that is named, and tools that must not be called."""
    if forced(ask):
        chosen = {"type": "function", "name": "get_time"}
        tools = [WEATHER, TIME]
        yield respond(ask, PARIS, tools=tools, tool_choice=chosen, max_output_tokens=256, **GREEDY, step="named")
    yield respond(ask, PARIS, tools=[WEATHER], tool_choice="none", step="none")


@probe("responses.round-trip", requests=2, prompt=6000, tokens=512, features=FEATURES, applies=calls)
def round_trip(ask: Ask) -> Steps:
    """A call, and its result with the items of the response before it."""
    call = yield respond(ask, PARIS, tools=[WEATHER], **forced(ask), max_output_tokens=256, **GREEDY, step="call")
    items = output(call)
    if results(items):
        turns = [said("user", PARIS), *items, *results(items)]
        again = respond(ask, turns, tools=[WEATHER], max_output_tokens=256, step="result")
        yield again.but(notes={"built": "of the first response"})


@probe("responses.history", tokens=OUTPUT, prompt=2000, features=FEATURES, applies=calls)
def history(ask: Ask) -> Steps:
    """Two calls and their results that the model never made."""
    turns = [said("user", TWO), called("call_00_a", "Paris"), called("call_01_b", "Tokyo")]
    yield respond(ask, [*turns, result("call_00_a"), result("call_01_b")], tools=[WEATHER])


@probe(
    "responses.pairing", requests=4, prompt=4000, tokens=4, features={"responses", "errors"}, applies=calls, order=10
)
def pairing(ask: Ask) -> Steps:
    """Results without a call, calls without a result, one id for two calls, and an empty id."""
    asked, one = said("user", TWO), called("call_00_a", "Paris")
    yield wrong(ask, "a result without a call", "orphan", [asked, result("call_00_x")], tools=[WEATHER])
    turns = [asked, one, called("call_01_b", "Tokyo"), result("call_00_a")]
    yield wrong(ask, "a call without a result", "unanswered", turns, tools=[WEATHER])
    turns = [asked, one, one, result("call_00_a"), result("call_00_a")]
    yield wrong(ask, "two calls of one id", "twice", turns, tools=[WEATHER])
    yield wrong(ask, "an empty call_id", "empty", [asked, called("", "Paris"), result("")], tools=[WEATHER])


@probe(
    "responses.tool-names", requests=4, prompt=4000, tokens=4, features={"responses", "errors"}, applies=calls, order=10
)
def tool_names(ask: Ask) -> Steps:
    """Names that are too long, hold a blank, occur twice, or are of a custom tool that is not apply_patch."""
    yield wrong(ask, "a name of 129 characters", "long", tools=[{**WEATHER, "name": "w" * 129}])
    yield wrong(ask, "a name with a blank", "blank", tools=[{**WEATHER, "name": "get weather"}])
    yield wrong(ask, "two tools of one name", "twice", tools=[WEATHER, WEATHER])
    yield wrong(ask, "a custom tool of another name", "custom", tools=[{"type": "custom", "name": "edit"}])


@probe("responses.tool-kinds", requests=3, prompt=4000, tokens=3 * OUTPUT, features=FEATURES, applies=calls)
def tool_kinds(ask: Ask) -> Steps:
    """The longest name, apply_patch, and a built-in tool that is not there."""
    yield respond(ask, HELLO, tools=[{**WEATHER, "name": "w" * 128}], step="longest")
    yield respond(ask, HELLO, tools=[{"type": "custom", "name": "apply_patch"}], step="custom")
    yield respond(ask, HELLO, tools=[WEATHER, {"type": "image_generation"}], step="built-in")


def thinking(ask: Ask) -> dict[str, Any]:
    return {"reasoning": {"effort": "high"}} if ask.limits.thinking == "switch" else {}


@probe("responses.thinking", tokens=512, features=FEATURES, applies=thinks)
def thinking_document(ask: Ask) -> Steps:
    """A question that is thought about."""
    yield respond(ask, "What is 17 times 23?", **thinking(ask), max_output_tokens=512)


@probe("responses.thinking.stream", tokens=512, features=FEATURES, applies=thinks)
def thinking_stream(ask: Ask) -> Steps:
    """The same as a stream."""
    yield respond(ask, "What is 17 times 23?", **thinking(ask), max_output_tokens=512, **STREAM)


@probe(
    "responses.efforts",
    Suite.THOROUGH,
    requests=len(EFFORTS),
    tokens=len(EFFORTS) * OUTPUT,
    features=FEATURES,
    applies=switches,
    order=60,
)
def efforts(ask: Ask) -> Steps:
    """Every effort that is accepted."""
    for effort in EFFORTS:
        yield respond(ask, HELLO, reasoning={"effort": effort}, step=effort)


@probe(
    "responses.thinking-tools",
    requests=3,
    prompt=9000,
    tokens=1536,
    features=FEATURES,
    applies=thinks_and_calls,
)
def thinking_tools(ask: Ask) -> Steps:
    """A call after a thought; then its result with the thought, and without it."""
    more: dict[str, Any] = {"tools": [WEATHER], **thinking(ask), "max_output_tokens": 512}
    call = yield respond(ask, PARIS, **more, step="call")
    items = output(call)
    if results(items) and any(item.get("type") == "reasoning" for item in items):
        notes = {"built": "of the first response"}
        turns = [said("user", PARIS), *items, *results(items)]
        yield respond(ask, turns, **more, step="kept").but(notes=notes)
        without = [item for item in turns if item.get("type") != "reasoning"]
        yield respond(ask, without, **more, step="lost").but(notes={**notes, "open": "the thought is missing"})


@probe(
    "responses.cache",
    requests=2,
    prompt=20_000,
    tokens=2 * OUTPUT,
    features={"responses", "cache"},
    applies=served,
    order=70,
)
def cache(ask: Ask) -> Steps:
    """A long prompt, twice."""
    prompt = f"Log {ask.salt}-responses. {LONG[:8000]} Say hello."
    yield respond(ask, prompt, step="first")
    yield respond(ask, prompt, step="second").but(after_a_while=True)


@probe(
    "responses.auth",
    Suite.SMOKE,
    requests=2,
    prompt=2000,
    tokens=2,
    features={"responses", "errors"},
    applies=keyed,
    order=10,
)
def auth(ask: Ask) -> Steps:
    """No key, and one that nobody knows."""
    send = respond(ask, HELLO, max_output_tokens=1)
    yield faulty(send.but(authorization=None, step="none"), "no key")
    yield faulty(send.but(authorization=f"Bearer {BAD_KEY}", step="unknown"), "unknown key")


@probe(
    "responses.faults", requests=8, prompt=8000, tokens=8, features={"responses", "errors"}, applies=served, order=10
)
def faults(ask: Ask) -> Steps:
    """Requests with one fault each."""
    yield faulty(ask.post(RESPONSES.path, b'{"model":', step="json"), "cut JSON")
    yield wrong(ask, "no model", "model", model=...)
    yield wrong(ask, "neither input nor instructions", "input", None)
    yield wrong(ask, "unknown model", "unknown-model", model="echosounder-no-such-model")
    yield wrong(ask, "input is a number", "type", None, input=7)
    yield wrong(ask, "unknown role", "role", [said("narrator", "Hi.")])
    yield wrong(ask, "temperature 3", "temperature", temperature=3)
    yield wrong(ask, "unknown role", "stream", [said("narrator", "Hi.")], stream=True)
