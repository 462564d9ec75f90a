"""What a run must have seen before it may say that a requirement holds. What it breaks needs no more than the finding."""

from collections.abc import Callable

from echosounder.load.pricing.evidence import Evidence
from echosounder.load.pricing.ledger import Charge

FEWEST = 3  # prompts that should have hit


def gave_occasion(name: str, evidence: Evidence) -> bool:
    needed = OCCASIONS.get(name)
    return needed is None or needed(evidence)


def _twins(evidence: Evidence) -> bool:
    return {answer.send.stream for answer in evidence.answers if answer.send.name == "twin"} == {False, True}


def _cut(evidence: Evidence) -> bool:
    return any(answer.outcome.sample and answer.outcome.sample.finish == "length" for answer in evidence.answers)


def _new(evidence: Evidence) -> bool:
    return any(not each.expected.shared for each in evidence.counted)


def _due(evidence: Evidence) -> bool:
    return len(evidence.wanting[0]) >= FEWEST


def _hit(evidence: Evidence) -> bool:
    return any(each.hit for each in evidence.counted)


def _third(evidence: Evidence) -> bool:
    return any(each.answer.name == "long text 3: D" and evidence.promised(each) for each in evidence.counted)


def _charges(evidence: Evidence) -> list[Charge]:
    return [charge for entry in evidence.entries if entry.explained is not None for charge in entry.charges]


def _both(evidence: Evidence) -> bool:
    return {charge.stream for charge in _charges(evidence)} == {False, True}


def _hit_charged(evidence: Evidence) -> bool:
    return any(charge.hit for charge in _charges(evidence))


def _entry(begin: str) -> Callable[[Evidence], bool]:
    return lambda evidence: any(begin in entry.name and entry.explained is not None for entry in evidence.entries)


OCCASIONS: dict[str, Callable[[Evidence], bool]] = {
    "usage.modes-agree": _twins,
    "usage.completion-counted": _cut,
    "cache.first-misses": _new,
    "cache.repeat-hits": _due,
    "load.hits-as-expected": _due,
    "cache.unit-64": _hit,
    "cache.unit-128": _hit,
    "cache.common-prefix-unit": _third,
    "cache.discount": _hit_charged,
    "balance.stream-same-price": _both,
    "load.bill-adds-up": _entry("many at once"),
    "fim.same-price": _entry("fim"),
}
