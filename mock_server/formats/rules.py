"""Validation of well-formed bodies: ranges, counts and members that depend on one another. Fact sheet 2.1, 6, 7, 9.4.

Each rule is a function that returns the text of the refusal, or None. The first refusal in the order of the tuples is
sent. This module has the rules that several formats share.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from echosounder import specs
from echosounder.mock_server.admission import refusals
from echosounder.specs import Limits

Body = dict[str, Any]
Rule = Callable[[Body, Limits, bool], str | None]
BASE = 'is only available when using beta api (set base_url="https://api.deepseek.com/beta")'


class Rules:
    """Rules in order, each for one member; a rule whose member is absent or null is skipped."""

    def __init__(self, *rules: tuple[str, Rule]) -> None:
        self._rules = rules
        self._members = frozenset(member for member, _ in rules)
        self._about = lru_cache(maxsize=1024)(self._choose)  # cached: most bodies have the same few members

    def check(self, body: Body, limits: Limits, beta: bool) -> None:
        """Raise :class:`refusals.Refused` for the first broken rule."""
        there = self._members.intersection([name for name, value in body.items() if value is not None])
        for rule in self._about(there):
            text = rule(body, limits, beta)
            if text is not None:
                raise refusals.invalid(limits.profile, limits.range_status, text)

    def _choose(self, members: frozenset[str]) -> tuple[Rule, ...]:
        return tuple(rule for member, rule in self._rules if member in members)


def model_exists(body: Body, limits: Limits, beta: bool) -> str | None:
    model = body["model"]
    if model in limits.models or model in limits.aliases:
        return None
    raise refusals.no_model(limits.profile, model)


def _range(name: str, low: float, high: float, shown: str, open_low: bool = False) -> Rule:
    def rule(body: Body, limits: Limits, beta: bool) -> str | None:
        value = body.get(name)
        if value is None or ((low < value if open_low else low <= value) and value <= high):
            return None
        return f"Invalid {name} value, the valid range of {name} is {shown}"

    return rule


def _penalty(name: str) -> Rule:
    in_range = _range(name, -2, 2, "[-2, 2]")
    return lambda body, limits, beta: None if limits.penalties == "ignored" else in_range(body, limits, beta)


temperature = _range("temperature", 0, 2, "[0, 2]")
top_p = _range("top_p", 0, 1, "(0, 1.0]", open_low=True)
frequency_penalty = _penalty("frequency_penalty")
presence_penalty = _penalty("presence_penalty")


def bounded(most: Callable[[Limits, bool], int | None], name: str = "max_tokens") -> Rule:
    """A rule for ``max_tokens``, whatever its *name*; *most* gives the bound from the limits and whether the path is a beta one,
    None for no bound."""

    def rule(body: Body, limits: Limits, beta: bool) -> str | None:
        value, bound = body.get(name), most(limits, beta)
        if value is None or 1 <= value <= (bound or value):
            return None
        return f"Invalid {name} value, the valid range of {name} is [1, {bound}]"

    return rule


def stops(body: Body, limits: Limits, beta: bool) -> str | None:
    stop = body.get("stop")
    if isinstance(stop, list) and limits.stop_max and len(stop) > limits.stop_max:
        return f"Stop string array too long: {len(stop)}"
    return None


def choices(body: Body, limits: Limits, beta: bool) -> str | None:
    behaviour = specs.behaviour(limits.profile)
    return None if 1 <= body["n"] <= behaviour.choices_max else behaviour.texts["choices"]


def stream_options(body: Body, limits: Limits, beta: bool) -> str | None:
    alone = body.get("stream_options") is not None and not body.get("stream")
    return "stream_options should be set along with stream = true" if alone else None


def known_effort(effort: Callable[[Body], Any], where: str) -> Rule:
    """A rule for the reasoning effort, which the profile must list. *effort* extracts it from a body, *where* is its path in errors."""

    def rule(body: Body, limits: Limits, beta: bool) -> str | None:
        value = effort(body)
        if value is None or not limits.efforts or value in limits.efforts:
            return None
        listed = ", ".join(f"`{name}`" for name in limits.efforts)
        text = f"{where}: unknown variant `{value}`, expected one of {listed}"
        raise refusals.malformed(limits.profile, limits.malformed_status, text)

    return rule


SHARED: tuple[tuple[str, Rule], ...] = (
    ("n", choices),
    ("stream_options", stream_options),
    ("temperature", temperature),
    ("top_p", top_p),
    ("frequency_penalty", frequency_penalty),
    ("presence_penalty", presence_penalty),
)
