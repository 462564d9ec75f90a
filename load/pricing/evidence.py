"""The evidence of a run for judgement: answers with the oracle's expectations, ledger entries, and causes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from echosounder import specs
from echosounder.judgement.bill import BillCause
from echosounder.load.pricing.lab import BillState, ServedRequest
from echosounder.load.pricing.ledger import Entry, settled
from echosounder.load.pricing.oracle import MODELS, Expectation, expectations

CELLS = ("as-expected-hit", "as-expected-miss", "withheld", "partly", "more", "invented")


@dataclass(frozen=True, slots=True)
class Counted:
    """An answer that reports its cached tokens, with the expectation of the oracle."""

    answer: ServedRequest
    expected: Expectation
    hit: int


@dataclass(slots=True)
class Evidence:
    """Evidence of a run. ``model`` and ``unit`` are those of the profile's cache, None if it promises nothing. In
    ``entries``, late charges are assigned to the entries where they belong.

    """

    lab: BillState
    profile: str
    causes: Sequence[BillCause] = ()
    answers: list[ServedRequest] = field(init=False)
    expected: list[Expectation] = field(init=False)
    counted: list[Counted] = field(init=False)
    entries: list[Entry] = field(init=False)
    unit: int | None = field(init=False)
    model: str | None = field(init=False)

    def __post_init__(self) -> None:
        limits = specs.limits(self.profile, self.lab.asking.model)
        self.unit, self.model = limits.cache_unit, limits.cache_model
        self.answers = [answer for answer in self.lab.answers if answer.outcome.status == 200]
        self.expected = expectations([self.lab.seen(answer) for answer in self.answers], self.lab.scale)
        self.counted = [
            Counted(answer, each, answer.hit)
            for answer, each in zip(self.answers, self.expected, strict=True)
            if answer.hit is not None
        ]
        for entry in self.lab.entries:
            entry.unit = self.lab.accountant.unit
        self.entries = settled(self.lab.entries)

    def promised(self, counted: Counted) -> int:
        """Hits that the profile's rules guarantee."""
        return counted.expected.promised[self.model] if self.model else 0

    @property
    def told(self) -> bool:
        """Whether there was a balance to compare the bill with."""
        return any(entry.explained is not None for entry in self.entries)

    @property
    def disturbed(self) -> bool:
        return bool(self.lab.idle and self.lab.idle.fell)


def confusion(evidence: Evidence) -> dict[str, dict[str, int]]:
    """Per cache model, expected against reported: ``withheld`` (nothing of what was promised), ``partly`` (less than promised),
    ``more`` (more than promised, though no more than is shared), ``invented`` (more than is shared)."""
    table = {}
    for model in MODELS:
        counts = dict.fromkeys(CELLS, 0)
        for each in evidence.counted:
            counts[_cell(each.expected.promised[model], each.expected.most, each.hit)] += 1
        table[model] = counts
    return table


def _cell(promised: int, most: int, hit: int) -> str:
    if hit > most:
        return "invented"
    if hit == promised:
        return "as-expected-hit" if hit else "as-expected-miss"
    if hit > promised:
        return "more"
    return "partly" if hit else "withheld"
