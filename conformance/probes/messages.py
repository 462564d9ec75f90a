"""The Messages format: the same questions as of chat, asked in blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from echosounder.conformance.ask import GREEDY, JSON_TYPE, OUTPUT, Ask, Send
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.cache import LONG
from echosounder.conformance.probes.chat import COUNT, ECHO, STOP_ECHO, STORY, STREAM
from echosounder.conformance.probes.errors import faulty, needs_key
from echosounder.judgement.agreed import BAD_KEY
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite
from echosounder.wire.formats import MESSAGES, Question, Turn
from echosounder.wire.strict_json import at

HELLO = "Say hello."
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "The weather in a city.", "input_schema": SCHEMA}
TIME = {"name": "get_time", "description": "The time in a city.", "input_schema": SCHEMA}
PARIS = "What is the weather in Paris? Use the tool."
TWO = "Call get_weather for Paris and for Tokyo, both at once."
CACHED = {"cache_control": {"type": "ephemeral"}}
IGNORED = {
    "container": "c",
    "mcp_servers": [],
    "service_tier": "auto",
    "top_k": 40,
    "metadata": {"user_id": "u"},
    "cache_control": {"type": "ephemeral"},
}
VERSION = (("anthropic-version", "2023-06-01"),)
FEATURES = {"messages"}


def served(subject: Subject) -> bool:
    return "messages" in subject.behaviour.formats


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


def message(ask: Ask, turns: str | Sequence[Mapping[str, Any]] = HELLO, /, *, step: str = "", **fields: Any) -> Send:
    """Not thinking and sixteen tokens at most, unless *fields* say otherwise. A field of value ``...`` is left out."""
    question = (Turn("user", turns),) if isinstance(turns, str) else ()
    made = MESSAGES.ask(
        ask.model, Question(question, OUTPUT, thinking=False if ask.limits.thinking == "switch" else None)
    )
    if not isinstance(turns, str):
        made["messages"] = list(turns)
    body = {name: value for name, value in (made | fields).items() if value is not ...}
    return ask.within(MESSAGES, body, step=step)


def wrong(ask: Ask, fault: str, step: str, turns: Any = HELLO, **fields: Any) -> Send:
    return faulty(message(ask, turns, step=step, **{"max_tokens": 1, **fields}), fault)


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def called(id: str, city: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": "get_weather", "input": {"city": city}}


def result(id: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": "21 degrees, sunny", **more}


def content(exchange: Any) -> list[dict[str, Any]]:
    """The blocks of a message, to be handed back."""
    blocks = at(exchange.json, "content") if exchange is not None else None
    return [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []


def results(blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [result(str(block.get("id"))) for block in blocks if block.get("type") == "tool_use"]


def forced(ask: Ask) -> dict[str, Any]:
    free = ask.limits.thinking != "always" or ask.limits.forced_tools_in_thinking
    return {"tool_choice": {"type": "any"}} if free else {}


@probe("messages.basic", Suite.SMOKE, features=FEATURES, applies=served, order=4)
def basic(ask: Ask) -> Steps:
    """One short message as a document."""
    yield message(ask, "What is the capital of France? Answer in one word.")


@probe("messages.stream", Suite.SMOKE, tokens=64, features=FEATURES, applies=served)
def stream(ask: Ask) -> Steps:
    """One message as a stream."""
    yield message(ask, COUNT, max_tokens=64, **STREAM, **GREEDY)


@probe("messages.pair", requests=2, tokens=128, features=FEATURES, applies=served)
def pair(ask: Ask) -> Steps:
    """A deterministic request twice as a document."""
    yield message(ask, COUNT, max_tokens=64, **GREEDY, step="first")
    yield message(ask, COUNT, max_tokens=64, **GREEDY, step="second")


@probe("messages.unicode.stream", tokens=128, features=FEATURES, applies=served)
def unicode(ask: Ask) -> Steps:
    """Characters of two to four bytes in a stream."""
    yield message(ask, ECHO, max_tokens=128, **STREAM, **GREEDY)


@probe("messages.inputs", requests=4, tokens=4 * OUTPUT, prompt=2000, features=FEATURES, applies=served)
def inputs(ask: Ask) -> Steps:
    """Ways to bring a prompt: blocks, a system text, system blocks, and turns of both roles."""
    yield message(ask, [said("user", [text(HELLO)])], step="blocks")
    yield message(ask, HELLO, system="Answer in one word.", step="system")
    yield message(ask, HELLO, system=[text("Answer in one word.", **CACHED)], step="system-blocks")
    yield message(ask, [said("user", HELLO), said("assistant", "Hello."), said("user", "Again.")], step="turns")


@probe("messages.returned", requests=2, tokens=2 * OUTPUT, prompt=4000, features=FEATURES, applies=served)
def returned(ask: Ask) -> Steps:
    """A conversation that hands the blocks of the first message back."""
    first = yield message(ask, HELLO, step="first")
    blocks = content(first)
    if blocks:
        turns = [said("user", HELLO), said("assistant", blocks), said("user", "Again.")]
        yield message(ask, turns, step="second").but(notes={"built": "of the first message"})


@probe("messages.length", tokens=4, features=FEATURES, applies=served)
def length(ask: Ask) -> Steps:
    """A long story in four tokens."""
    yield message(ask, STORY, max_tokens=4)


@probe("messages.length.stream", tokens=4, features=FEATURES, applies=served)
def length_stream(ask: Ask) -> Steps:
    """The same as a stream."""
    yield message(ask, STORY, max_tokens=4, **STREAM)


@probe("messages.stop", tokens=64, features=FEATURES, applies=served)
def stop(ask: Ask) -> Steps:
    """A stop sequence that the answer comes to."""
    yield message(ask, STOP_ECHO, max_tokens=64, stop_sequences=["HALT"], **GREEDY)


@probe("messages.stop.stream", tokens=64, features=FEATURES, applies=served)
def stop_stream(ask: Ask) -> Steps:
    """The same as a stream."""
    yield message(ask, STOP_ECHO, max_tokens=64, stop_sequences=["HALT"], **STREAM, **GREEDY)


@probe("messages.options", requests=3, tokens=3 * OUTPUT, prompt=2000, features=FEATURES, applies=served)
def options(ask: Ask) -> Steps:
    """Members that are ignored, one that nobody knows, and the highest temperature."""
    yield message(ask, HELLO, **IGNORED, step="ignored")
    yield message(ask, HELLO, x_echosounder={"any": [1]}, step="unknown")
    yield message(ask, HELLO, temperature=2, step="temperature")


@probe("messages.headers", requests=4, tokens=4 * OUTPUT, features=FEATURES, applies=served)
def headers(ask: Ask) -> Steps:
    """The key as Bearer, no version, an unknown version, and an unknown beta."""
    send = message(ask)
    yield send.but(authorization="Bearer {key}", key_header="Authorization", step="bearer")
    yield send.but(headers=JSON_TYPE, step="no-version")
    yield send.but(headers=(*JSON_TYPE, ("anthropic-version", "1999-12-31")), step="version")
    yield send.but(headers=(*JSON_TYPE, *VERSION, ("anthropic-beta", "x-echosounder-2026")), step="beta")


@probe("messages.two-keys", requests=2, prompt=2000, tokens=OUTPUT + 1, features=FEATURES, applies=keyed)
def two_keys(ask: Ask) -> Steps:
    """A right key as Bearer beside an unknown x-api-key, and the other way round."""
    right = message(ask).but(authorization="Bearer {key}", key_header="Authorization", step="right")
    yield right.but(headers=(*right.headers, ("x-api-key", BAD_KEY)))
    left = message(ask, HELLO, max_tokens=1, step="unknown")
    yield left.but(headers=(*left.headers, ("Authorization", f"Bearer {BAD_KEY}")), notes={"open": "two keys"})


@probe("messages.models", requests=3, tokens=3 * OUTPUT, features=FEATURES, applies=served)
def models(ask: Ask) -> Steps:
    """Names of Anthropic's models, as agents send them."""
    yield message(ask, HELLO, model="claude-opus-4-1", step="opus")
    yield message(ask, HELLO, model="claude-sonnet-4-5", step="sonnet")
    yield message(ask, HELLO, model="claude-haiku-4-5", step="haiku")


