"""The Responses format: features that only it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from echosounder.conformance.ask import GREEDY, OUTPUT, Ask
from echosounder.conformance.probe import Steps
from echosounder.conformance.probes.errors import faulty
from echosounder.conformance.probes.formats import CITY, HELLO, OUTCOME, PARIS, TWO, Body, Words, shared
from echosounder.judgement.agreed import BAD_KEY
from echosounder.judgement.setting import Suite
from echosounder.wire.formats import RESPONSES

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


class Items(Words):
    built, where, member, call, thought = "of the first response", "input", "output", "function_call", "reasoning"
    think: ClassVar[Body] = {"reasoning": {"effort": "high"}}
    must: ClassVar[Body] = {"tool_choice": "required"}

    def tool(self, name: str, description: str) -> Body:
        return {"type": "function", "name": name, "description": description, "parameters": CITY}

    def said(self, role: str, content: Any) -> Body:
        return {"type": "message", "role": role, "content": content}

    def named(self, name: str) -> Body:
        return {"type": "function", "name": name}

    def called(self, id: str, city: str) -> Body:
        return {"type": self.call, "call_id": id, "name": "get_weather", "arguments": f'{{"city": "{city}"}}'}

    def result(self, id: str) -> Body:
        return {"type": "function_call_output", "call_id": id, "output": OUTCOME}

    def results(self, answer: Sequence[Body]) -> list[Body]:
        return [self.result(str(item.get("call_id"))) for item in answer if item.get("type") == self.call]

    def history(self, question: str, cities: Mapping[str, str], answered: Sequence[str]) -> list[Body]:
        calls = [self.called(id, city) for id, city in cities.items()]
        return [self.said("user", question), *calls, *map(self.result, answered)]

    def again(self, question: str, answer: Sequence[Body], then: Any) -> list[Body]:
        last = [self.said("user", then)] if isinstance(then, str) else then
        return [self.said("user", question), *answer, *last]


ITEMS = Items(RESPONSES)
respond, wrong, said, called, result = ITEMS.ask, ITEMS.wrong, ITEMS.said, ITEMS.called, ITEMS.result
WEATHER, TIME = ITEMS.weather, ITEMS.time
shared(ITEMS)


@ITEMS.probe("basic", Suite.SMOKE, order=3)
def basic(ask: Ask) -> Steps:
    """One short non-streaming response."""
    yield respond(ask, "What is the capital of France? Answer in one word.")


@ITEMS.probe("inputs", requests=5, tokens=5 * OUTPUT)
def inputs(ask: Ask) -> Steps:
    """Ways to bring a prompt: as text, as items without a type, as parts, with instructions and with instructions alone."""
    yield respond(ask, (), input=HELLO, step="text")
    yield respond(ask, [{"role": "user", "content": HELLO}], step="untyped")
    yield respond(ask, [said("user", [{"type": "input_text", "text": HELLO}])], step="parts")
    yield respond(ask, HELLO, instructions="Answer in one word.", step="instructions")
    yield respond(ask, (), input=..., instructions=HELLO, step="alone")


@ITEMS.probe("roles", requests=3, tokens=3 * OUTPUT)
def roles(ask: Ask) -> Steps:
    """Messages of the roles system, developer and assistant."""
    yield respond(ask, [said("system", "Answer in one word."), said("user", HELLO)], step="system")
    yield respond(ask, [said("developer", "Answer in one word."), said("user", HELLO)], step="developer")
    turns = [said("user", HELLO), said("assistant", "Hello."), said("user", "Again.")]
    yield respond(ask, turns, step="assistant")


@ITEMS.probe("options", requests=3, tokens=3 * OUTPUT, prompt=2000)
def options(ask: Ask) -> Steps:
    """Members that are ignored, one that is unknown, and the highest temperature."""
    yield respond(ask, HELLO, **IGNORED, step="ignored")
    yield respond(ask, HELLO, x_echosounder={"any": [1]}, step="unknown")
    yield respond(ask, HELLO, temperature=2, step="temperature")


@ITEMS.probe("unknown-item", tokens=OUTPUT)
def unknown_item(ask: Ask) -> Steps:
    """An item of an unknown type."""
    yield respond(ask, [{"type": "x_echosounder", "text": "?"}, said("user", HELLO)])


@ITEMS.probe("json", requests=2, tokens=256)
def json_output(ask: Ask) -> Steps:
    """An answer that must be a JSON object."""
    prompt = "Give the capital of France as json with the key capital."
    for step in ("first", "second"):
        yield respond(ask, prompt, text={"format": {"type": "json_object"}}, max_output_tokens=128, step=step)


@ITEMS.probe("choice", requests=2, prompt=2000, tokens=256 + OUTPUT, applies=ITEMS.calls)
def choice(ask: Ask) -> Steps:
    """A tool that is named, and tools that must not be called."""
    if ITEMS.forced(ask):
        chosen, tools = ITEMS.named("get_time"), [WEATHER, TIME]
        yield respond(ask, PARIS, tools=tools, tool_choice=chosen, max_output_tokens=256, **GREEDY, step="named")
    yield respond(ask, PARIS, tools=[WEATHER], tool_choice="none", step="none")


@ITEMS.probe("history", tokens=OUTPUT, prompt=2000, applies=ITEMS.calls)
def history(ask: Ask) -> Steps:
    """Two calls and their results that the model never made."""
    both = {"call_00_a": "Paris", "call_01_b": "Tokyo"}
    yield respond(ask, ITEMS.history(TWO, both, list(both)), tools=[WEATHER])


@ITEMS.probe("pairing", requests=4, prompt=4000, tokens=4, about=["errors"], applies=ITEMS.calls, order=10)
def pairing(ask: Ask) -> Steps:
    """Results without a call, calls without a result, one id for two calls, and an empty id."""
    asked, one = said("user", TWO), called("call_00_a", "Paris")
    yield wrong(ask, "a result without a call", "orphan", [asked, result("call_00_x")], tools=[WEATHER])
    both = {"call_00_a": "Paris", "call_01_b": "Tokyo"}
    turns = ITEMS.history(TWO, both, ["call_00_a"])
    yield wrong(ask, "a call without a result", "unanswered", turns, tools=[WEATHER])
    turns = [asked, one, one, result("call_00_a"), result("call_00_a")]
    yield wrong(ask, "two calls of one id", "twice", turns, tools=[WEATHER])
    yield wrong(ask, "an empty call_id", "empty", [asked, called("", "Paris"), result("")], tools=[WEATHER])


@ITEMS.probe("tool-names", requests=4, prompt=4000, tokens=4, about=["errors"], applies=ITEMS.calls, order=10)
def tool_names(ask: Ask) -> Steps:
    """Names that are too long, hold a blank, occur twice, or are of a custom tool that is not apply_patch."""
    yield wrong(ask, "a name of 129 characters", "long", tools=[{**WEATHER, "name": "w" * 129}])
    yield wrong(ask, "a name with a blank", "blank", tools=[{**WEATHER, "name": "get weather"}])
    yield wrong(ask, "two tools of one name", "twice", tools=[WEATHER, WEATHER])
    yield wrong(ask, "a custom tool of another name", "custom", tools=[{"type": "custom", "name": "edit"}])


@ITEMS.probe("tool-kinds", requests=3, prompt=4000, tokens=3 * OUTPUT, applies=ITEMS.calls)
def tool_kinds(ask: Ask) -> Steps:
    """The longest name, apply_patch, and a built-in tool that is not there."""
    yield respond(ask, HELLO, tools=[{**WEATHER, "name": "w" * 128}], step="longest")
    yield respond(ask, HELLO, tools=[{"type": "custom", "name": "apply_patch"}], step="custom")
    yield respond(ask, HELLO, tools=[WEATHER, {"type": "image_generation"}], step="built-in")


many = len(EFFORTS)


@ITEMS.probe("efforts", Suite.THOROUGH, requests=many, tokens=many * OUTPUT, applies=ITEMS.switches, order=60)
def efforts(ask: Ask) -> Steps:
    """Every effort that is accepted."""
    for effort in EFFORTS:
        yield respond(ask, HELLO, reasoning={"effort": effort}, step=effort)


@ITEMS.probe("auth", Suite.SMOKE, requests=2, prompt=2000, tokens=2, about=["errors"], applies=ITEMS.keyed, order=10)
def auth(ask: Ask) -> Steps:
    """Requests without a key, and with an unknown one."""
    send = respond(ask, HELLO, max_output_tokens=1)
    yield faulty(send.but(authorization=None, step="none"), "no key")
    yield faulty(send.but(authorization=f"Bearer {BAD_KEY}", step="unknown"), "unknown key")


@ITEMS.probe("faults", requests=8, prompt=8000, tokens=8, about=["errors"], order=10)
def faults(ask: Ask) -> Steps:
    """Requests with one fault each."""
    yield faulty(ask.within(RESPONSES, b'{"model":', step="json"), "cut JSON")
    yield wrong(ask, "no model", "model", model=...)
    yield wrong(ask, "neither input nor instructions", "input", (), input=...)
    yield wrong(ask, "unknown model", "unknown-model", model="echosounder-no-such-model")
    yield wrong(ask, "input is a number", "type", (), input=7)
    yield wrong(ask, "unknown role", "role", [said("narrator", "Hi.")])
    yield wrong(ask, "temperature 3", "temperature", temperature=3)
    yield wrong(ask, "unknown role", "stream", [said("narrator", "Hi.")], stream=True)
