"""The kill matrix: the suite against every deviation and every legal variant of the mock.

One mock is spawned and told over its control interface what to do wrong; the kill matrix says which requirement found it.
Nothing here judges: the verdicts are those that `echosounder check` gives.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

import httpx

import specs
from conformance.ask import Ask
from conformance.catalogue import checks, probes_of
from conformance.engine import Options, Outcome, check
from conformance.probe import Suite
from conformance.runner import Bounds
from mock_server.deviations import Deviation, all_deviations
from mock_server.process import spawn
from wire.errors import UsageError
from wire.target import target
from wire.verdict import Result, Verdict

KEY = "sk-echosounder-selftest"
BOUNDS = Bounds(idle_s=0.8, total_s=10.0, refusal_s=0.8)  # the slowest legal variant is silent for 0.6 s
TOLD = frozenset({Verdict.FAIL, Verdict.NONSTRICT, Verdict.UNTESTABLE, Verdict.UNSUPPORTED})
ALARM = frozenset({Verdict.FAIL, Verdict.NONSTRICT, Verdict.UNTESTABLE, Verdict.ERROR})
SCHEMA = frozenset({"response.document-valid", "stream.chunk-schema", "chat.response-schema", "fim.response-schema",
                    "fim.stream-chunk", "models.schema", "balance.schema"})  # fmt: skip
# How to ask for a deviation where its default would take minutes, or needs a stream that lasts.
AS = {
    "cut-before-head": ("cut-before-head:when.every=5",),
    "paced": ("paced:gap_ms=2",),
    "compress-batches-tokens": ("paced:gap_ms=4", "compress-batches-tokens"),
    "idle-timeout-cut": ("idle-timeout-cut:seconds=0.2,when.every=9",),
    "no-close-after-done": ("no-close-after-done:seconds=1.3,when.every=4",),
    "slow-refusals": ("slow-refusals:when.every=9",),
    "stall": ("stall:when.every=3",),
    "stream-buffered-by-proxy": ("paced:gap_ms=4", "stream-buffered-by-proxy"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One deviation, or legal variant: what it declares to break, and every requirement that was broken. ``first`` is the
    first one that a reader of the report meets."""

    name: str
    layer: str
    declared: tuple[str, ...]
    broken: dict[str, str]
    first: str | None
    applied: int
    judged: int
    stopped: str = ""

    @property
    def legal(self) -> bool:
        return not self.declared

    @property
    def judgeable(self) -> tuple[str, ...]:
        """What it declares that this suite can see at all."""
        return tuple(id for id in self.declared if id in checks() and not specs.requirement(id).excluded)

    @property
    def killed(self) -> bool:
        return any(id in self.broken for id in self.declared)


