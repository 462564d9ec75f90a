"""Results of checks: findings, and the verdict that follows from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import msgspec


class Verdict(StrEnum):
    """Verdict of one requirement, from best to worst; combining verdicts only ever makes it worse."""

    PASS = "pass"
    NOT_APPLICABLE = "not-applicable"  # the profile does not have it
    NONSTRICT = "nonstrict"  # a SHOULD is broken
    UNSUPPORTED = "unsupported"  # plainly refused with a proper error: an optional feature is absent
    UNTESTABLE = "untestable"  # its prerequisite failed; counts at the requirement's own severity
    INCONCLUSIVE = "inconclusive"  # too little to judge by; the note names model, network or budget
    FAIL = "fail"
    ERROR = "error"  # our fault


LEVELS = ("MUST", "SHOULD", "MAY")
UNMET = (Verdict.ERROR, Verdict.FAIL, Verdict.UNTESTABLE)
"""The target deviates, or nobody can say that it does not."""
BROKEN = (Verdict.ERROR, Verdict.FAIL, Verdict.UNTESTABLE, Verdict.NONSTRICT)
"""Something is wrong, with the target or with us."""
WORST_FIRST = (
    Verdict.ERROR,
    Verdict.FAIL,
    Verdict.UNTESTABLE,
    Verdict.INCONCLUSIVE,
    Verdict.NONSTRICT,
    Verdict.UNSUPPORTED,
    Verdict.PASS,
    Verdict.NOT_APPLICABLE,
)
"""The order in which people want to read them."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of *verdicts*; ``pass`` without any."""
    order = list(Verdict)
    return max(verdicts, key=order.index, default=Verdict.PASS)


@dataclass(frozen=True, slots=True)
class Finding:
    """One deviation: a sentence with expected and got, and its place in an exchange.

    ``event`` is the index of the SSE event, ``offset`` a byte offset into the body, ``pointer`` a JSON pointer (RFC 6901) into the
    event's or the body's JSON, ``excerpt`` the relevant bytes. ``cause`` groups findings with one root. ``status`` is that of the
    exchange: with 500 and above, the target crashed.
    """

    requirement: str
    message: str
    exchange: str = ""
    event: int | None = None
    offset: int | None = None
    pointer: str | None = None
    excerpt: str = ""
    cause: str = ""
    status: int | None = field(default=None, compare=False)


Place = tuple[str, int | None, str]
"""Where a finding shows: exchange, event, and the cause that it names."""


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict of one requirement. ``note`` explains it if there is no finding.

    ``places`` are the exchange, event and cause of every finding, including those beyond the recorded ones; they are not recorded.
    """

    requirement: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    note: str = ""
    exchanges: tuple[str, ...] = ()
    places: tuple[Place, ...] = field(default=(), compare=False, repr=False)

    def record(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "places"}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Result":
        """A result from its record. Raises ``ValueError`` for an invalid one."""
        try:
            return msgspec.convert(record, cls)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None


def worst_first(requirements: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows of a report by verdict, then by level, then by id."""
    return sorted(
        requirements, key=lambda row: (_rank(WORST_FIRST, row["verdict"]), _rank(LEVELS, row["level"]), row["id"])
    )


def _rank(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)
