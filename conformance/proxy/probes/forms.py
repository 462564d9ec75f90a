"""Edge cases of requests: legal though rare ones, and refused ones, which a proxy must not repair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from echosounder.conformance.ask import BETA_CHAT, CHAT, FIM, GREEDY, Ask, Send
from echosounder.conformance.proxy.probes.registry import COUNT, HELLO, MARKER, Steps, probe
from echosounder.conformance.proxy.probes.requests import CALL, FUNCTION, TOOL

FIM_PROMPT = f"# {MARKER}\ndef fib(a):\n"
WEATHER = f"(ref {MARKER}) What is the weather in Rome?"


@probe("proxy.forms")
def forms(ask: Ask) -> Steps:
    """Legal forms, all of which the proxy must pass on."""
    yield ask.chat(HELLO, max_tokens=4, temperature=2, top_p=1, step="highest")
    yield ask.chat(HELLO, max_tokens=4, stop=[], step="no-stops")
    yield ask.chat(
        HELLO, max_tokens=4, stop=[f"HALT {number}" for number in range(ask.limits.stop_max or 4)], step="stops"
    )
    yield ask.chat(HELLO, max_tokens=ask.limits.max_tokens or 8192, step="longest-answer")
    yield ask.chat(HELLO, max_tokens=4, response_format={"type": "text"}, step="text-format")
    yield ask.chat(HELLO, max_tokens=4, step="lower-case-scheme").but(authorization="bearer {key}")
    yield ask.chat(HELLO, max_tokens=4, n=1, max_completion_tokens=4, parallel_tool_calls=False, step="of-others")
    if ask.limits.penalties == "ignored":
        yield ask.chat(HELLO, max_tokens=4, frequency_penalty=3, step="penalty-ignored")
    if ask.limits.logprobs:
        yield ask.chat(COUNT, max_tokens=4, logprobs=True, **GREEDY, step="logprobs-alone")
        yield ask.chat(COUNT, max_tokens=4, logprobs=True, top_logprobs=0, **GREEDY, step="logprobs-none")
    if ask.limits.tools:
        yield from _tools(ask)
    yield from _thoughts(ask)
    if ask.limits.fim:
        yield ask.fim(FIM_PROMPT, "    return fib(a-1) + fib(a-2)\n", echo=False, logprobs=2, step="fim-logprobs")
        yield ask.fim(FIM_PROMPT, echo=True, step="fim-echo")


def _tools(ask: Ask) -> Steps:
    bare: dict[str, Any] = {"type": "function", "function": {"name": "order_nothing"}}
    yield ask.chat(WEATHER, max_tokens=32, tools=[bare], step="bare-tool")
    most = [_named(f"order_{number}") for number in range(ask.limits.tools_max or 0)]
    yield ask.chat(WEATHER, max_tokens=4, tools=most, step="most-tools")
    if ask.limits.strict_tools:
        strict = {**TOOL, "function": {**FUNCTION, "strict": True}}
        yield ask.chat(WEATHER, path=BETA_CHAT, max_tokens=32, tools=[strict], step="strict-tool")
    if ask.limits.thinking == "switch":
        yield ask.chat(WEATHER, max_tokens=64, tools=[TOOL], **ask.thinking, step="thinking-tool")


def _thoughts(ask: Ask) -> Steps:
    for effort in ask.limits.efforts[-1:]:
        yield ask.chat(HELLO, max_tokens=64, **ask.thinking, reasoning_effort=effort, step="effort")
    if ask.limits.logprobs and ask.limits.thinking == "switch":
        yield ask.chat(HELLO, max_tokens=64, **ask.thinking, logprobs=True, top_logprobs=2, step="thinking-logprobs")
    if ask.behaviour.beta and ask.limits.thinking == "switch":
        begun: dict[str, Any] = {
            "role": "assistant",
            "content": "Hel",
            "prefix": True,
            "reasoning_content": "A greeting. 想",
        }
        turns: list[dict[str, Any]] = [{"role": "user", "content": HELLO}, begun]
        yield ask.chat(turns, path=BETA_CHAT, max_tokens=8, **ask.thinking, step="prefix-reasoning")


def _named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


@probe("proxy.faults")
def faults(ask: Ask) -> Steps:
    """Invalid requests. A proxy may refuse them itself; it must not turn them into something else that is served."""
    for step, fields in _fields(ask):
        yield _faulty(ask.chat(HELLO, **{"max_tokens": 4, **fields}, step=step))
    for step, turns in _turns(ask):
        yield _faulty(ask.chat([*turns, {"role": "user", "content": HELLO}], max_tokens=4, step=step))
    yield _faulty(ask.chat(HELLO, messages=..., echosounder_extra=MARKER, step="no-messages"))
    yield _faulty(ask.chat(HELLO, messages={"role": "user", "content": HELLO}, step="one-message"))
    yield _faulty(ask.chat(HELLO, max_tokens=4, step="plain-text").but(headers=(("content-type", "text/plain"),)))
    yield _faulty(ask.chat(HELLO, path="/chat/completion", max_tokens=4, step="wrong-path"))
    yield _faulty(ask.get(CHAT, step="wrong-method"))
    broken = ask.post(CHAT, f'{{"{MARKER}":'.encode(), step="no-json-no-key")
    yield _faulty(broken.but(authorization="Bearer sk-echosounder-wrong-key-4712"))
    if ask.limits.fim:
        yield _faulty(ask.post(FIM, {"model": ask.model, "suffix": f"# {MARKER}", "max_tokens": 4}, step="no-prompt"))


def _faulty(send: Send) -> Send:
    return send.but(notes={"fault": send.step})


def _turns(ask: Ask) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Results that were not asked for, calls without a result, roles that do not exist."""
    yield "orphan", [{"role": "tool", "tool_call_id": CALL["id"], "content": "{}"}]
    called = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    yield "unanswered", [{**called, "reasoning_content": "Order."} if _thinks_back(ask) else called]
    yield "unknown-role", [{"role": "narrator", "content": "Once."}]
    if not ask.behaviour.developer_role:
        yield "developer", [{"role": "developer", "content": "You are brief."}]