@dataclass(frozen=True, slots=True)
class Matrix:
    """All rows, and the honest runs' counts: ``honest`` is (verdicts given, alarms among them)."""

    rows: tuple[Row, ...]
    honest: tuple[int, int]

    @property
    def faults(self) -> list[Row]:
        """Deviations that had an effect, of those that a suite can see at all."""
        return [row for row in self.rows if row.judgeable and row.applied]

    @property
    def idle(self) -> list[str]:
        """Deviations that the mock could apply to no request of the suite."""
        return [row.name for row in self.rows if row.judgeable and not row.applied]

    @property
    def survivors(self) -> list[str]:
        return [row.name for row in self.faults if not row.killed]

    @property
    def first_right(self) -> float:
        killed = [row for row in self.faults if row.killed]
        return sum(row.first in row.declared for row in killed) / len(killed) if killed else 0.0

    @property
    def schema_only(self) -> float:
        return sum(bool(SCHEMA & row.broken.keys()) for row in self.faults) / len(self.faults) if self.faults else 0.0

    @property
    def alarms(self) -> list[tuple[str, str]]:
        """``(legal variant, requirement)`` of each finding that should not be."""
        return [
            (row.name, id) for row in self.rows if row.legal for id, verdict in row.broken.items() if verdict in ALARM
        ]

    @property
    def evaluations(self) -> int:
        return self.honest[0] + sum(row.judged for row in self.rows if row.legal)

    @property
    def alarm_bound(self) -> float:
        return upper_bound(self.honest[1] + len(self.alarms), self.evaluations)

    def by_layer(self) -> dict[str, tuple[int, int]]:
        """``(killed, all)`` per layer of the mock."""
        total, killed = (
            Counter(row.layer for row in self.faults),
            Counter(row.layer for row in self.faults if row.killed),
        )
        return {layer: (killed[layer], count) for layer, count in total.items()}

    def unfailed(self) -> list[str]:
        """Checks that no deviation here has failed."""
        seen = {id for row in self.rows for id in row.broken}
        return [id for id in checks() if id not in seen]

    @property
    def clean(self) -> bool:
        """Nothing survived, and nobody was accused wrongly."""
        return not self.survivors and not self.alarms and not self.honest[1]

    def record(self) -> dict[str, Any]:
        """``kill-matrix.json``: the figures, and the complete result map of every deviation."""
        return {
            "schema": "echosounder/kill-matrix/1",
            "figures": self.figures(),
            "deviations": {
                row.name: {
                    "layer": row.layer,
                    "declared": sorted(row.declared),
                    "first": row.first,
                    "broken": dict(sorted(row.broken.items())),
                }
                for row in self.rows
            },
        }

    def figures(self) -> dict[str, Any]:
        faults = len(self.faults)
        return {
            "deviations": faults,
            "killed": faults - len(self.survivors),
            "killed_by_schema_alone": round(self.schema_only * faults),
            "first_finding_right": round(self.first_right, 4),
            "survivors": self.survivors,
            "not_applied": self.idle,
            "by_layer": self.by_layer(),
            "legal_variants": sum(row.legal for row in self.rows),
            "evaluations": self.evaluations,
            "false_alarms": [f"{id} on {name}" for name, id in self.alarms],
            "false_alarm_rate_at_most": round(self.alarm_bound, 6),
        }


def upper_bound(alarms: int, evaluations: int, confidence: float = 0.95) -> float:
    """Clopper-Pearson: the largest rate at which so few alarms are not yet unlikely. 1.0 without evaluations."""
    low, high = 0.0, 1.0
    if evaluations == 0:
        return high
    for _ in range(60):
        rate = (low + high) / 2
        seen = sum(comb(evaluations, k) * rate**k * (1 - rate) ** (evaluations - k) for k in range(alarms + 1))
        low, high = (rate, high) if seen > 1 - confidence else (low, rate)
    return high


Watch = Callable[[int, int, str], None]


def measure(
    profile: str = specs.DEFAULT_PROFILE,
    suite: Suite = Suite.STANDARD,
    names: Collection[str] | None = None,
    watch: Watch = lambda done, total, name: None,
) -> Matrix:
    """Runs the suite honestly, and once per deviation and legal variant (or those of *names*)."""
    chosen = [each for each in all_deviations() if names is None or each.name in names]
    homes = [home(each, profile) for each in chosen]
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as folder:
        for place in sorted(set(homes)):
            with spawn(profile=place[0], ttft_ms=0.0, itl_ms=0.0) as mock:
                lab = Lab(mock.url, place, suite, Path(folder))
                for each in [each for each, where in zip(chosen, homes, strict=True) if where == place]:
                    watch(len(rows), len(chosen), each.name)
                    rows[each.name] = lab.row(each)
        with spawn(profile=profile, ttft_ms=0.0, itl_ms=0.0) as mock:
            honest = Lab(mock.url, home(None, profile), suite, Path(folder)).run(())
    judged = [result for result in honest.results if result.verdict is not Verdict.NOT_APPLICABLE]
    alarms = sum(result.verdict in ALARM for result in judged)
    return Matrix(tuple(rows[each.name] for each in chosen), (len(judged), alarms))


def home(each: Deviation | None, profile: str) -> tuple[str, str]:
    """The profile and model under which most of what a deviation breaks can show; the default one where it makes no difference."""
    places = [(profile, specs.models(profile)[0])]
    places += [(name, model) for name in reversed(specs.PROFILES) for model in reversed(specs.models(name))]
    declared = [specs.requirement(id) for id in each.breaks if id in checks()] if each else []
    return max(places, key=lambda place: sum(visible(row, *place) for row in declared))  # the first of equals


