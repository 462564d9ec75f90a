"""Conversation without tools, non-streaming and streaming. Paired probes send the same request in both modes."""

import math
from typing import Any

from echosounder.conformance.ask import BETA_CHAT, CHAT, GREEDY, Ask
from echosounder.conformance.probe import Steps, probe
from echosounder.judgement.agreed import CODE, MARKED, REPEAT, UNICODE
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

STREAM: dict[str, Any] = {"stream": True}
STREAM_USAGE: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}

LASTS_MS, LONGEST = 250, 512
"""A stream that is long in time, and the most tokens that are spent on one: a target that sends 2,000 a second is not waited for."""

COUNT = "Count from one to fifteen in English words, separated by commas. Write nothing else."
STORY = "Write a long story about a lighthouse keeper and her cat."
NULLABLE = (
    "response_format",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "tools",
    "logprobs",
    "top_logprobs",
    "frequency_penalty",
    "presence_penalty",
)
ECHO = f"{REPEAT}{UNICODE}"


def has_logprobs(ask: Subject) -> bool:
    return ask.limits.logprobs


@probe("chat.basic", Suite.SMOKE, order=1)
def basic(ask: Ask) -> Steps:
    """One short non-streaming answer."""
    yield ask.chat("What is the capital of France? Answer in one word.")


@probe("chat.stream", Suite.SMOKE, tokens=64, order=5)
def stream(ask: Ask) -> Steps:
    """One answer as a stream, without asking for usage."""
    yield ask.chat(COUNT, max_tokens=64, **STREAM, **GREEDY)


@probe("chat.stream.usage", Suite.SMOKE, tokens=64, order=6)
def stream_usage(ask: Ask) -> Steps:
    """One answer as a stream that shall report its usage."""
    yield ask.chat(COUNT, max_tokens=64, **STREAM_USAGE, **GREEDY)


@probe("chat.pair", requests=2, tokens=128)
def pair(ask: Ask) -> Steps:
    """A deterministic non-streaming request, sent twice: do two answers agree at all?"""
    yield ask.chat(COUNT, max_tokens=64, **GREEDY, step="first")
    yield ask.chat(COUNT, max_tokens=64, **GREEDY, step="second")


@probe("chat.pair.stream", requests=2, tokens=128)
def pair_stream(ask: Ask) -> Steps:
    """The request of chat.pair twice as a stream."""
    yield ask.chat(COUNT, max_tokens=64, **GREEDY, **STREAM_USAGE, step="first")
    yield ask.chat(COUNT, max_tokens=64, **GREEDY, **STREAM_USAGE, step="second")


@probe("chat.unicode", requests=2, tokens=192)
def unicode(ask: Ask) -> Steps:
    """Text to repeat, of characters that are several bytes and several tokens long."""
    yield ask.chat(ECHO, max_tokens=96, **GREEDY, step="first")
    yield ask.chat(ECHO, max_tokens=96, **GREEDY, step="second")


@probe("chat.unicode.stream", requests=2, tokens=192)
def unicode_stream(ask: Ask) -> Steps:
    """The request of chat.unicode as a stream."""
    yield ask.chat(ECHO, max_tokens=96, **GREEDY, **STREAM_USAGE, step="first")
    yield ask.chat(ECHO, max_tokens=96, **GREEDY, **STREAM_USAGE, step="second")


@probe("chat.echo", requests=3, tokens=3 * 96)
def echo(ask: Ask) -> Steps:
    """Two texts to repeat, full of characters that intermediaries may escape: both streamed, one also non-streaming."""
    yield ask.chat(f"{REPEAT}{MARKED}", max_tokens=96, **GREEDY, step="marked")
    yield ask.chat(f"{REPEAT}{MARKED}", max_tokens=96, **GREEDY, **STREAM_USAGE, step="marked-stream")
    yield ask.chat(f"{REPEAT}{CODE}", max_tokens=96, **GREEDY, **STREAM_USAGE, step="code-stream")


@probe("chat.length", Suite.SMOKE, requests=2, tokens=9)
def length(ask: Ask) -> Steps:
    """Answers that max_tokens cuts: at one token, at eight."""
    yield ask.chat(STORY, max_tokens=1, step="one")
    yield ask.chat(STORY, max_tokens=8, step="eight")


