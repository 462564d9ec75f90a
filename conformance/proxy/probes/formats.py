"""Responses and Messages through a proxy, with any upstream format: the same few requests in each.

A gateway may translate, so requests use only features that chat has, too (:mod:`conformance.generate.translated`).
"""

from __future__ import annotations

from typing import Any

from echosounder.conformance.ask import GREEDY, Ask, Send
from echosounder.conformance.generate.translated import TRANSLATED
from echosounder.conformance.proxy.probes.registry import COUNT, EVENTS, HELLO, MARKER, STORY, Steps, behind, probe
from echosounder.judgement.pairs import behaviours as upstream
from echosounder.wire.formats import MESSAGES, RESPONSES, Format

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"name": "get_weather", "description": "The weather in a city.", "parameters": PARAMETERS}
TOOLS: dict[str, Any] = {"tools": [{"type": "function", "function": TOOL}]}
PARIS = f"(ref {MARKER}) What is the weather in Paris and in Tokyo? Use the tool."
STREAM = {"stream": True}
THOUGHT = "The tool knows the weather of both."


def history() -> list[dict[str, Any]]:
    """Two parallel calls with the conversation before them, their results, and the reply."""
    cities = {"call_00_a": "Paris", "call_01_b": "Tokyo"}
    calls = [
        {"id": id, "type": "function", "function": {"name": TOOL["name"], "arguments": f'{{"city": "{city}"}}'}}
        for id, city in cities.items()
    ]
    return [
        {"role": "system", "content": "Be brief, and say degrees."},
        {"role": "user", "content": PARIS},
        {"role": "assistant", "content": "", "reasoning_content": THOUGHT, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": id, "content": f"{city}: 21 degrees"} for id, city in cities.items()),
    ]


def steps(form: Format, ask: Ask) -> Steps:
    def say(step: str, messages: Any, **fields: Any) -> Send:
        body = ask.body(messages, **{"max_tokens": 24, **fields})
        return ask.within(form, TRANSLATED[form.name](body), step=f"{form.name}-{step}")

    thinking = {"thinking": {"type": "enabled"}, "max_tokens": 128} if ask.limits.thinking == "switch" else {}
    yield say("plain", HELLO)
    yield say("document", COUNT, max_tokens=64, temperature=0.5)
    yield say("stream", COUNT, max_tokens=64, **STREAM, **GREEDY)
    yield say("thinking", HELLO, **thinking)
    yield say("thinking-stream", HELLO, **thinking, **STREAM)
    yield say("calls", PARIS, **TOOLS, max_tokens=128, **GREEDY)
    yield say("calls-stream", PARIS, **TOOLS, max_tokens=128, **STREAM, **GREEDY)
    yield say("history", history(), **TOOLS, **thinking)
    yield say("cut-short", STORY, max_tokens=4)
    yield say("cut-short-stream", STORY, max_tokens=4, **STREAM)
    yield behind(say("paced", STORY, max_tokens=EVENTS, **STREAM), upstream.PACED)
    hung_up = say("hung-up", STORY, max_tokens=14, **STREAM).but(cancel_after=3)
    yield behind(hung_up, upstream.SLOW)
    yield behind(say("broken-off", COUNT, **STREAM), upstream.CUTS["mid-text"])
    yield behind(say("error-event", COUNT, **STREAM), upstream.ERROR_EVENT)
    for status in (400, 429, 500):
        yield behind(say(str(status), HELLO), upstream.refusal(status))


@probe("proxy.responses")
def responses(ask: Ask) -> Steps:
    """Responses requests through the proxy, with any upstream format."""
    yield from steps(RESPONSES, ask)


@probe("proxy.messages")
def messages(ask: Ask) -> Steps:
    """Messages requests through the proxy, with any upstream format."""
    yield from steps(MESSAGES, ask)
