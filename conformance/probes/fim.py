"""Fill in the middle, below /beta."""

from __future__ import annotations

from typing import Any

from echosounder.conformance.ask import FIM, GREEDY, Ask
from echosounder.conformance.budget import STOPPED
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.chat import STREAM_USAGE
from echosounder.conformance.probes.errors import faulty
from echosounder.judgement.agreed import MARKED
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite
from echosounder.wire.strict_json import compact

PROMPT = "def fib(a):\n"
SUFFIX = "    return fib(a-1) + fib(a-2)\n"
NULLABLE = ("suffix", "echo", "logprobs", "stop", "stream", "stream_options", "temperature", "top_p")


def has_fim(ask: Subject) -> bool:
    return ask.limits.fim


@probe("fim.basic", Suite.SMOKE, features={"fim"}, applies=has_fim)
def basic(ask: Ask) -> Steps:
    """A prompt without suffix."""
    yield ask.fim(PROMPT, **GREEDY)


@probe("fim.basic.stream", Suite.SMOKE, tokens=32, features={"fim", "stream"}, applies=has_fim)
def basic_stream(ask: Ask) -> Steps:
    """Prompt and suffix as a stream that reports its usage."""
    yield ask.fim(PROMPT, SUFFIX, max_tokens=32, **GREEDY, **STREAM_USAGE)


@probe("fim.suffix", features={"fim"}, applies=has_fim)
def suffix(ask: Ask) -> Steps:
    """The prompt of fim.basic, with a suffix."""
    yield ask.fim(PROMPT, SUFFIX, **GREEDY)


@probe("fim.echo", tokens=8, features={"fim"}, applies=has_fim)
def echo(ask: Ask) -> Steps:
    """The prompt in front of the answer, with what is escaped somewhere on the way."""
    yield ask.fim(f"# {MARKED}\n{PROMPT}", echo=True, max_tokens=8)


@probe("fim.logprobs", tokens=8, features={"fim"}, applies=has_fim)
def logprobs(ask: Ask) -> Steps:
    """Log probabilities with two alternatives."""
    yield ask.fim(PROMPT, logprobs=2, max_tokens=8)


@probe("fim.stop", Suite.THOROUGH, requests=2, tokens=64, features={"fim"}, applies=has_fim)
def stop(ask: Ask) -> Steps:
    """A stop text as a string and as an array."""
    yield ask.fim("one two three four five", stop=" ", max_tokens=32, step="string")
    yield ask.fim("one two three four five", stop=[" ", "\n"], max_tokens=32, step="array")


@probe("fim.length", requests=2, tokens=9, features={"fim"}, applies=has_fim)
def length(ask: Ask) -> Steps:
    """Answers that max_tokens cuts."""
    yield ask.fim("Once upon a time, ", max_tokens=1, step="one")
    yield ask.fim("Once upon a time, ", max_tokens=8, step="eight")


@probe("fim.nulls", Suite.THOROUGH, tokens=4, features={"fim"}, applies=has_fim)
def nulls(ask: Ask) -> Steps:
    """Every nullable parameter as null, but for max_tokens."""
    yield ask.post(FIM, {"model": ask.model, "prompt": PROMPT, "max_tokens": 4, **dict.fromkeys(NULLABLE)})


def is_listed(ask: Subject) -> bool:
    return has_fim(ask) and ask.model in ask.limits.models


@probe("fim.models", Suite.THOROUGH, requests=2, tokens=4, features={"fim"}, applies=is_listed)
def models(ask: Ask) -> Steps:
    """Each model of the profile, under its own name."""
    for name in ask.limits.models[:2]:
        yield ask.fim(PROMPT, model=name, max_tokens=2, step=name).but(
            notes={"open": "the pages disagree on the models"}
        )


@probe("fim.off-beta", tokens=1, features={"fim", "errors"}, applies=has_fim, order=10)
def off_beta(ask: Ask) -> Steps:
    """The same request on the stable base URL."""
    body = {"model": ask.model, "prompt": PROMPT, "max_tokens": 1}
    yield faulty(ask.post("/completions", body), "FIM off the beta base URL")


@probe(
    "fim.bounds",
    Suite.THOROUGH,
    requests=8,
    tokens=6 + 2 * STOPPED,
    features={"fim", "errors"},
    applies=has_fim,
    order=11,
)
def bounds(ask: Ask) -> Steps:
    """Values out of range, one at a time, and no prompt at all."""
    base = {"model": ask.model, "prompt": PROMPT, "max_tokens": 1}
    yield faulty(ask.post(FIM, {"model": ask.model, "max_tokens": 1}, step="prompt"), "no prompt")
    out_of_range: dict[str, dict[str, Any]] = {
        "max_tokens.0": {"max_tokens": 0, "stop": "\n"},
        "max_tokens.4097": {"max_tokens": (ask.limits.fim_max_tokens or 4096) + 1, "stop": "\n"},
        "temperature": {"temperature": 2.1},
        "temperature.negative": {"temperature": -0.1},
        "top_p": {"top_p": 1.1},
        "logprobs": {"logprobs": 21},
        "stop": {"stop": [f"stop {number}" for number in range(17)]},
    }
    for step, fields in out_of_range.items():
        yield faulty(ask.post(FIM, {**base, **fields}, step=step), compact(fields))