@probe("chat.length.stream", Suite.SMOKE, requests=2, tokens=8 + LONGEST)
def length_stream(ask: Ask) -> Steps:
    """Streams that max_tokens cuts; the second is long enough to see how it flows."""
    short = yield ask.chat(STORY, max_tokens=8, **STREAM_USAGE, step="short")
    yield ask.chat(STORY, max_tokens=lasting(short, 128, LONGEST), **STREAM_USAGE, step="long")


def lasting(exchange: Exchange, least: int, most: int) -> int:
    """Number of tokens for an answer that lasts long enough to show whether it is streamed, at the pace of *exchange*: at most *most*,
    or *least* if even that would be too short.
    """
    if exchange is None or exchange.t_sent is None or exchange.t_closed is None or not exchange.events:
        return least
    each_ms = (exchange.t_closed - exchange.t_sent) / 1e6 / len(exchange.events)
    return least if each_ms * most < LASTS_MS else max(least, math.ceil(LASTS_MS / each_ms))


@probe("chat.timed", requests=3, tokens=64 + 2 * LONGEST)
def timed(ask: Ask) -> Steps:
    """A stream and, if it was too short to show its pace, two longer ones, sized by that pace."""
    first = yield ask.chat(STORY, max_tokens=64, **STREAM_USAGE, step="pace")
    tokens = lasting(first, 64, LONGEST)
    for step in ("second", "third") if tokens > 64 else ():
        yield ask.chat(STORY, max_tokens=tokens, **STREAM_USAGE, step=step)


@probe("chat.multi-turn", requests=2, tokens=32)
def multi_turn(ask: Ask) -> Steps:
    """A conversation: the second request holds the first one and its answer."""
    system = {"role": "system", "content": "You answer in one short sentence."}
    first = {"role": "user", "content": "My cat is called Lotte. What could she eat?"}
    exchange = yield ask.chat([system, first], step="first")
    said = at(exchange.json, "choices", 0, "message", "content") or "Fish."
    answer = {"role": "assistant", "content": said}
    yield ask.chat([system, first, answer, {"role": "user", "content": "What is her name?"}], step="second")


@probe("chat.logprobs", requests=2, tokens=32, applies=has_logprobs)
def logprobs(ask: Ask) -> Steps:
    """Log probabilities with three alternatives and with the maximum."""
    yield ask.chat(COUNT, logprobs=True, top_logprobs=3, **GREEDY, step="three")
    yield ask.chat(COUNT, logprobs=True, top_logprobs=20, **GREEDY, step="twenty")


@probe("chat.logprobs.stream", applies=has_logprobs)
def logprobs_stream(ask: Ask) -> Steps:
    """Log probabilities in a stream."""
    yield ask.chat(COUNT, logprobs=True, top_logprobs=3, **GREEDY, **STREAM_USAGE)


@probe("chat.logprobs-unicode", Suite.THOROUGH, requests=2, tokens=192, applies=has_logprobs)
def logprobs_unicode(ask: Ask) -> Steps:
    """Log probabilities of text of several scripts, in both modes."""
    yield ask.chat(ECHO, logprobs=True, top_logprobs=3, max_tokens=96, **GREEDY)
    yield ask.chat(ECHO, logprobs=True, top_logprobs=3, max_tokens=96, **GREEDY, **STREAM_USAGE, step="stream")


STOP_ECHO = f"{REPEAT}alpha beta gamma HALT delta epsilon"


@probe("chat.stop-string", requests=2, tokens=64)
def stop_string(ask: Ask) -> Steps:
    """A stop text as a string, in both modes."""
    yield ask.chat(STOP_ECHO, stop="HALT", max_tokens=32, **GREEDY)
    yield ask.chat(STOP_ECHO, stop="HALT", max_tokens=32, **GREEDY, **STREAM_USAGE, step="stream")


@probe("chat.stop-array", requests=2, tokens=64)
def stop_array(ask: Ask) -> Steps:
    """Stop texts as an array: one, and eight, or four if the profile allows no more."""
    several = ["HALT", *"!?#$%&*"] if (ask.limits.stop_max or 8) >= 8 else ["HALT", *"!?#"]
    yield ask.chat(STOP_ECHO, stop=["HALT"], max_tokens=32, **GREEDY, step="one")
    yield ask.chat(STOP_ECHO, stop=several, max_tokens=32, **GREEDY, step="eight")


