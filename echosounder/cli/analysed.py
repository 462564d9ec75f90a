"""Writes a load run's reports, from the log alone if the run was killed before its end."""

from pathlib import Path
from typing import Any

from echosounder.cli import results
from echosounder.cli.options import known_profile
from echosounder.cli.said import say
from echosounder.load import sampled
from echosounder.load.engine import LoadResult
from echosounder.load.recovery import WRONG, recover
from echosounder.reports import source
from echosounder.wire import runlog
from echosounder.wire.errors import LogError


def is_load(run: Path) -> bool:
    """Whether the log at *run*, a folder or a run.jsonl, is of a load run."""
    log = run / "run.jsonl" if run.is_dir() else run
    return log.name == "run.jsonl" and log.exists() and runlog.header(log).kind_of_run.report == "load"


def remade(run: Path, slo: tuple[str, ...] = ()) -> tuple[dict[str, Any], LoadResult]:
    """Return the report, and the run from which it was made; *slo* replaces the run's own objectives. Raises the errors
    of :func:`load.recovery.recover`.
    """
    options, outcome = recover(run if run.is_dir() else run.parent, slo)
    known_profile(options.profile)
    try:
        return sampled.with_conformance(outcome.report, outcome.log, options.profile), outcome
    except WRONG as error:
        raise LogError(f"{run}: a record is not of a load run ({error!r})") from None


def publish(report: dict[str, Any], out: Path, as_json: bool) -> None:
    """Write the files into the run's folder; print the summary, and the reason if the run was stopped."""
    results.publish(report, source.read(out, report), out, as_json)
    for sentence in () if as_json else sampled.lines(report):
        print(sentence)
    if beyond := report["load"].get("beyond_duration"):
        say(f"requests of the trace that are due after --duration and were not sent: {beyond}")
    for stop in report.get("stopped", ()):
        say(f"{stop['reason']}; the measurements so far are in {out}")


def write_if_missing(run: Path) -> None:
    """Write the report of a load run that was killed before it could."""
    folder = run if run.is_dir() else run.parent
    if not (folder / "report.json").exists() and is_load(run):
        report, _ = remade(run)
        results.write(report, source.read(folder, report), folder)
