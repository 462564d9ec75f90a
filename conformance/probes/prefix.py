"""Chat prefix completion, below /beta: the last message is the beginning of the answer."""

from __future__ import annotations

from typing import Any

from echosounder.conformance.ask import BETA_CHAT, CHAT, GREEDY, Ask, Send
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.chat import STORY, STREAM_USAGE
from echosounder.conformance.probes.errors import faulty
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite
from echosounder.wire.strict_json import at

FENCE = "```"
BEGUN = '{"capital": "'

BEGINNINGS = {
    "Count from one to nine in English words, separated by blanks.": "one two three",
    "Write the days of the week in one line, separated by blanks.": "Monday Tuesday Wednesday",
    "Write the letters from a to h in one line, separated by blanks.": "a b c",
}


def has_prefix(ask: Subject) -> bool:
    return ask.behaviour.beta


def begun(ask: Ask, question: str, beginning: str, *, path: str = BETA_CHAT, step: str = "", **fields: Any) -> Send:
    extra = fields.pop("assistant", {})
    turns = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": beginning, "prefix": True, **extra},
    ]
    return ask.chat(turns, path=path, step=step, **fields)


@probe("prefix.continue", tokens=32, features={"prefix"}, applies=has_prefix)
def continued(ask: Ask) -> Steps:
    """An object that the prefix has opened."""
    yield begun(ask, "Name the capital of France as a JSON object.", BEGUN, max_tokens=32, **GREEDY)


@probe("prefix.continue.stream", tokens=32, features={"prefix"}, applies=has_prefix)
def continued_stream(ask: Ask) -> Steps:
    """The same as a stream."""
    yield begun(ask, "Name the capital of France as a JSON object.", BEGUN, max_tokens=32, **GREEDY, **STREAM_USAGE)


@probe("prefix.words", Suite.THOROUGH, requests=len(BEGINNINGS), tokens=48, features={"prefix"}, applies=has_prefix)
def words(ask: Ask) -> Steps:
    """Lists that are begun with whole words: what follows begins with a blank, and not with the first word."""
    for question, beginning in BEGINNINGS.items():
        yield begun(ask, question, beginning, max_tokens=16, **GREEDY, step=beginning.split()[0])


@probe("prefix.stop", tokens=128, features={"prefix"}, applies=has_prefix)
def stop(ask: Ask) -> Steps:
    """A code block that must end at its closing fence."""
    yield begun(
        ask,
        "Please write one line of Python that prints hello.",
        f"{FENCE}python\n",
        stop=[FENCE],
        max_tokens=128,
        **GREEDY,
    )


@probe("prefix.off-beta", tokens=1, features={"prefix", "errors"}, applies=has_prefix, order=10)
def off_beta(ask: Ask) -> Steps:
    """A prefix on the stable base URL."""
    yield faulty(begun(ask, "Say hello.", "Hel", path=CHAT, max_tokens=1), "prefix off the beta base URL")


@probe("prefix.assistant-last", tokens=4, features={"prefix"}, applies=has_prefix)
def assistant_last(ask: Ask) -> Steps:
    """A conversation that ends with an assistant message, without prefix."""
    turns = [{"role": "user", "content": "Say hello."}, {"role": "assistant", "content": "Hello."}]
    yield ask.chat(turns, max_tokens=4).but(notes={"open": "refused or continued, both occur"})


@probe(
    "prefix.resume",
    Suite.THOROUGH,
    requests=2,
    tokens=16,
    features={"prefix"},
    applies=lambda ask: has_prefix(ask) and ask.limits.thinking != "always",
)
def resume(ask: Ask) -> Steps:
    """An answer that was cut, sent back to be continued."""
    exchange = yield ask.chat(STORY, path=BETA_CHAT, max_tokens=8, **GREEDY, step="cut")
    said = at(exchange.json, "choices", 0, "message", "content")
    if isinstance(said, str) and said:
        yield begun(ask, STORY, said, max_tokens=8, **GREEDY, step="resumed")


@probe(
    "prefix.reasoning",
    Suite.THOROUGH,
    tokens=32,
    features={"prefix", "thinking"},
    applies=lambda ask: has_prefix(ask) and ask.limits.thinking != "none",
)
def reasoning(ask: Ask) -> Steps:
    """A thought that is begun together with the answer."""
    assistant = {"reasoning_content": "They want a greeting."}
    yield begun(ask, "Say hello.", "Hel", assistant=assistant, max_tokens=32, **{"thinking": ..., **ask.thinking})