@probe("messages.unknown-model", tokens=1, features=FEATURES, applies=served, order=10)
def unknown_model(ask: Ask) -> Steps:
    """A model that nobody knows: mapped to one until October 2026, refused since."""
    yield message(ask, HELLO, model="echosounder-no-such-model", max_tokens=1).but(notes={"open": "an unknown model"})


@probe("messages.tools", Suite.SMOKE, requests=2, prompt=2000, tokens=512, features=FEATURES, applies=calls)
def tools(ask: Ask) -> Steps:
    """A tool that must be called, twice."""
    for step in ("first", "second"):
        yield message(ask, PARIS, tools=[WEATHER], **forced(ask), max_tokens=256, **GREEDY, step=step)


@probe("messages.tools.stream", prompt=2000, tokens=256, features=FEATURES, applies=calls)
def tools_stream(ask: Ask) -> Steps:
    """A tool that must be called, as a stream."""
    yield message(ask, PARIS, tools=[WEATHER], **forced(ask), max_tokens=256, **STREAM, **GREEDY)


@probe("messages.parallel.stream", prompt=2000, tokens=256, features=FEATURES, applies=calls)
def parallel(ask: Ask) -> Steps:
    """Two calls at once, as a stream."""
    yield message(ask, TWO, tools=[WEATHER, TIME], **forced(ask), max_tokens=256, **STREAM, **GREEDY)


