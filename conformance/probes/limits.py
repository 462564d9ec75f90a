"""Values just outside their bounds. Cheap: they are refused before anything is generated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from echosounder.conformance.ask import Ask
from echosounder.conformance.budget import STOPPED
from echosounder.conformance.probe import Steps, always, probe
from echosounder.conformance.probes.chat import COUNT
from echosounder.conformance.probes.errors import wrong
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite
from echosounder.wire.strict_json import compact

Fields = dict[str, dict[str, Any]]


def several(
    name: str,
    fields: Callable[[Ask], Fields],
    requests: int,
    suite: Suite = Suite.STANDARD,
    applies: Callable[[Subject], bool] = always,
    tokens: int = 1,
) -> None:
    """Registers a probe that sends one bad value after the other; the keys of *fields* become its steps. *tokens* of each, if served."""

    def steps(ask: Ask) -> Steps:
        for step, values in fields(ask).items():
            yield wrong(ask, compact(values)[:80], **values, step=step)

    steps.__doc__ = f"Values of {name.partition('.')[2].replace('-', '_')} outside its bounds, one at a time."
    probe(
        name,
        suite,
        requests=requests,
        prompt=3000,
        tokens=requests * tokens,
        features={"limits", "errors"},
        applies=applies,
        order=10,
    )(steps)


def above(ask: Ask) -> Fields:
    """One above the maximum, and far above it."""
    bound = ask.limits.max_tokens
    return {} if bound is None else {"above": {"max_tokens": bound + 1}, "far": {"max_tokens": 10**9}}


def unbounded(ask: Ask) -> Fields:
    """Values of max_tokens that bound nothing; the stop text bounds the bill where the target clamps or ignores them."""
    below: Fields = {
        "0": {"max_tokens": 0},
        "-1": {"max_tokens": -1},
        "text": {"max_tokens": "8"},
        "fraction": {"max_tokens": 8.5},
    }
    return {step: {**values, "stop": [" ", "\n"]} for step, values in (below | above(ask)).items()}


several("limits.max-tokens", unbounded, 6, tokens=STOPPED)
several(
    "limits.temperature",
    lambda ask: {"above": {"temperature": 2.1}, "below": {"temperature": -0.1}},
    2,
)
several(
    "limits.top-p",
    lambda ask: ({} if ask.behaviour.top_p_zero else {"zero": {"top_p": 0}}) | {"above": {"top_p": 1.1}},
    2,
)
several(
    "limits.penalties",
    lambda ask: {"frequency": {"frequency_penalty": 2.1}, "presence": {"presence_penalty": -2.1}},
    2,
    applies=lambda ask: ask.limits.penalties == "effective",
)
several(
    "limits.stop-17",
    lambda ask: {"": {"stop": [f"stop {number}" for number in range(17)]}},
    1,
    applies=lambda ask: (ask.limits.stop_max or 0) >= 8,
)
several(
    "limits.top-logprobs",
    lambda ask: {
        "21": {"logprobs": True, "top_logprobs": 21},
        "-1": {"logprobs": True, "top_logprobs": -1},
        "alone": {"top_logprobs": 2},
    },
    3,
)
several("limits.n", lambda ask: {"": {"n": 2}}, 1, applies=lambda ask: ask.behaviour.choices_max == 1, tokens=2)
several("limits.stream-options", lambda ask: {"": {"stream_options": {"include_usage": True}}}, 1)
several(
    "limits.user-id-512", lambda ask: {"": {"user_id": "u" * 513}}, 1, applies=lambda ask: ask.limits.user_id_max == 512
)
several(
    "limits.user-id-bytes",
    lambda ask: {"": {"user_id": "ü" * 300}},
    1,
    Suite.THOROUGH,
    applies=lambda ask: ask.limits.user_id_unit == "bytes",
)


@probe("limits.stop-empty", Suite.THOROUGH, tokens=4, features={"limits"})
def stop_empty(ask: Ask) -> Steps:
    """An empty array of stop texts."""
    yield ask.chat("Say hello.", stop=[], max_tokens=4)


@probe(
    "limits.max-completion-tokens",
    tokens=8,
    features={"limits"},
    applies=lambda ask: ask.behaviour.max_completion_tokens,
)
def max_completion_tokens(ask: Ask) -> Steps:
    """The newer name of max_tokens, alone; the question has a natural end in case the target does not know it."""
    yield ask.chat(COUNT, max_completion_tokens=8, max_tokens=...)


@probe("limits.n-choices", tokens=32, features={"limits"}, applies=lambda ask: ask.behaviour.choices_max > 1)
def n_choices(ask: Ask) -> Steps:
    """Two choices as a stream, where the profile has them."""
    yield ask.chat("Say hello.", n=2, stream=True, max_tokens=8).but(notes={"open": "may be refused"})
