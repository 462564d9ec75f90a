"""Whether a question that differs a little from an earlier one is answered again, or from a cache of responses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from echosounder.judgement.answers import answer, asked, bound, completion, ok, refused
from echosounder.judgement.belonging import owned
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check_group
from echosounder.judgement.checks.outcomes import answered
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

Asked = dict[str, Exchange]
"""The answers of the probe by their steps."""
STOP = "HALT"


def text(exchange: Exchange) -> str:
    return answer(exchange).content or ""


def other_bound(found: Asked) -> str:
    """The answer to the same question under a smaller bound."""
    cut, whole = found["cut"], found["whole"]
    usage = answer(whole).usage
    early = answer(whole).finish == "length" and usage is not None and (usage.completion or 0) < bound(whole) - 1
    if early and text(cut) == text(whole):
        return f"the answer under max_tokens {bound(whole)} is the shorter one cut by max_tokens {bound(cut)}"
    return ""


def other_stop(found: Asked) -> str:
    """The answer without the stop text, by a server that obeys stop texts elsewhere."""
    whole, stopped = found["whole"], found["stopped"]
    if "obeyed" in found and STOP in text(stopped) and text(stopped) == text(whole):
        return f"the answer with stop {STOP!r} is the earlier one without stop"
    return ""


def other_question(found: Asked) -> str:
    """The answer to the question with another last word."""
    whole, other = found["whole"], found["other"]
    if owned(whole) in text(other) and owned(other) not in text(other):
        return "the answer to a question with another last word is that of the question before"
    return ""


def other_choice(found: Asked) -> str:
    """The text of an answer in which calls were forbidden, although a call is forced, by a server that obeys elsewhere."""
    free, forced = found["no-call"], found["call"]
    alike = text(forced) == text(free) != "" and not answer(forced).calls
    if "called" in found and alike and asked(forced).get("tool_choice") == "required":
        return "the answer with tool_choice required is the earlier one with tool_choice none"
    return ""


def other_key(found: Asked) -> str:
    """An answer without a check of the key, by a server that refuses the key elsewhere."""
    if "key refused" in found and ok(found["wrong-key"]) and text(found["wrong-key"]):
        return "a key that is refused elsewhere got the answer that another key had received"
    return ""


def alike(one: str, other: str) -> int:
    """Length of the common prefix of both, in characters."""
    return sum(1 for _ in takewhile(lambda two: two[0] == two[1], zip(one, other, strict=False)))


def other_temperature(found: Asked) -> str:
    """The deterministic answer occurs twice at a high temperature, although the same question under another limit was answered
    differently from the start.
    """
    cold, *same = (text(found[step]) for step in ("cold", "hot", "warm"))
    controls = [text(found[step]) for step in ("control-hot", "control-warm")]
    if cold and all(each == cold for each in same) and all(2 * alike(each, cold) < len(cold) for each in controls):
        return "temperature 2 got the answer that temperature 0 had got, and with another max_tokens it gets a different one"
    return ""


def same_id(found: Asked) -> str:
    ids = [at(each.json, "id") for each in found.values() if each.probe == "chat.fresh" and completion(each)]
    twice = next((id for id in ids if isinstance(id, str) and ids.count(id) > 1), None)
    return f"answers to different questions share the id {twice!r}" if twice else ""


RULES: tuple[tuple[str, Callable[[Asked], str]], ...] = (
    ("whole", other_bound),
    ("stopped", other_stop),
    ("other", other_question),
    ("call", other_choice),
    ("wrong-key", other_key),
    ("hot", other_temperature),
    ("whole", same_id),
)


@check_group("chat.answers-fresh", answered)
def answers_fresh(exchanges: Sequence[Exchange], case: Case) -> Problems:
    """Detects cached answers. No rule depends on the model's obedience: each names something that no fresh answer can contain."""
    found = dict(_by_step(exchanges))
    broken, judged = False, 0
    for step, rule in RULES:
        try:
            sentence = rule(found)
        except KeyError:
            continue
        judged += 1
        if sentence:
            broken = True
            yield Problem(f"a response cache: {sentence}", exchange=found[step], cause="a response cache")
    if not broken and (not judged or not text(found.get("whole", exchanges[0]))):
        raise Inconclusive("too few answers to the question to compare")


def _by_step(exchanges: Sequence[Exchange]) -> Iterator[tuple[str, Exchange]]:
    for exchange in exchanges:
        if exchange.probe in {"chat.fresh", "chat.fresh-hot"} and (completion(exchange) or "fault" in exchange.notes):
            yield exchange.step, exchange
        elif exchange.probe == "chat.stop-string" and completion(exchange) and _obeyed(exchange):
            yield "obeyed", exchange
        elif exchange.probe == "tools.required" and completion(exchange) and answer(exchange).calls:
            yield "called", exchange
        elif exchange.probe == "errors.bad-key" and refused(exchange):
            yield "key refused", exchange


def _obeyed(exchange: Exchange) -> bool:
    return asked(exchange).get("stop") == STOP and answer(exchange).finish == "stop" and STOP not in text(exchange)