def _thinks_back(ask: Ask) -> bool:
    """Whether calls of the history have to come with the reasoning that led to them."""
    return ask.limits.reasoning_kept


def _fields(ask: Ask) -> Iterator[tuple[str, dict[str, Any]]]:
    """``(step, members)``: one thing wrong with each."""
    yield "too-hot", {"temperature": 2.5}
    yield "top-p-above", {"top_p": 1.5}
    yield "no-tokens", {"max_tokens": 0}
    yield "tokens-as-text", {"max_tokens": "8"}
    yield "options-alone", {"stream_options": {"include_usage": True}}
    yield "no-model", {"model": ...}
    yield "unknown-model", {"model": "no-such-model"}
    yield "two-choices", {"n": 2}
    if ask.limits.penalties == "effective":
        yield "penalty-above", {"frequency_penalty": 3}
    if ask.limits.logprobs:
        yield "top-logprobs-alone", {"top_logprobs": 2}
        yield "top-logprobs-above", {"logprobs": True, "top_logprobs": ask.limits.top_logprobs_max + 1}
    if ask.limits.tools:
        text = {"type": "function", "function": {"name": "run", "parameters": {"type": "string"}}}
        yield "tool-name", {"tools": [_named("run order")]}
        yield "tool-parameters", {"tools": [text]}
        yield (
            "too-many-tools",
            {"tools": [_named(f"order_{number}") for number in range((ask.limits.tools_max or 0) + 1)]},
        )
    if ask.limits.thinking == "switch":
        yield "unknown-thinking", {"thinking": {"type": "perhaps"}}
        yield "unknown-effort", {**ask.thinking, "reasoning_effort": "enormous"}
        yield "forced-tool", {**ask.thinking, "tools": [TOOL], "tool_choice": "required"}
    if _thinks_back(ask):
        called = {"role": "assistant", "content": None, "tool_calls": [CALL]}
        result = {"role": "tool", "tool_call_id": CALL["id"], "content": "{}"}
        turns = [{"role": "user", "content": HELLO}, called, result]
        yield "no-reasoning", {"messages": turns, "tools": [TOOL], **ask.thinking}
