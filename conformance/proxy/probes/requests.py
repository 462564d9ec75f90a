"""Requests as clients write them, to an honest upstream: every member, every address, every legal form."""

from __future__ import annotations

from typing import Any

from echosounder.conformance.ask import BETA_CHAT, CHAT, FIM, GREEDY, Ask, Send
from echosounder.conformance.proxy.probes.registry import (
    COUNT,
    ECHO,
    HELLO,
    MARKER,
    STREAM,
    USAGE,
    Steps,
    behind,
    probe,
)
from echosounder.judgement.pairs import behaviours as upstream
from echosounder.wire.strict_json import compact

FUNCTION: dict[str, Any] = {
    "name": "run_order",
    "description": "Runs an order.",
    "parameters": {
        "type": "object",
        "properties": {
            "zeta": {"type": "string", "enum": ["2>&1 \"q\" 'a' </tag> \\n {}[] 😀\n那"]},
            "alpha": {"type": "integer", "enum": [9007199254740993]},
        },
        "required": ["zeta", "alpha"],
        "additionalProperties": False,
    },
}
TOOL = {"type": "function", "function": FUNCTION}
CALL = {
    "id": "call_00_a",
    "type": "function",
    "function": {"name": "run_order", "arguments": '{ "alpha":9007199254740993, "zeta" : "é\\u00e9" }'},
}


def called(ask: Ask, step: str, **fields: Any) -> Send:
    forced = (
        {"tool_choice": "required"} if ask.limits.thinking != "always" or ask.limits.forced_tools_in_thinking else {}
    )
    prompt = f"(ref {MARKER}) Run the order. Use the tool."
    return ask.chat(prompt, tools=[TOOL], max_tokens=128, **GREEDY, **forced, **fields, step=step)


@probe("proxy.fidelity")
def fidelity(ask: Ask) -> Steps:
    """Every member of a request and of an answer, once at least, to an honest upstream."""
    yield ask.chat(HELLO, step="document")
    yield ask.chat(COUNT, max_tokens=48, **USAGE, **GREEDY, step="stream")
    yield ask.chat(COUNT, max_tokens=8, **STREAM, step="cut")
    yield ask.chat(ECHO, max_tokens=96, **GREEDY, step="text")
    yield ask.chat(ECHO, max_tokens=96, **GREEDY, **USAGE, step="text-stream")
    yield escaped(ask)
    yield ask.chat(HELLO, max_tokens=4, temperature=0.7, top_p=0.95, stop=["HALT", "\n\n"], step="sampling")
    yield ask.chat(HELLO, max_tokens=4, stop="HALT", frequency_penalty=-0.5, presence_penalty=1e-1, step="penalties")
    yield from numbers(ask)
    yield from unknown(ask)
    yield from conversations(ask)
    if ask.limits.logprobs:
        yield ask.chat(COUNT, max_tokens=8, logprobs=True, top_logprobs=3, **GREEDY, step="logprobs")
        yield ask.chat(COUNT, max_tokens=8, logprobs=True, top_logprobs=3, **GREEDY, **USAGE, step="logprobs-stream")
    if ask.limits.json_output:
        prompt = f'(ref {MARKER}) Answer in JSON like {{"capital": "Rome"}}: what is the capital of France?'
        yield ask.chat(prompt, max_tokens=48, response_format={"type": "json_object"}, **GREEDY, step="json")
    yield behind(ask.chat(HELLO, max_tokens=4, step="extra-members"), upstream.EXTRA_MEMBERS)
    yield behind(ask.chat(COUNT, max_tokens=8, **USAGE, step="extra-members-stream"), upstream.EXTRA_MEMBERS)
    yield behind(ask.chat(HELLO, max_tokens=4, step="extra-headers"), upstream.EXTRA_HEADERS)


def escaped(ask: Ask) -> Send:
    r"""The same text as ASCII with \u escapes, with white space and with an escaped slash: legal JSON, spelt another way."""
    body = ask.body(ECHO, max_tokens=8)
    text = "".join(rf"\u{ord(c):04x}" if 127 < ord(c) < 0x10000 else c for c in compact(body)).replace("</", "<\\/")
    return ask.post(CHAT, text.replace('","', '" ,  "').encode(), step="escaped")


def numbers(ask: Ask) -> Steps:
    """Numbers that do not fit into doubles, in members that the API does not interpret strictly."""
    yield ask.chat(HELLO, max_tokens=4, seed=9007199254740993, step="integer")
    yield ask.chat(HELLO, max_tokens=4, echosounder_extra=[12345678901234567890, -9223372036854775809], step="integers")
    body = (
        compact(ask.body(HELLO, max_tokens=4))[:-1] + ',"echosounder_extra":[0.1,1.10,1e2,2.5e-7,0.30000000000000004]}'
    )
    yield ask.post(CHAT, body.encode(), step="decimals")