@probe("messages.choice", requests=3, prompt=3000, tokens=256 + 2 * OUTPUT, features=FEATURES, applies=calls)
def choice(ask: Ask) -> Steps:
    """A tool that is named, tools that must not be called, and tools with a choice."""
    if forced(ask):
        chosen = {"type": "tool", "name": "get_time", "disable_parallel_tool_use": True}
        tools = [WEATHER, TIME]
        yield message(ask, PARIS, tools=tools, tool_choice=chosen, max_tokens=256, **GREEDY, step="named")
    yield message(ask, PARIS, tools=[WEATHER], tool_choice={"type": "none"}, step="none")
    yield message(ask, HELLO, tools=[{**WEATHER, **CACHED}], tool_choice={"type": "auto"}, step="auto")


@probe("messages.round-trip", requests=2, prompt=6000, tokens=512, features=FEATURES, applies=calls)
def round_trip(ask: Ask) -> Steps:
    """A call, and its result with the blocks of the message before it."""
    call = yield message(ask, PARIS, tools=[WEATHER], **forced(ask), max_tokens=256, **GREEDY, step="call")
    blocks = content(call)
    if results(blocks):
        turns = [said("user", PARIS), said("assistant", blocks), said("user", results(blocks))]
        again = message(ask, turns, tools=[WEATHER], max_tokens=256, step="result")
        yield again.but(notes={"built": "of the first message"})


@probe("messages.history", requests=2, tokens=2 * OUTPUT, prompt=3000, features=FEATURES, applies=calls)
def history(ask: Ask) -> Steps:
    """Calls and their results that the model never made; then one result that reports an error, in blocks."""
    two = said("assistant", [called("call_00_a", "Paris"), called("call_01_b", "Tokyo")])
    turns = [said("user", TWO), two, said("user", [result("call_00_a"), result("call_01_b")])]
    yield message(ask, turns, tools=[WEATHER], step="results")
    failed = result("call_00_a", content=[text("no such city")], is_error=True)
    turns = [said("user", PARIS), said("assistant", [called("call_00_a", "Paris")]), said("user", [failed])]
    yield message(ask, turns, tools=[WEATHER], step="error")


@probe("messages.pairing", requests=2, prompt=2000, tokens=2, features={"messages", "errors"}, applies=calls, order=10)
def pairing(ask: Ask) -> Steps:
    """A result without a call, and a call without a result."""
    turns = [said("user", TWO), said("user", [result("call_00_x")])]
    yield wrong(ask, "a result without a call", "orphan", turns, tools=[WEATHER])
    two = said("assistant", [called("call_00_a", "Paris"), called("call_01_b", "Tokyo")])
    turns = [said("user", TWO), two, said("user", [result("call_00_a")])]
    yield wrong(ask, "a call without a result", "unanswered", turns, tools=[WEATHER])


