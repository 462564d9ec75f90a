"""Analyses a run from its log: again, or for the first time if its process was killed before it could.

Lines that the workers had written and the log lacks are added to it. The log then stays without a footer, and the
report states that the run is unfinished.
"""

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from echosounder.load.calibration import machine, saved
from echosounder.load.engine import LoadResult, new_tally
from echosounder.load.figures.analysis import exit_code, report
from echosounder.load.figures.tally import Tally
from echosounder.load.log import claimed
from echosounder.load.options import Options, whole
from echosounder.load.parts import Parts, blocks, entered, lines, parse, worker_of
from echosounder.wire import runlog
from echosounder.wire.errors import CannotJudge, LogError
from echosounder.wire.logged import LoggedStop
from echosounder.wire.runlog import records

WRONG = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, msgspec.MsgspecError)
"""Errors raised by logs with content that no run writes."""
UNKNOWN = "the run was stopped before anything was written down, so what was sent by then is not known; run it again"
UNFINISHED = "the run did not finish: its process was killed; the figures are of what was written until then"


@dataclass(frozen=True, slots=True)
class Made:
    """Provenance of a run: its options (without the key), start time and machine."""

    options: Options
    started: str
    machine: str
    items: tuple[str, ...] = ()


def recover(folder: Path, slo: tuple[str, ...] = ()) -> tuple[Options, LoadResult]:
    """Options and result of the run in a folder; an unfinished run is ``stopped``, exit code 3.

    *slo*: objectives to evaluate instead of its own; they also decide what counts as goodput.

    Raises :class:`CannotJudge` while the run continues and if nothing was sent; :class:`LogError` for a log of another kind
    (experiments on limits and bills chose their requests during the run and cannot be recovered from a log).
    """
    path = folder / "run.jsonl"
    _at_rest(folder)
    made = _made(path)
    made = replace(made, options=replace(made.options, slo=slo or made.options.slo))
    try:
        tally = new_tally(made.options, made.items)
        known, footer = _enter(path, tally)
        msgspec.convert(footer.get("stopped", []), list[LoggedStop])
        if "stopped" not in footer:
            _merge(folder, tally, known)
    except WRONG as error:
        raise LogError(f"{folder}: a record is not of a load run ({error!r})") from None
    except OSError as error:
        raise CannotJudge(f"cannot write to {folder}: {error.strerror or error}; make room, then try again") from None
    if not tally.workers:
        raise CannotJudge(f"{folder}: {UNKNOWN}")
    tally.stopped = _stopped(tally, footer)
    lost = max(made.options.workers - len(tally.ended), 0)
    calibration = saved() if made.machine == machine() else None
    try:
        figures = report(made.options, tally, made.started, lost, calibration)
    except WRONG as error:
        raise LogError(f"{folder}: the records of its load do not fit together ({error!r})") from None
    document = _marked(figures, finished="stopped" in footer)
    return replace(made.options, out=folder), LoadResult(document, exit_code(document), path)


def _marked(document: dict[str, Any], finished: bool) -> dict[str, Any]:
    """Mark the report of an unfinished run, whose figures cover only a part of it."""
    measurement = document["measurement"]
    if finished:
        return document
    verdict = "degraded" if measurement["verdict"] == "valid" else measurement["verdict"]
    return {
        **document,
        "measurement": {**measurement, "verdict": verdict, "reasons": [UNFINISHED, *measurement["reasons"]]},
    }


def _at_rest(folder: Path) -> None:
    files = [folder / "run.jsonl", *(folder / "parts").glob("worker-*.jsonl")]
    if any(claimed(path) for path in files if path.exists()):
        raise CannotJudge(f"{folder}: the run is still going on; wait for its end, or stop it with Ctrl-C")


def _made(path: Path) -> Made:
    header = runlog.header(path)
    for record in records(path):
        if record["kind"] == "options" and not record.get("asks_next"):
            try:
                options = whole(record["options"])
                return Made(options, header.started, str(record["machine"]), tuple(record.get("items", ())))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise LogError(f"{path}: its options are not of this version ({error!r})") from None
        if record["kind"] == "options":
            raise LogError(
                f"{path} cannot be analysed again, because its requests depended on earlier answers: {_report_of(header.scenario)}"
            )
        if worker_of(record) is not None:
            raise LogError(
                f"{path} does not record its options, so it cannot be analysed again: {_report_of(header.scenario)}"
            )
    raise CannotJudge(f"{path}: nothing was sent before the run was stopped; run it again")


def _report_of(scenario: str) -> str:
    return f"what {scenario} found is in its report.json, or it has to be run again"


def _enter(path: Path, tally: Tally) -> tuple[Counter[int], dict[str, Any]]:
    """Count the log in the tally. Returns the number of lines of each worker, and the footer, empty if there is none."""
    known: Counter[int] = Counter()
    footer: dict[str, Any] = {}
    for block in blocks(path):
        read = [parse(line) for line in lines(block)]
        tally.enter(read)
        known.update(worker for record in read if (worker := worker_of(record)) is not None)
        footer = next((row for row in read if isinstance(row, dict) and row["kind"] == "footer"), footer)
    return known, footer


def _merge(folder: Path, tally: Tally, known: Counter[int]) -> None:
    """Add the workers' lines that the log lacks to the tally and the log; a line truncated in the log is completed."""
    path = folder / "run.jsonl"
    os.truncate(path, sum(map(len, blocks(path))))
    # Logged lines of workers on other machines are on the first one's clock; the new lines are not yet.
    tally.shifts = {worker: row["moved_by"] for worker, row in tally.workers.items() if "moved_by" in row}
    parts = Parts(folder / "parts", known)
    with path.open("a", encoding="utf-8") as log:
        for new in parts.new():
            log.write("\n".join([*entered(new, tally), ""]))
    parts.remove()


def _stopped(tally: Tally, footer: dict[str, Any]) -> list[dict[str, Any]]:
    """The reason to stop, from the footer, which is written last; a footer without one is of a run killed while merging."""
    unfinished = {"kind": "unfinished", "reason": UNFINISHED, "worker": None}
    told: list[dict[str, Any]] = footer.get("stopped", [*tally.stopped, unfinished])
    return told