def visible(row: specs.Requirement, profile: str, model: str) -> bool:
    return row.admits(profile) and any(probe.applies(Ask(profile, model)) for probe in probes_of(row))


class Lab:
    """A mock and the suite that is run against it."""

    def __init__(self, url: str, place: tuple[str, str], suite: Suite, folder: Path) -> None:
        self._url, self._place, self._suite, self._folder = url, place, suite, folder

    def row(self, each: Deviation) -> Row:
        """Where the suite misses what *each* declares, the thorough one looks again, and then by the letter of the documentation."""
        found = self._row(each, self._suite)
        for policy in ("interop", "documented"):
            if not found.killed and found.judgeable:
                found = self._row(each, Suite.THOROUGH, policy)
        return found

    def _row(self, each: Deviation, suite: Suite, policy: str = "interop") -> Row:
        outcome = self.run(AS.get(each.name, (each.name,)), suite, policy)
        broken = {
            result.requirement: str(result.verdict) for result in outcome.results if result.verdict in TOLD | ALARM
        }
        return Row(
            name=each.name,
            layer=str(each.layer),
            declared=tuple(sorted(each.breaks)),
            broken=broken,
            first=first(outcome.results),
            applied=self._applied(each.name),
            judged=sum(result.verdict is not Verdict.NOT_APPLICABLE for result in outcome.results),
            stopped=str(outcome.stopped or ""),
        )

    def run(self, deviate: Sequence[str], suite: Suite | None = None, policy: str = "interop") -> Outcome:
        self._control("reset", {"what": "all"})
        self._control("deviate", {"deviate": list(deviate)})
        profile, model = self._place
        chosen: dict[str, Any] = {"profile": profile, "suite": suite or self._suite, "policy": policy, "bounds": BOUNDS}
        return check(Options(target(self._url, model), self._folder, KEY, **chosen))

    def _control(self, name: str, body: dict[str, Any]) -> Any:
        answer = httpx.post(f"{self._url}/__mock/{name}", json=body, timeout=10, trust_env=False)
        if answer.status_code != 200:
            raise UsageError(f"the mock refuses {body}: {answer.text}")
        return answer.json()

    def _applied(self, name: str) -> int:
        """On how many requests the mock says that it did what it was told."""
        state = httpx.get(f"{self._url}/__mock/deviations", timeout=10, trust_env=False).json()
        return sum(row["applied"] for row in state["deviations"] if row["name"] == name)


def first(results: Iterable[Result]) -> str | None:
    """The first broken requirement that a reader meets: a MUST before a SHOULD, then the order of the catalogue."""
    order = {"MUST": 0, "SHOULD": 1, "MAY": 2}
    told = [result.requirement for result in results if result.findings]
    rest = [result.requirement for result in results if result.verdict in TOLD and not result.findings]
    ranked = sorted(told, key=lambda id: order[specs.requirement(id).level]) or rest
    return ranked[0] if ranked else None


def lines(matrix: Matrix) -> Iterator[str]:
    """The measurement in words."""
    said = matrix.figures()
    faults, killed, schema = said["deviations"], said["killed"], said["killed_by_schema_alone"]
    yield f"killed {killed} of {faults} deviations; a schema alone would have killed {schema}"
    yield from (f"  {layer:<10} {dead} of {count}" for layer, (dead, count) in said["by_layer"].items())
    yield f"first finding names what the deviation declares: {said['first_finding_right']:.1%} of the killed"
    yield f"survivors: {', '.join(said['survivors']) or 'none'}"
    yield f"never applied: {', '.join(said['not_applied']) or 'none'}"
    alarms = ", ".join(said["false_alarms"]) or "none"
    yield f"false alarms over {said['legal_variants']} legal variants and {said['evaluations']} verdicts: {alarms}"
    yield f"false alarm rate at most {said['false_alarm_rate_at_most']:.3%} (95 %, Clopper-Pearson)"