def thinking(ask: Ask) -> dict[str, Any]:
    """The budget is ignored, and must not fail a request."""
    return {"thinking": {"type": "enabled", "budget_tokens": 1024}} if ask.limits.thinking == "switch" else {}


@probe("messages.thinking", tokens=512, features=FEATURES, applies=thinks)
def thinking_document(ask: Ask) -> Steps:
    """A question that is thought about."""
    yield message(ask, "What is 17 times 23?", **thinking(ask), max_tokens=512)


@probe("messages.thinking.stream", tokens=512, features=FEATURES, applies=thinks)
def thinking_stream(ask: Ask) -> Steps:
    """The same as a stream."""
    yield message(ask, "What is 17 times 23?", **thinking(ask), max_tokens=512, **STREAM)


@probe(
    "messages.effort",
    requests=2,
    tokens=2 * OUTPUT,
    features=FEATURES,
    applies=switches,
)
def effort(ask: Ask) -> Steps:
    """Efforts in output_config."""
    for step in ("low", "max"):
        yield message(ask, HELLO, **thinking(ask), output_config={"effort": step}, step=step)


@probe(
    "messages.thinking-tools",
    requests=3,
    prompt=9000,
    tokens=1536,
    features=FEATURES,
    applies=thinks_and_calls,
)
def thinking_tools(ask: Ask) -> Steps:
    """A call after a thought; then its result with the thought, and without it."""
    more: dict[str, Any] = {"tools": [WEATHER], **thinking(ask), "max_tokens": 512}
    call = yield message(ask, PARIS, **more, step="call")
    blocks = content(call)
    if results(blocks) and any(block.get("type") == "thinking" for block in blocks):
        notes = {"built": "of the first message"}
        turns = [said("user", PARIS), said("assistant", blocks), said("user", results(blocks))]
        yield message(ask, turns, **more, step="kept").but(notes=notes)
        rest = [block for block in blocks if block.get("type") != "thinking"]
        turns[1] = said("assistant", rest)
        yield message(ask, turns, **more, step="lost").but(notes={**notes, "open": "the thought is missing"})


@probe(
    "messages.cache",
    requests=2,
    prompt=20_000,
    tokens=2 * OUTPUT,
    features={"messages", "cache"},
    applies=served,
    order=70,
)
def cache(ask: Ask) -> Steps:
    """A long prompt, twice."""
    prompt = f"Log {ask.salt}-messages. {LONG[:8000]} Say hello."
    yield message(ask, prompt, step="first")
    yield message(ask, prompt, step="second").but(after_a_while=True)


@probe(
    "messages.auth",
    Suite.SMOKE,
    requests=3,
    prompt=2000,
    tokens=3,
    features={"messages", "errors"},
    applies=keyed,
    order=10,
)
def auth(ask: Ask) -> Steps:
    """No key, and one that nobody knows, under either header."""
    send = message(ask, HELLO, max_tokens=1)
    yield faulty(send.but(authorization=None, step="none"), "no key")
    yield faulty(send.but(authorization=BAD_KEY, step="unknown"), "unknown key")
    bearer = send.but(authorization=f"Bearer {BAD_KEY}", key_header="Authorization", step="bearer")
    yield faulty(bearer, "unknown key as Bearer")


@probe("messages.faults", requests=7, prompt=8000, tokens=7, features={"messages", "errors"}, applies=served, order=10)
def faults(ask: Ask) -> Steps:
    """Requests with one fault each."""
    yield faulty(ask.within(MESSAGES, b'{"model":', step="json"), "cut JSON")
    yield wrong(ask, "no messages", "messages", messages=...)
    yield wrong(ask, "messages is an object", "type", messages={"role": "user", "content": "Hi."})
    yield wrong(ask, "role tool", "role", [said("user", HELLO), said("tool", "21 degrees")])
    yield wrong(ask, "temperature 3", "temperature", temperature=3)
    yield wrong(ask, "an unknown tool_choice", "choice", tools=[WEATHER], tool_choice={"type": "sometimes"})
    yield wrong(ask, "role tool", "stream", [said("user", HELLO), said("tool", "21 degrees")], stream=True)
