"""The Messages format: features that only it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from echosounder.conformance.ask import GREEDY, JSON_TYPE, OUTPUT, Ask
from echosounder.conformance.probe import Steps
from echosounder.conformance.probes.chat import STOP_ECHO, STREAM
from echosounder.conformance.probes.errors import faulty
from echosounder.conformance.probes.formats import CITY, HELLO, OUTCOME, PARIS, TWO, Body, Words, shared
from echosounder.judgement.agreed import BAD_KEY
from echosounder.judgement.setting import Suite
from echosounder.wire.formats import MESSAGES

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


class Blocks(Words):
    built, where, member, call, thought = "of the first message", "messages", "content", "tool_use", "thinking"
    # The budget is ignored, and must not fail a request.
    think: ClassVar[Body] = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    must: ClassVar[Body] = {"tool_choice": {"type": "any"}}

    def tool(self, name: str, description: str) -> Body:
        return {"name": name, "description": description, "input_schema": CITY}

    def said(self, role: str, content: Any) -> Body:
        return {"role": role, "content": content}

    def named(self, name: str) -> Body:
        return {"type": "tool", "name": name, "disable_parallel_tool_use": True}

    def called(self, id: str, city: str) -> Body:
        return {"type": self.call, "id": id, "name": "get_weather", "input": {"city": city}}

    def result(self, id: str, **more: Any) -> Body:
        return {"type": "tool_result", "tool_use_id": id, "content": OUTCOME, **more}

    def results(self, answer: Sequence[Body]) -> list[Body]:
        return [self.result(str(block.get("id"))) for block in answer if block.get("type") == self.call]

    def history(self, question: str, cities: Mapping[str, str], answered: Sequence[str]) -> list[Body]:
        calls = [self.called(id, city) for id, city in cities.items()]
        return self.again(question, calls, list(map(self.result, answered)))

    def again(self, question: str, answer: Sequence[Body], then: Any) -> list[Body]:
        return [self.said("user", question), self.said("assistant", list(answer)), self.said("user", then)]


BLOCKS = Blocks(MESSAGES)
message, wrong, said, result = BLOCKS.ask, BLOCKS.wrong, BLOCKS.said, BLOCKS.result
WEATHER, TIME = BLOCKS.weather, BLOCKS.time
shared(BLOCKS)


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


@BLOCKS.probe("basic", Suite.SMOKE, order=4)
def basic(ask: Ask) -> Steps:
    """One short non-streaming message."""
    yield message(ask, "What is the capital of France? Answer in one word.")


@BLOCKS.probe("inputs", requests=4, tokens=4 * OUTPUT, prompt=2000)
def inputs(ask: Ask) -> Steps:
    """Ways to bring a prompt: blocks, a system text, system blocks, and turns of both roles."""
    yield message(ask, [said("user", [text(HELLO)])], step="blocks")
    yield message(ask, HELLO, system="Answer in one word.", step="system")
    yield message(ask, HELLO, system=[text("Answer in one word.", **CACHED)], step="system-blocks")
    yield message(ask, [said("user", HELLO), said("assistant", "Hello."), said("user", "Again.")], step="turns")


@BLOCKS.probe("stop", tokens=64)
def stop(ask: Ask) -> Steps:
    """A stop sequence that occurs in the answer."""
    yield message(ask, STOP_ECHO, max_tokens=64, stop_sequences=["HALT"], **GREEDY)


@BLOCKS.probe("stop.stream", tokens=64)
def stop_stream(ask: Ask) -> Steps:
    """The same as a stream."""
    yield message(ask, STOP_ECHO, max_tokens=64, stop_sequences=["HALT"], **STREAM, **GREEDY)


@BLOCKS.probe("options", requests=3, tokens=3 * OUTPUT, prompt=2000)
def options(ask: Ask) -> Steps:
    """Members that are ignored, one that is unknown, and the highest temperature."""
    yield message(ask, HELLO, **IGNORED, step="ignored")
    yield message(ask, HELLO, x_echosounder={"any": [1]}, step="unknown")
    yield message(ask, HELLO, temperature=2, step="temperature")


@BLOCKS.probe("headers", requests=4, tokens=4 * OUTPUT)
def headers(ask: Ask) -> Steps:
    """The key as Bearer, no version, an unknown version, and an unknown beta."""
    send = message(ask)
    yield send.but(authorization="Bearer {key}", key_header="Authorization", step="bearer")
    yield send.but(headers=JSON_TYPE, step="no-version")
    yield send.but(headers=(*JSON_TYPE, ("anthropic-version", "1999-12-31")), step="version")
    yield send.but(headers=(*JSON_TYPE, *VERSION, ("anthropic-beta", "x-echosounder-2026")), step="beta")


@BLOCKS.probe("two-keys", requests=2, prompt=2000, tokens=OUTPUT + 1, applies=BLOCKS.keyed)
def two_keys(ask: Ask) -> Steps:
    """A valid key as Bearer beside an unknown x-api-key, and vice versa."""
    right = message(ask).but(authorization="Bearer {key}", key_header="Authorization", step="right")
    yield right.but(headers=(*right.headers, ("x-api-key", BAD_KEY)))
    left = message(ask, HELLO, max_tokens=1, step="unknown")
    yield left.but(headers=(*left.headers, ("Authorization", f"Bearer {BAD_KEY}")), notes={"open": "two keys"})


@BLOCKS.probe("models", requests=3, tokens=3 * OUTPUT)
def models(ask: Ask) -> Steps:
    """Names of Anthropic's models, as agents send them."""
    yield message(ask, HELLO, model="claude-opus-4-1", step="opus")
    yield message(ask, HELLO, model="claude-sonnet-4-5", step="sonnet")
    yield message(ask, HELLO, model="claude-haiku-4-5", step="haiku")