def unknown(ask: Ask) -> Steps:
    """Members that the API ignores or that a generic proxy does not know."""
    yield ask.chat(HELLO, max_tokens=4, echosounder_extra={"b": [1, None], "a": {}}, step="unknown")
    turn = {"role": "user", "content": HELLO, "echosounder_extra": True}
    yield ask.chat([turn], max_tokens=4, step="unknown-in-message")
    if ask.limits.user_id_max is not None:
        yield ask.chat(HELLO, max_tokens=4, user_id="user-1_A", step="user-id")
    if ask.limits.thinking != "none":
        yield ask.chat(HELLO, max_tokens=64, **{"thinking": ..., **ask.thinking}, step="thinking")
        yield ask.chat(HELLO, max_tokens=64, **{"thinking": ..., **ask.thinking}, **USAGE, step="thinking-stream")
    nulls: dict[str, Any] = dict.fromkeys(
        ("stop", "temperature", "top_p", "tools", "response_format", "stream_options")
    )
    yield ask.chat(HELLO, max_tokens=4, **nulls, step="nulls")


def conversations(ask: Ask) -> Steps:
    """Histories, tools and related features."""
    turns: list[dict[str, Any]] = [
        {"role": "system", "content": "You are brief.", "name": "house"},
        {"role": "user", "content": HELLO, "name": "Ada"},
        {"role": "assistant", "content": "Hello. "},
        {"role": "user", "content": " How are you?\n"},
    ]
    yield ask.chat(turns, max_tokens=8, step="history")
    parts: list[dict[str, Any]] = [{"type": "text", "text": "Say "}, {"type": "text", "text": f"hello. (ref {MARKER})"}]
    turn: dict[str, Any] = {"role": "user", "content": parts}
    yield ask.chat([turn], max_tokens=4, step="parts")
    if ask.limits.tools:
        yield called(ask, "tool")
        yield called(ask, "tool-stream", **USAGE)
        needed = ask.limits.reasoning_input != "forbidden"
        thought = {"reasoning_content": "One order, one call. 想"} if needed else {}
        history: list[dict[str, Any]] = [
            {"role": "user", "content": HELLO},
            {"role": "assistant", "content": None, **thought, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": CALL["id"], "content": '{"done":true}'},
        ]
        yield ask.chat(history, tools=[TOOL], max_tokens=4, step="tool-result")


@probe("proxy.repeat")
def repeat(ask: Ask) -> Steps:
    """One question repeatedly: unchanged, with another limit, at a higher temperature, as a stream, with another ending, and with a
    wrong key.
    """
    same = {"again": "again"}  # one marker, so that each is the same to the last byte
    yield ask.chat(COUNT, max_tokens=6, **GREEDY, step="again-first").but(notes=same)
    yield ask.chat(COUNT, max_tokens=6, **GREEDY, step="again-same").but(notes=same)
    yield ask.chat(COUNT, max_tokens=12, **GREEDY, step="again-longer").but(notes=same)
    yield ask.chat(COUNT, max_tokens=6, temperature=1.5, step="again-hotter").but(notes=same)
    yield ask.chat(COUNT, max_tokens=6, **GREEDY, stop=["two"], step="again-stopped").but(notes=same)
    yield ask.chat(f"{COUNT} Begin with ten.", max_tokens=6, **GREEDY, step="again-otherwise").but(notes=same)
    yield ask.chat(COUNT, max_tokens=6, **USAGE, **GREEDY, step="again-stream").but(notes=same)
    yield ask.chat(COUNT, max_tokens=6, **USAGE, **GREEDY, step="again-stream-same").but(notes=same)


@probe("proxy.routes")
def routes(ask: Ask) -> Steps:
    """The other paths, and every legal form of a request."""
    yield ask.get("/models", step="models")
    if ask.behaviour.balance:
        yield ask.get("/user/balance", step="balance")
    if ask.behaviour.beta:
        begun: list[dict[str, Any]] = [
            {"role": "user", "content": HELLO},
            {"role": "assistant", "content": "Hel", "prefix": True},
        ]
        yield ask.chat(begun, path=BETA_CHAT, max_tokens=8, step="prefix")
    if ask.limits.fim:
        yield ask.fim(f"# {MARKER}\ndef fib(a):\n", "    return fib(a-1) + fib(a-2)\n", step="fim")
        yield ask.post(
            FIM, {"model": ask.model, "prompt": f"# {MARKER}\n", "max_tokens": 8, **USAGE}, step="fim-stream"
        )
    for step, value in (("charset", "application/json; charset=utf-8"), ("capitals", "Application/JSON")):
        yield ask.chat(HELLO, max_tokens=4, step=step).but(headers=(("content-type", value),))
    yield ask.chat(HELLO, max_tokens=4, step="chunked").but(chunked=True)
    yield ask.chat(HELLO, max_tokens=4, step="headers").but(
        headers=(("content-type", "application/json"), ("x-echosounder-trace", "t1"), ("accept-language", "zh"))
    )
    long = "The keeper wrote the wind and the tide into the log of the lighthouse. "
    yield ask.chat(f"{HELLO} {long * 16_000}", max_tokens=1, step="large")
