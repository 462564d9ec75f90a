"""The kill matrix: which deviation of the mock broke which requirement, and the figures that follow. Pure; `echosounder.laboratory`
fills it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from math import comb
from typing import Any

import msgspec

from echosounder import specs
from echosounder.judgement.assigned import checks
from echosounder.judgement.rule import unmet
from echosounder.wire.verdict import Verdict

SCHEMA = frozenset({"response.document-valid", "stream.chunk-schema", "chat.response-schema", "fim.response-schema",
                    "fim.stream-chunk", "models.schema", "balance.schema"})  # fmt: skip
ALARM = frozenset({Verdict.FAIL, Verdict.NONSTRICT, Verdict.UNTESTABLE, Verdict.ERROR})


@dataclass(frozen=True, slots=True)
class KillRow:
    """One deviation, or legal variant: the requirements that it declares to break, and every requirement that a run of the suite found
    broken.

    ``first`` is the requirement that a reader of the report sees first. ``elsewhere`` has the declared ones that only other probes or
    another profile revealed, ``again`` the ones found broken in each further pass, under another seed of the mock.
    """

    name: str
    layer: str
    declared: tuple[str, ...]
    broken: Mapping[str, str]
    first: str | None
    applied: int
    judged: int
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    again: tuple[Mapping[str, str], ...] = ()

    @property
    def legal(self) -> bool:
        return not self.declared

    @property
    def judgeable(self) -> tuple[str, ...]:
        """Requirements that it declares and this suite can judge."""
        return tuple(id for id in self.declared if id in checks() and not specs.requirement(id).excluded)

    @property
    def missed(self) -> tuple[str, ...]:
        """Requirements that it declares and no run found broken."""
        return tuple(id for id in self.judgeable if id not in self.broken and id not in self.elsewhere)

    @property
    def killed(self) -> bool:
        return len(self.missed) < len(self.judgeable)

    @property
    def level(self) -> str:
        """Result of a run: ``MUST`` for exit code 1, ``SHOULD`` for findings with exit code 0, else ``silent``."""
        if any(unmet(specs.requirement(id).level, verdict) for id, verdict in self.broken.items()):
            return "MUST"
        return "SHOULD" if self.broken else "silent"

    @property
    def tolerated(self) -> dict[str, str]:
        """Why it breaks no contract, by requirement; empty if a MUST is broken, or if a declared row gives no reason."""
        rows = [specs.requirement(id) for id in self.declared if id in self.broken or id in self.elsewhere]
        reasons = {row.id: row.tolerated for row in rows if row.tolerated}
        return reasons if self.level == "SHOULD" and len(reasons) == len(rows) else {}

    @property
    def moody(self) -> tuple[str, ...]:
        """Requirements on which the passes disagree."""
        first, *rest = (set(each.items()) for each in (self.broken, *self.again))
        return tuple(sorted({id for id, _ in first.union(*rest) - first.intersection(*rest)}))


@dataclass(frozen=True, slots=True)
class Honest:
    """One run against the honest mock: number of verdicts, false alarms among them, and their exchanges."""

    profile: str
    model: str
    suite: str
    seed: int
    judged: int
    alarms: tuple[str, ...]
    exchanges: int
    streams: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """All rows and the honest runs. ``mutants`` names, for checks that no deviation fails, the mutant of an honest exchange that does.
    ``whole``: every deviation was tried, so a check that nothing failed is worthless.
    """

    rows: tuple[KillRow, ...]
    honest: tuple[Honest, ...]
    mutants: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True

    @property
    def faults(self) -> list[KillRow]:
        """Deviations that had an effect and that a suite can detect at all."""
        return [row for row in self.rows if row.judgeable and row.applied]

    @property
    def idle(self) -> list[str]:
        """Deviations that the mock could apply to no request of the suite."""
        return [row.name for row in self.rows if row.judgeable and not row.applied]

    @property
    def survivors(self) -> list[str]:
        return [row.name for row in self.faults if not row.killed]

    @property
    def missed(self) -> list[str]:
        return [f"{id} by {row.name}" for row in self.faults for id in row.missed]

    @property
    def misleading(self) -> list[str]:
        """Deviations whose first finding names an undeclared requirement."""
        return [row.name for row in self.faults if row.killed and row.first not in row.declared]

    @property
    def first_right(self) -> float:
        killed = len(self.faults) - len(self.survivors)
        return 1 - len(self.misleading) / killed if killed else 0.0

    @property
    def schema_only(self) -> int:
        return sum(bool(SCHEMA & row.broken.keys()) for row in self.faults)

    @property
    def alarms(self) -> list[str]:
        """Each false alarm, and its place."""
        legal = [(row.name, broken) for row in self.rows if row.legal for broken in (row.broken, *row.again)]
        found = [f"{id} on {name}" for name, broken in legal for id, verdict in broken.items() if verdict in ALARM]
        return found + [f"{id} on an honest {run.profile}" for run in self.honest for id in run.alarms]

    @property
    def evaluations(self) -> int:
        return sum(run.judged for run in self.honest) + sum(
            row.judged * (1 + len(row.again)) for row in self.rows if row.legal
        )

    @property
    def idle_checks(self) -> list[str]:
        """Checks that nothing has failed."""
        failed = self.mutants.keys() | {id for row in self.rows for id in (*row.broken, *row.elsewhere)}
        return [id for id in checks() if id not in failed]

    @property
    def clean(self) -> bool:
        """Every fault was detected, there were no false alarms, and every check can fail."""
        return not self.survivors and not self.alarms and not (self.whole and self.idle_checks)

    def by_layer(self) -> dict[str, tuple[int, int]]:
        """``(killed, all)`` per layer of the mock."""
        total = Counter(row.layer for row in self.faults)
        killed = Counter(row.layer for row in self.faults if row.killed)
        return {layer: (killed[layer], count) for layer, count in total.items()}

    def by_level(self) -> dict[str, list[str]]:
        """The faults by the result of the suite's run: see :attr:`KillRow.level`."""
        return {
            level: [row.name for row in self.faults if row.level == level] for level in ("MUST", "SHOULD", "silent")
        }

    @property
    def tolerated(self) -> list[KillRow]:
        """The faults that the contract leaves open, each with the reason of its requirements: they are reported, and exit code 0
        is right.
        """
        return [row for row in self.faults if row.tolerated]

    @property
    def at_exit_1(self) -> float:
        """Share of the contract-breaking faults that make a run end with exit code 1; 0.0 if there are none."""
        breaking = len(self.faults) - len(self.tolerated)
        return len(self.by_level()["MUST"]) / breaking if breaking else 0.0

    def record(self) -> dict[str, Any]:
        """``kill-matrix.json``: the figures, and the complete result map of every deviation."""
        return {
            "schema": "echosounder/kill-matrix/1",
            "figures": self.figures(),
            "deviations": {row.name: _record(row) for row in self.rows},
            "honest": [asdict(run) for run in self.honest],
            "mutants": dict(sorted(self.mutants.items())),
        }

    def figures(self) -> dict[str, Any]:
        faults, honest, repeated = self.faults, self.honest, [row for row in self.rows if row.again]
        return {
            "deviations": len(faults),
            "killed": len(faults) - len(self.survivors),
            "killed_by_schema_alone": self.schema_only,
            "exit_1": len(self.by_level()["MUST"]),
            "tolerated": len(self.tolerated),
            "breaking_at_exit_1": round(self.at_exit_1, 4),
            "first_finding_right": round(self.first_right, 4),
            "first_finding_wrong": self.misleading,
            "survivors": self.survivors,
            "declared": sum(len(row.judgeable) for row in faults),
            "declared_but_not_found": self.missed,
            "not_applied": self.idle,
            "by_layer": self.by_layer(),
            "legal_variants": sum(row.legal for row in self.rows),
            "honest_runs": len(honest),
            "honest_exchanges": sum(run.exchanges for run in honest),
            "honest_streams": sum(run.streams for run in honest),
            "honest_evaluations": sum(run.judged for run in honest),
            "evaluations": self.evaluations,
            "false_alarms": self.alarms,
            "false_alarm_rate_at_most": round(upper_bound(len(self.alarms), self.evaluations), 6),
            "repeated": len(repeated),
            "repeated_alike": sum(not row.moody for row in repeated),
            "not_alike": {row.name: row.moody for row in repeated if row.moody},
            "checks_failed_by_mutants_alone": sorted(self.mutants),
            "checks_that_nothing_fails": self.idle_checks if self.whole else None,
        }