@BLOCKS.probe("unknown-model", tokens=1, order=10)
def unknown_model(ask: Ask) -> Steps:
    """An unknown model: mapped to one until October 2026, refused since."""
    yield message(ask, HELLO, model="echosounder-no-such-model", max_tokens=1).but(notes={"open": "an unknown model"})


@BLOCKS.probe("named", prompt=1000, tokens=256, applies=BLOCKS.forces)
def named(ask: Ask) -> Steps:
    """A tool that is named, where a call can be forced."""
    chosen, tools = BLOCKS.named("get_time"), [WEATHER, TIME]
    yield message(ask, PARIS, tools=tools, tool_choice=chosen, max_tokens=256, **GREEDY, step="named")


@BLOCKS.probe("choice", requests=2, prompt=2000, tokens=2 * OUTPUT, applies=BLOCKS.calls)
def choice(ask: Ask) -> Steps:
    """Tools that must not be called, and tools with a choice."""
    yield message(ask, PARIS, tools=[WEATHER], tool_choice={"type": "none"}, step="none")
    yield message(ask, HELLO, tools=[{**WEATHER, **CACHED}], tool_choice={"type": "auto"}, step="auto")


@BLOCKS.probe("history", requests=2, tokens=2 * OUTPUT, prompt=3000, applies=BLOCKS.calls)
def history(ask: Ask) -> Steps:
    """Calls and their results that the model never made; then one result that reports an error, in blocks."""
    thought = [{"type": "thinking", "thinking": "Which city?", "signature": "s"}] * (ask.limits.thinking == "always")
    calls = [BLOCKS.called("call_00_a", "Paris"), BLOCKS.called("call_01_b", "Tokyo")]
    results = [result("call_00_a"), result("call_01_b")]
    yield message(ask, BLOCKS.again(TWO, [*thought, *calls], results), tools=[WEATHER], step="results")
    failed = result("call_00_a", content=[text("no such city")], is_error=True)
    turns = BLOCKS.again(PARIS, [*thought, calls[0]], [failed])
    yield message(ask, turns, tools=[WEATHER], step="error")


@BLOCKS.probe("pairing", requests=2, prompt=2000, tokens=2, about=["errors"], applies=BLOCKS.calls, order=10)
def pairing(ask: Ask) -> Steps:
    """A result without a call, and a call without a result."""
    turns = [said("user", TWO), said("user", [result("call_00_x")])]
    yield wrong(ask, "a result without a call", "orphan", turns, tools=[WEATHER])
    turns = BLOCKS.history(TWO, {"call_00_a": "Paris", "call_01_b": "Tokyo"}, ["call_00_a"])
    yield wrong(ask, "a call without a result", "unanswered", turns, tools=[WEATHER])


@BLOCKS.probe("effort", requests=2, tokens=2 * OUTPUT, applies=BLOCKS.switches)
def effort(ask: Ask) -> Steps:
    """Efforts in output_config, once with a budget for the thought and once without one: a target may refuse it and still think."""
    switched = {"thinking": {"type": "enabled"}} if BLOCKS.thinking(ask) else {}
    yield message(ask, HELLO, **BLOCKS.thinking(ask), output_config={"effort": "low"}, step="low")
    yield message(ask, HELLO, **switched, output_config={"effort": "max"}, step="max")


@BLOCKS.probe("auth", Suite.SMOKE, requests=3, prompt=2000, tokens=3, about=["errors"], applies=BLOCKS.keyed, order=10)
def auth(ask: Ask) -> Steps:
    """Requests without a key, and with an unknown one, in either header."""
    send = message(ask, HELLO, max_tokens=1)
    yield faulty(send.but(authorization=None, step="none"), "no key")
    yield faulty(send.but(authorization=BAD_KEY, step="unknown"), "unknown key")
    bearer = send.but(authorization=f"Bearer {BAD_KEY}", key_header="Authorization", step="bearer")
    yield faulty(bearer, "unknown key as Bearer")


@BLOCKS.probe("faults", requests=7, prompt=8000, tokens=7, about=["errors"], order=10)
def faults(ask: Ask) -> Steps:
    """Requests with one fault each."""
    yield faulty(ask.within(MESSAGES, b'{"model":', step="json"), "cut JSON")
    yield wrong(ask, "no messages", "messages", messages=...)
    yield wrong(ask, "messages is an object", "type", messages={"role": "user", "content": "Hi."})
    yield wrong(ask, "role tool", "role", [said("user", HELLO), said("tool", "21 degrees")])
    yield wrong(ask, "temperature 3", "temperature", temperature=3)
    yield wrong(ask, "an unknown tool_choice", "choice", tools=[WEATHER], tool_choice={"type": "sometimes"})
    yield wrong(ask, "role tool", "stream", [said("user", HELLO), said("tool", "21 degrees")], stream=True)