@probe("chat.stop-16", Suite.THOROUGH, tokens=8)
def stop_16(ask: Ask) -> Steps:
    """The maximum number of stop texts."""
    yield ask.chat("Say hello.", stop=[f"stop {number}" for number in range(16)], max_tokens=8)


@probe("chat.stream-false", Suite.SMOKE)
def stream_false(ask: Ask) -> Steps:
    """stream false, spelled out."""
    yield ask.chat("Say hello.", stream=False)


@probe("chat.stream-null", Suite.THOROUGH)
def stream_null(ask: Ask) -> Steps:
    """stream null."""
    yield ask.chat("Say hello.", stream=None)


@probe("chat.nulls", tokens=4)
def nulls(ask: Ask) -> Steps:
    """Every nullable parameter as null, all at once. max_tokens stays set: it bounds the bill."""
    yield ask.post(CHAT, ask.body("Say hello.", max_tokens=4) | dict.fromkeys(NULLABLE))


@probe("chat.nulls-each", Suite.THOROUGH, requests=len(NULLABLE), prompt=3000, tokens=4 * len(NULLABLE))
def nulls_each(ask: Ask) -> Steps:
    """Every nullable parameter as null, one by one."""
    for name in NULLABLE:
        yield ask.post(CHAT, ask.body("Say hello.", max_tokens=4) | {name: None}, step=name)


@probe("chat.unknown-field", requests=2, tokens=8)
def unknown_field(ask: Ask) -> Steps:
    """Members that the API does not know, in the body and in a message."""
    yield ask.chat("Say hello.", max_tokens=4, seed=9007199254740993, echosounder_extra={"a": [1]}, step="body")
    yield ask.chat([{"role": "user", "content": "Say hello.", "echosounder_extra": None}], max_tokens=4, step="message")


@probe("chat.system", tokens=8)
def system(ask: Ask) -> Steps:
    """A system message and named speakers."""
    turns = [
        {"role": "system", "content": "You are brief.", "name": "house"},
        {"role": "user", "content": "Hi.", "name": "Ada"},
        {"role": "assistant", "content": "Hello.", "name": "bot"},
        {"role": "user", "content": "How are you?", "name": "Ada"},
    ]
    yield ask.chat(turns, max_tokens=8)


@probe("chat.content-parts", tokens=8)
def content_parts(ask: Ask) -> Steps:
    """User content as an array of text parts."""
    parts = [{"type": "text", "text": "Say "}, {"type": "text", "text": "hello."}]
    yield ask.chat([{"role": "user", "content": parts}], max_tokens=8)


@probe("chat.user-id", Suite.THOROUGH, requests=2, tokens=8)
def user_id(ask: Ask) -> Steps:
    """user_id in its alphabet, short and at its full length."""
    yield ask.chat("Say hello.", max_tokens=4, user_id="user-1_A", step="short")
    yield ask.chat("Say hello.", max_tokens=4, user_id="u" * (ask.limits.user_id_max or 512), step="longest")


@probe("chat.temperature-bounds", requests=3, tokens=12)
def temperature_bounds(ask: Ask) -> Steps:
    """The upper end of temperature, top_p 1, and both penalties within their bounds; chat.pair has the lower end."""
    yield ask.chat("Say hello.", max_tokens=4, temperature=2, step="2")
    yield ask.chat("Say hello.", max_tokens=4, top_p=1, step="top_p")
    yield ask.chat("Say hello.", max_tokens=4, frequency_penalty=-2, presence_penalty=2, step="penalties")


@probe("chat.beta-8k", Suite.THOROUGH, tokens=8192, applies=lambda ask: ask.behaviour.beta)
def beta_8k(ask: Ask) -> Steps:
    """max_tokens 8192 below /beta; the question is short, the answer too."""
    yield ask.chat("Answer in one word: is water wet?", max_tokens=8192, path=BETA_CHAT)


@probe("chat.logprobs-zero", requests=2, tokens=8, applies=has_logprobs)
def logprobs_zero(ask: Ask) -> Steps:
    """Log probabilities without alternatives: top_logprobs 0, and absent."""
    yield ask.chat(COUNT, logprobs=True, top_logprobs=0, max_tokens=4, **GREEDY, step="0")
    yield ask.chat(COUNT, logprobs=True, max_tokens=4, **GREEDY, step="absent")
