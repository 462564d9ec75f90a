"""Keeps what was measured of the suite's strength, and says what of it is out of date. Development only:

    python -m echosounder.selftest.golden check          what `make check` asks: is the file still true?
    python -m echosounder.selftest.golden renew [GLOB…]  `make golden`: measures what is not, or what is named
    python -m echosounder.selftest.golden part HASH      a tenth of the deviations, another one for each commit

Each row carries the digest of what it rests on (`echosounder.selftest.digest`), so that an edit costs the rows that it touches.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from echosounder import specs
from echosounder.conformance import strength
from echosounder.conformance.strength import Kill
from echosounder.judgement.assigned import checks
from echosounder.judgement.setting import RunSetting, Suite
from echosounder.mock_server.deviations import all_deviations
from echosounder.selftest import digest
from echosounder.selftest.kill_matrix import Matrix, lines, recorded
from echosounder.selftest.laboratory import Study, everywhere, honest_runs, laboratory, visible
from echosounder.wire.errors import CannotJudge
from echosounder.wire.runlog import Run

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "golden"
MATRIX, KILLS = FOLDER / "kill_matrix.json", FOLDER / "mutant_kills.json"
COMMAND = "run `make golden`"
PARTS = 10
SHOWN = 10


# --- what is out of date


def problems(matrix: dict[str, Any], kills: dict[str, Any]) -> Iterator[str]:
    """One line for each row that the files lack, still hold after its deviation was removed, or measured with other inputs."""
    rows, known = matrix["deviations"], {each.name for each in all_deviations()}
    yield from _named("deviations that are not measured", known - rows.keys())
    yield from _named("deviations that are gone", rows.keys() - known)
    yield from _named("deviations measured of something else", {name for name in stale(rows) if _dated(rows, name)})
    if matrix.get("honest_digest") not in (None, digest.of_honest_runs()):
        yield "the honest runs were measured with other checks, probes or formats"
    tried = {kill["requirement"] for kill in all_kills(kills)} | set(kills["survivors"])
    yield from _named("checks that no mutant was tried on", checks().keys() - tried)
    yield from _named("checks that are gone", tried - checks().keys())


def remarks(matrix: dict[str, Any]) -> Iterator[str]:
    """Rows measured before digests were recorded, which may be out of date."""
    undated = [name for name in matrix["deviations"] if not _dated(matrix["deviations"], name)]
    if undated:
        yield f"measured before rows had a digest, {COMMAND} on a quiet machine: {len(undated)} deviations"


def _dated(rows: dict[str, Any], name: str) -> bool:
    return bool(rows.get(name, {}).get("digest"))


def _named(what: str, names: Collection[str]) -> Iterator[str]:
    """The first ten: an edit of a module that many share makes hundreds out of date."""
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield f"{what}: {', '.join(sorted(names)[:SHOWN])}{more}"


def stale(rows: dict[str, Any]) -> set[str]:
    """Deviations that are missing in *rows*, or whose inputs have changed since."""
    return {
        each.name for each in all_deviations() if rows.get(each.name, {}).get("digest") != digest.of_deviation(each)
    }


def all_kills(kills: dict[str, Any]) -> list[dict[str, str]]:
    return [*kills["kills"], *(kill for place in kills["elsewhere"].values() for kill in place)]


def part(commit: str) -> list[str]:
    """A tenth of the deviations, chosen by the commit, so that a run can be repeated and every deviation is measured eventually."""
    return [each.name for number, each in enumerate(all_deviations()) if number % PARTS == int(commit, 16) % PARTS]


# --- measured again


def renewed(matrix: dict[str, Any], kills: dict[str, Any], names: set[str], honest: bool) -> dict[str, Any]:
    """The record with the rows of *names*, and the honest runs if *honest*, measured again."""
    study = Study(names=names, alone=honest_runs() if honest else (), watch=_watch)
    try:
        study.run()
    except (KeyboardInterrupt, CannotJudge) as stopped:  # what is known is kept, and `make golden` goes on from there
        print(f"\n{stopped}" if isinstance(stopped, CannotJudge) else "", file=sys.stderr)
        names, honest = names & study.rows.keys(), False
    digests = {each.name: digest.of_deviation(each) for each in all_deviations()}
    old = recorded(matrix)
    rows = {row.name: row for row in old.rows} | study.rows
    made = Matrix(tuple(rows[name] for name in digests if name in rows), tuple(study.honest) if honest else old.honest)
    killed = {kill["requirement"]: f"{kill['mutant']} ({kill['where']})" for kill in all_kills(kills)}
    record = replace(made, mutants={id: killed[id] for id in made.idle_checks if id in killed}).record()
    for name, row in record["deviations"].items():
        row["digest"] = digests[name] if name in names else matrix["deviations"][name].get("digest")
    return record | {"honest_digest": digest.of_honest_runs() if honest else matrix.get("honest_digest")}


def renewed_kills(kills: dict[str, Any]) -> dict[str, Any]:
    """For each check, at the first place where it can be judged: the earlier kill if it still holds, else the first one."""
    first, *rest = everywhere()
    before = {" ".join(first): kills["kills"], **kills["elsewhere"]}
    found: dict[str, list[dict[str, str]]] = {}
    survivors, left = set(checks()), set(checks())
    for place in [first, *rest]:
        if any(visible(specs.requirement(id), *place) for id in left):
            name, run = " ".join(place), _honest_run(place)
            judged = [row.id for row in strength.judgeable(RunSetting.of(run), run) if row.id in left]
            mine = kills_of(run, judged, [Kill(**kill) for kill in before.get(name, ())])
            found[name] = [asdict(kill) for kill in mine]
            left -= set(judged)
            survivors -= {kill.requirement for kill in mine}
    elsewhere = {name: found[name] for name in map(" ".join, rest) if found.get(name)}
    return {"kills": found[" ".join(first)], "survivors": sorted(survivors), "elsewhere": elsewhere}


def kills_of(run: Run, judged: Sequence[str], old: Sequence[Kill]) -> list[Kill]:
    """A kill for each check of *judged* that a mutant of *run* fails, in order: one of *old* if it still holds."""
    setting = RunSetting.of(run)
    held = {kill.requirement: kill for kill in old if kill.requirement in judged and strength.holds(kill, run, setting)}
    new = {kill.requirement: kill for kill in strength.measure(run, set(judged) - held.keys()).kills}
    return [kill for id in judged if (kill := held.get(id) or new.get(id))]


def _honest_run(place: tuple[str, str]) -> Run:
    with tempfile.TemporaryDirectory() as folder, laboratory(place, Suite.THOROUGH, Path(folder)) as lab:
        return lab.honest(0)[1]


def _watch(done: int, total: int, what: str) -> None:
    print(f"\r{done + 1:4} of {total}  {what:<40}", end="", file=sys.stderr, flush=True)


# --- the verbs


def check() -> int:
    """Fails if rows are out of date; only reports them while rows without a digest remain."""
    matrix = read(MATRIX)
    undated, found = list(remarks(matrix)), list(problems(matrix, read(KILLS)))
    for line in [*undated, *found]:
        print(line, file=sys.stderr)
    if found:
        print(f"tests/golden is out of date: {COMMAND}", file=sys.stderr)
    return 1 if found and not undated else 0


def renew(patterns: Sequence[str]) -> int:
    """Measures outdated deviations, or those that match a pattern; writes the results even if they are wrong."""
    matrix, kills = read(MATRIX), read(KILLS)
    rows, known = matrix["deviations"], {each.name for each in all_deviations()}
    names = {name for name in known for pattern in patterns if fnmatchcase(name, pattern)} if patterns else stale(rows)
    if patterns and not names:
        print(f"no deviation is called {' or '.join(patterns)}: see `echosounder list deviations`", file=sys.stderr)
        return 2
    if not patterns:
        kills = renewed_kills(kills)
        write(KILLS, kills)
    matrix["deviations"] = {name: row for name, row in rows.items() if name in known}
    honest = not patterns and matrix.get("honest_digest") != digest.of_honest_runs()
    record = renewed(matrix, kills, names, honest)
    write(MATRIX, record)
    made = recorded(record)
    print("", *lines(made), sep="\n")
    return 0 if made.clean else 1


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def write(path: Path, record: dict[str, Any]) -> None:
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main(verb: str = "", *rest: str) -> int:
    if verb == "check" and not rest:
        return check()
    if verb == "renew":
        return renew(rest)
    if verb == "part" and len(rest) == 1:
        print(*(f"--only {name}" for name in part(rest[0])))
        return 0
    print((__doc__ or "").partition("\n\n")[2], file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
