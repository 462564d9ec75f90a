"""Measures the kill matrix: the suite against the mock, honest, with every deviation and with every legal variant.

A mock is spawned and told over its control interface what to do wrong. Nothing here judges: the verdicts are those that
`echosounder check` gives.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from echosounder import specs
from echosounder.conformance import strength
from echosounder.conformance.ask import Ask
from echosounder.conformance.check_run import CheckOutcome, check
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.probe_choice import probes_of
from echosounder.judgement.assigned import checks
from echosounder.judgement.setting import Suite
from echosounder.mock_server.deviations import Deviation, all_deviations, find
from echosounder.mock_server.net.process import spawn
from echosounder.reports.causes import fix_first
from echosounder.selftest.kill_matrix import ALARM, Honest, KillRow, Matrix
from echosounder.selftest.pulse import Pulse
from echosounder.wire.errors import CannotJudge, UsageError
from echosounder.wire.header import USUAL
from echosounder.wire.runlog import Run, read
from echosounder.wire.target import target
from echosounder.wire.verdict import Verdict

KEY = "sk-echosounder-selftest"
BOUNDS = Bounds(idle_s=0.8, total_s=10.0, refusal_s=0.8)  # the slowest legal variant is silent for 0.6 s
LONG_S = 0.05  # shorter waits meet no bound, ours or that of a check
RUNS = 5
TOLD = frozenset({Verdict.FAIL, Verdict.NONSTRICT, Verdict.UNTESTABLE, Verdict.UNSUPPORTED})
POLICIES = ("interop", "documented")
HONEST = ((Suite.THOROUGH, 0), (Suite.STANDARD, 1), (Suite.STANDARD, 2))
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

Place = tuple[str, str]
"""A profile and a model of it."""
HonestRun = tuple[Place, Suite, int]
"""Where, how thorough, and under which seed."""
Watch = Callable[[int, int, str], None]
"""What is told while it goes: done, of how many, what is under way."""


@dataclass
class Study:
    """Plan and results of a measurement, which can be reported after Ctrl-C.

    Each deviation and legal variant (or those of *names*) gets *passes* runs of *suite*; then come the honest runs: those of *alone*,
    by default one if *names* are given; then, in a study of everything, mutants for the checks that no deviation failed.
    """

    profile: str = specs.DEFAULT_PROFILE
    suite: Suite = Suite.STANDARD
    names: Collection[str] | None = None
    passes: int = 1
    watch: Watch = lambda done, total, what: None
    alone: Sequence[HonestRun] | None = None
    rows: dict[str, KillRow] = field(default_factory=dict)
    honest: list[Honest] = field(default_factory=list)
    mutants: dict[str, str] = field(default_factory=dict)
    whole: bool = False
    _done: int = 0

    @property
    def matrix(self) -> Matrix:
        order = [each.name for each in self._chosen]
        rows = sorted(self.rows.values(), key=lambda row: order.index(row.name))
        return Matrix(tuple(rows), tuple(self.honest), self.mutants, self.whole)

    def run(self) -> Matrix:
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(self.passes):
                self._deviations(Path(folder), seed)
            self._elsewhere(Path(folder))
            for place, suite, seed in self._honest_runs:
                self._honest(Path(folder), place, suite, seed)
        self.whole = self.names is None
        return self.matrix

    @property
    def _chosen(self) -> list[Deviation]:
        return [each for each in all_deviations() if self.names is None or each.name in self.names]

    @property
    def _honest_runs(self) -> Sequence[HonestRun]:
        if self.alone is None:
            return honest_runs(self.profile) if self.names is None else [(home(None, self.profile), self.suite, 0)]
        return self.alone

    def _tell(self, what: str) -> None:
        self.watch(self._done, len(self._chosen) * self.passes + len(self._honest_runs), what)
        self._done += 1

    def _deviations(self, folder: Path, seed: int) -> None:
        for place, mine in _by_home(self._chosen, self.profile).items():
            with laboratory(place, self.suite, folder, seed) as lab:
                for each in mine:
                    self._tell(each.name)
                    row, before = lab.row(each), self.rows.get(each.name)
                    self.rows[each.name] = replace(before, again=(*before.again, row.broken)) if before else row

    def _elsewhere(self, folder: Path) -> None:
        """What was declared and not found broken is sought where it can be seen."""
        for place, pairs in _missed(self.rows.values(), self.profile).items():
            with laboratory(place, Suite.THOROUGH, folder) as lab:
                for name, ids in pairs.items():
                    self.rows[name] = lab.sought(self.rows[name], ids)

    def _honest(self, folder: Path, place: Place, suite: Suite, seed: int) -> None:
        with laboratory(place, suite, folder, seed) as lab:
            self._tell(f"honest {' '.join(place)}")
            found, run = lab.honest(seed)
        self.honest.append(found)
        if self.names is None and suite is Suite.THOROUGH:
            kills = strength.measure(run, self.matrix.idle_checks).kills
            self.mutants |= {kill.requirement: f"{kill.mutant} ({kill.where})" for kill in kills}


def _by_home(chosen: Sequence[Deviation], profile: str) -> dict[Place, list[Deviation]]:
    homes: dict[Place, list[Deviation]] = defaultdict(list)
    for each in chosen:
        homes[home(each, profile)].append(each)
    return homes


def _missed(rows: Iterable[KillRow], profile: str) -> dict[Place, dict[str, list[str]]]:
    """``{place: {deviation: requirements}}``: what nothing found broken yet, by a place where it can be seen."""
    found: dict[Place, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, id in [(row.name, id) for row in rows for id in row.missed]:
        place = next((each for each in everywhere(profile) if visible(specs.requirement(id), *each)), None)
        if place is not None:
            found[place][name].append(id)
    return found


def everywhere(profile: str = specs.DEFAULT_PROFILE) -> list[Place]:
    """Every place: the first model of *profile*, then the newest profiles, their last models (including reasoners) first."""
    places = ((name, model) for name in reversed(specs.PROFILES) for model in reversed(specs.models(name)))
    return list(dict.fromkeys([(profile, specs.models(profile)[0]), *places]))


def honest_runs(profile: str = specs.DEFAULT_PROFILE) -> list[HonestRun]:
    """Each place, with the thorough suite and several seeds."""
    return [(place, *how) for place in everywhere(profile) for how in HONEST]


def home(each: Deviation | None, profile: str) -> Place:
    """The model that shows most effects of a deviation; the first model of *profile* if all are equal."""
    declared = [specs.requirement(id) for id in each.breaks if id in checks()] if each else []
    return max(
        everywhere(profile), key=lambda place: sum(visible(row, *place) for row in declared)
    )  # the first of equals


def visible(row: specs.Requirement, profile: str, model: str) -> bool:
    return row.admits(profile) and any(probe.applies(Ask(profile, model)) for probe in probes_of(row))


@contextmanager
def laboratory(place: Place, suite: Suite, folder: Path, seed: int = 0) -> Iterator[Lab]:
    with spawn(profile=place[0], ttft_ms=0.0, itl_ms=0.0, seed=seed) as mock:
        yield Lab(mock.url, place, suite, folder)


class Lab:
    """A mock and the suite that is run against it."""

    def __init__(self, url: str, place: Place, suite: Suite, folder: Path) -> None:
        self._url, self._place, self._suite, self._folder = url, place, suite, folder

    def row(self, each: Deviation) -> KillRow:
        """Row of a deviation. If the suite misses all that *each* declares, the thorough suite runs next, then the documented policy."""
        found = self._row(each, self._suite, POLICIES[0])
        for policy in POLICIES:
            if found.judgeable and not found.killed:
                found = self._row(each, Suite.THOROUGH, policy)
        return found

    def _row(self, each: Deviation, suite: Suite, policy: str) -> KillRow:
        outcome = self._run(_asked(each.name), suite, policy, formats=_formats(each.name))
        causes = fix_first(outcome.report)
        told = {result.requirement: str(result.verdict) for result in outcome.results if result.verdict in TOLD | ALARM}
        return KillRow(
            name=each.name,
            layer=str(each.layer),
            declared=tuple(sorted(each.breaks)),
            broken=told,
            first=causes[0].requirements[0] if causes else next(iter(told), None),
            applied=self._applied(each.name),
            judged=_judged(outcome),
        )

    def sought(self, row: KillRow, ids: Sequence[str]) -> KillRow:
        """The row, with those of *ids* that the deviation breaks here if only they are judged, under either policy."""
        for policy in POLICIES:
            if left := tuple(id for id in ids if id in row.missed):
                outcome = self._run(_asked(row.name), Suite.THOROUGH, policy, left, formats=_formats(row.name))
                told = [result.requirement for result in outcome.results if result.verdict in TOLD]
                places = {id: f"{' '.join(self._place)}, {policy}" for id in told}
                row = replace(row, elsewhere={**row.elsewhere, **places}, applied=row.applied + self._applied(row.name))
        return row

    def honest(self, seed: int) -> tuple[Honest, Run]:
        """One run without a deviation, with its own seed."""
        outcome = self._run((), self._suite, seed=seed, formats=tuple(specs.behaviour(self._place[0]).formats))
        run = read(outcome.log)
        alarms = tuple(result.requirement for result in outcome.results if result.verdict in ALARM)
        streams = sum(bool(exchange.events) for exchange in run.exchanges)
        suite, exchanges = self._suite.name.lower(), len(run.exchanges)
        return Honest(*self._place, suite, seed, _judged(outcome), alarms, exchanges, streams), run

    def _run(
        self,
        deviate: Sequence[str],
        suite: Suite,
        policy: str = POLICIES[0],
        only: tuple[str, ...] = (),
        seed: int = 0,
        formats: tuple[str, ...] = USUAL,
    ) -> CheckOutcome:
        """What the suite says. Where the mock was late while the suite waited for it, that counts when it is said twice.

        Raises :class:`CannotJudge` when no two of five runs say the same.
        """
        profile, model = self._place
        how: dict[str, Any] = {"profile": profile, "suite": suite, "policy": policy, "only": only, "seed": seed}
        how["formats"] = formats
        options = CheckOptions(target(self._url, model), self._folder, KEY, bounds=BOUNDS, **how)
        said: list[tuple[Any, ...]] = []
        while len(said) < RUNS:
            self._control("reset", {"what": "all"})
            self._control("deviate", {"deviate": list(deviate)})
            with Pulse(self._url) as pulse:
                outcome = check(options)
            verdicts = tuple((result.requirement, result.verdict) for result in outcome.results)
            if verdicts in said or not any(pulse.late(*wait) for wait in _waits(read(outcome.log))):
                return outcome
            said.append(verdicts)
        raise CannotJudge(
            f"the machine is too busy: {RUNS} runs against a mock that was late say {RUNS} different things"
        )

    def _control(self, name: str, body: dict[str, Any]) -> None:
        answer = httpx.post(f"{self._url}/__mock/{name}", json=body, timeout=10, trust_env=False)
        if answer.status_code != 200:
            raise UsageError(f"the mock refuses {body}: {answer.text}")

    def _applied(self, name: str) -> int:
        """On how many requests the mock says that it did what it was told."""
        state = httpx.get(f"{self._url}/__mock/deviations", timeout=10, trust_env=False).json()
        return sum(row["applied"] for row in state["deviations"] if row["name"] == name)


def _waits(run: Run) -> Iterator[tuple[int, int]]:
    """From when to when, in nanoseconds, the suite waited so long that a verdict could hang on it."""
    for exchange in run.exchanges:
        begin, end = exchange.t_sent, exchange.t_closed
        if begin is not None and end is not None and end - begin > LONG_S * 1e9:
            yield begin, end


def _judged(outcome: CheckOutcome) -> int:
    return sum(result.verdict is not Verdict.NOT_APPLICABLE for result in outcome.results)


def _formats(name: str) -> tuple[str, ...]:
    """In which formats the suite asks for a deviation: in its own, where it has one."""
    format = find(name).format
    return (format,) if format else USUAL


def _asked(name: str) -> tuple[str, ...]:
    return AS.get(name, (name,))