def _record(row: KillRow) -> dict[str, Any]:
    """Without what is empty and the name, which the record stands under."""
    found = asdict(row) | {"broken": dict(sorted(row.broken.items())), "elsewhere": dict(sorted(row.elsewhere.items()))}
    del found["name"]
    return {
        name: value
        for name, value in found.items()
        if value or name in {"first", "declared", "broken", "judged", "applied"}
    }


def recorded(record: Mapping[str, Any], whole: bool = True) -> Matrix:
    """The matrix that was written as *record*, without members that others added to its rows."""
    rows = [msgspec.convert({"name": name, **row}, KillRow) for name, row in record["deviations"].items()]
    honest = msgspec.convert(record["honest"], tuple[Honest, ...])
    return Matrix(tuple(rows), honest, record["mutants"], whole)


def upper_bound(alarms: int, evaluations: int, confidence: float = 0.95) -> float:
    """Clopper-Pearson: the upper confidence bound of the rate of false alarms. 1.0 without evaluations."""
    low, high = 0.0, 1.0
    if evaluations == 0:
        return high
    for _ in range(60):
        rate = (low + high) / 2
        seen = sum(comb(evaluations, k) * rate**k * (1 - rate) ** (evaluations - k) for k in range(alarms + 1))
        low, high = (rate, high) if seen > 1 - confidence else (low, rate)
    return high


