"""Thinking: its switch, its place beside the answer, and its cost."""

from __future__ import annotations

from typing import Any

from echosounder.conformance.ask import Ask, Send
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.chat import STOP_ECHO, STREAM_USAGE
from echosounder.conformance.probes.errors import faulty, wrong
from echosounder.conformance.probes.tools import PARIS, WEATHER, turns
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite
from echosounder.wire.strict_json import at

RIDDLE = "Is 97 a prime number? Answer yes or no."


PLAIN_TURNS = [
    {"role": "user", "content": "Is 7 a prime number?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "And 9?"},
]


def thinks(ask: Subject) -> bool:
    return ask.limits.thinking != "none"


def switches(ask: Subject) -> bool:
    return ask.limits.thinking == "switch"


def reasoner(ask: Subject) -> bool:
    return ask.limits.thinking == "always"


def efforts(ask: Subject) -> bool:
    return bool(ask.limits.efforts)


def think(ask: Ask, messages: Any = RIDDLE, *, step: str = "", **fields: Any) -> Send:
    """A request with thinking: by the switch, or because the model always thinks."""
    return ask.chat(messages, step=step, **{"thinking": ..., **ask.thinking, "max_tokens": 512, **fields})


@probe("thinking.enabled", tokens=512, features={"thinking"}, applies=thinks)
def enabled(ask: Ask) -> Steps:
    """A small riddle, with thinking."""
    yield think(ask)


@probe("thinking.enabled.stream", tokens=512, features={"thinking"}, applies=thinks)
def enabled_stream(ask: Ask) -> Steps:
    """The same as a stream."""
    yield think(ask, **STREAM_USAGE)


@probe("thinking.disabled", tokens=32, features={"thinking"}, applies=switches)
def disabled(ask: Ask) -> Steps:
    """The riddle with thinking switched off."""
    yield ask.chat(RIDDLE, max_tokens=32)


@probe("thinking.length", requests=2, tokens=16, features={"thinking"}, applies=thinks)
def length(ask: Ask) -> Steps:
    """A bound so small that thinking alone reaches it."""
    yield think(ask, max_tokens=8, step="eight")
    yield think(ask, max_tokens=8, **STREAM_USAGE, step="stream")


@probe("thinking.default", tokens=512, features={"thinking"}, applies=switches)
def default(ask: Ask) -> Steps:
    """A request that does not mention thinking."""
    yield ask.chat(RIDDLE, thinking=..., max_tokens=512)


@probe("thinking.tools", requests=2, prompt=8000, tokens=1024, features={"thinking", "tools"}, applies=switches)
def thinking_tools(ask: Ask) -> Steps:
    """A call while thinking, and its result with the reasoning sent back."""
    question = {"role": "user", "content": PARIS}
    exchange = yield think(ask, [question], tools=[WEATHER], step="call")
    message = at(exchange.json, "choices", 0, "message")
    calls = at(message, "tool_calls")
    if not isinstance(calls, list) or not calls:
        return
    results = [{"role": "tool", "tool_call_id": at(call, "id"), "content": "21 degrees"} for call in calls]
    yield think(ask, [question, message, *results], tools=[WEATHER], step="result").but(
        notes={"built": "on the answer"}
    )


@probe(
    "thinking.tool-choice", requests=2, tokens=2, features={"thinking", "tools", "errors"}, applies=switches, order=10
)
def tool_choice(ask: Ask) -> Steps:
    """Forced calls while thinking."""
    named = {"type": "function", "function": {"name": "get_weather"}}
    for step, choice in (("required", "required"), ("named", named)):
        yield faulty(
            think(ask, PARIS, tools=[WEATHER], tool_choice=choice, max_tokens=1, step=step),
            f"tool_choice {step} while thinking",
        )


@probe(
    "thinking.tools-without-reasoning",
    Suite.THOROUGH,
    prompt=3000,
    tokens=1,
    features={"thinking", "tools", "errors"},
    applies=switches,
    order=10,
)
def tools_without_reasoning(ask: Ask) -> Steps:
    """A history without its reasoning: of calls, or, if tools alone require it, of a plain turn."""
    history = turns() if ask.limits.reasoning_input == "required-with-tools" else PLAIN_TURNS
    yield think(ask, history, tools=[WEATHER], max_tokens=1).but(
        notes={"open": "documented is a refusal, 200 was observed"}
    )


@probe("thinking.reasoning-input", Suite.THOROUGH, tokens=8, features={"thinking"}, applies=thinks)
def reasoning_input(ask: Ask) -> Steps:
    """Reasoning in the history, of a turn without calls."""
    history = [
        {"role": "user", "content": "Is 7 a prime number?"},
        {"role": "assistant", "content": "Yes.", "reasoning_content": "Two, three: no divisor."},
        {"role": "user", "content": "And 9?"},
    ]
    send = think(ask, history, max_tokens=8)
    yield faulty(send, "reasoning_content in the input") if ask.limits.reasoning_input == "forbidden" else send


@probe("thinking.sampling", Suite.THOROUGH, tokens=8, features={"thinking"}, applies=thinks)
def sampling(ask: Ask) -> Steps:
    """Sampling parameters while thinking."""
    yield think(ask, max_tokens=8, temperature=0.5, top_p=0.9, frequency_penalty=0.5, presence_penalty=-0.5)


@probe("thinking.stop", Suite.THOROUGH, requests=2, tokens=256, features={"thinking", "stream"}, applies=thinks)
def stop(ask: Ask) -> Steps:
    """A text to repeat after some thought, up to a stop text, in both modes."""
    yield think(ask, STOP_ECHO, stop=["HALT"], max_tokens=128, step="document")
    yield think(ask, STOP_ECHO, stop=["HALT"], max_tokens=128, **STREAM_USAGE, step="stream")


@probe("thinking.logprobs", Suite.THOROUGH, tokens=16, features={"thinking"}, applies=thinks)
def logprobs(ask: Ask) -> Steps:
    """Log probabilities while thinking."""
    send = think(ask, max_tokens=16, logprobs=True, top_logprobs=2)
    yield send if ask.limits.logprobs else faulty(send, "logprobs asked of a reasoner")


@probe("thinking.effort", Suite.THOROUGH, requests=5, tokens=40, features={"thinking"}, applies=efforts)
def effort(ask: Ask) -> Steps:
    """Every documented name of an effort, and the two that are mapped."""
    for name in ("low", "medium", "high", "xhigh", "max"):
        yield think(ask, max_tokens=8, reasoning_effort=name, step=name)


def maps(ask: Subject) -> bool:
    return "ultra" in ask.limits.efforts


@probe("thinking.effort-mapped", Suite.THOROUGH, requests=2, tokens=16, features={"thinking"}, applies=maps)
def effort_mapped(ask: Ask) -> Steps:
    """The effort names that are aliases and are not requested elsewhere."""
    for name in ("minimal", "ultra"):
        yield think(ask, max_tokens=8, reasoning_effort=name, step=name)


@probe("thinking.effort-none", Suite.THOROUGH, tokens=32, features={"thinking"}, applies=maps)
def effort_none(ask: Ask) -> Steps:
    """The riddle with the effort that switches thinking off, and without the switch."""
    yield ask.chat(RIDDLE, max_tokens=32, thinking=..., reasoning_effort="none")


@probe("thinking.bad-effort", Suite.THOROUGH, tokens=1, features={"thinking", "errors"}, applies=efforts, order=10)
def bad_effort(ask: Ask) -> Steps:
    """An effort that does not exist."""
    yield faulty(think(ask, max_tokens=1, reasoning_effort="utmost"), "unknown reasoning_effort")


@probe("thinking.effort-disabled", Suite.THOROUGH, tokens=1, features={"thinking", "errors"}, applies=efforts, order=10)
def effort_disabled(ask: Ask) -> Steps:
    """An effort, and thinking disabled."""
    yield ask.chat(RIDDLE, max_tokens=1, reasoning_effort="high").but(
        notes={"open": "refused in May 2026, later served"}
    )


@probe(
    "thinking.bad-type",
    Suite.THOROUGH,
    requests=3,
    tokens=3,
    features={"thinking", "errors"},
    applies=switches,
    order=10,
)
def bad_type(ask: Ask) -> Steps:
    """The switch without type, with an unknown type, as a boolean."""
    yield wrong(ask, "thinking without type", thinking={}, step="empty")
    yield wrong(ask, "unknown thinking.type", thinking={"type": "perhaps"}, step="unknown")
    yield wrong(ask, "thinking is a boolean", thinking=True, step="boolean")