def lines(matrix: Matrix) -> Iterator[str]:
    """The measurement as sentences."""
    said = matrix.figures()
    yield f"killed {said['killed']} of {said['deviations']} deviations; a schema alone would have killed {said['killed_by_schema_alone']}"
    yield from (f"  {layer:<10} {dead} of {count}" for layer, (dead, count) in said["by_layer"].items())
    levels = matrix.by_level()
    open_ = f"{said['tolerated']} that the contract tolerates, and {said['breaking_at_exit_1']:.1%} of the others with exit code 1"
    yield f"of these, {open_}"
    yield "a run says so with " + ", ".join(f"{level}: {len(names)}" for level, names in levels.items())
    yield f"survivors: {_listed(said['survivors'])}"
    yield f"declared to break: {said['declared']} requirements in all; not found broken: {_listed(said['declared_but_not_found'])}"
    right = f"{said['first_finding_right']:.1%} of the killed"
    yield f"first finding names what the deviation declares: {right}; it does not for {_listed(said['first_finding_wrong'])}"
    yield f"never applied: {_listed(said['not_applied'])}"
    yield (
        f"honest mock: {said['honest_runs']} runs over profiles, models and seeds, {said['honest_exchanges']} exchanges, "
        f"{said['honest_streams']} of them streams, {said['honest_evaluations']} verdicts"
    )
    where = f"over these and {said['legal_variants']} legal variants, {said['evaluations']} verdicts"
    yield f"false alarms {where}: {_listed(said['false_alarms'])}"
    yield f"false alarm rate at most {said['false_alarm_rate_at_most']:.3%} (95 %, Clopper-Pearson)"
    yield _repeated(said)
    if matrix.whole:
        yield f"checks that mutants of honest exchanges fail, but no deviation: {_listed(said['checks_failed_by_mutants_alone'])}"
        yield f"checks that nothing fails: {_listed(said['checks_that_nothing_fails'])}"


def _repeated(said: Mapping[str, Any]) -> str:
    if not said["repeated"]:
        return "repeat agreement: not measured, for that takes --passes 2"
    moody = [f"{name} ({', '.join(ids)})" for name, ids in said["not_alike"].items()]
    return f"repeat agreement: {said['repeated_alike']} of {said['repeated']} gave the same map in each pass; not so {_listed(moody)}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"
