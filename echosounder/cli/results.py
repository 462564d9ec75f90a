"""Output of reports by every command: files into the run's folder, a summary for people, JSON for programs."""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from echosounder import reports, specs
from echosounder.cli import printed
from echosounder.cli.said import say
from echosounder.conformance.probe_choice import PROBES
from echosounder.judgement import client, pairs
from echosounder.judgement.assigned import matching
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.report import report
from echosounder.judgement.score import score as verdicts
from echosounder.reports import accepted, terminal
from echosounder.wire.errors import LogError, UsageError
from echosounder.wire.files import fresh, plain
from echosounder.wire.header import RunKind
from echosounder.wire.runlog import Run, read
from echosounder.wire.verdict import Result

POSITIONS = {RunKind.PROXY: pairs, RunKind.CLIENT: client}
"""The positions with rules other than a server's."""
EXIT = {"conforms": 0, "deviates": 1}
RUNS = Path("runs")


def judge(run: Path, baseline: Path | None, as_json: bool, only: Sequence[str] = ()) -> int:
    """Score the log, finished or not, for the requirements *only* if given, and write the reports next to it; return
    the exit code.

    """
    log = _narrowed(read(run), only)
    known = Baseline.load(baseline) if baseline else Baseline()
    sides: Any = POSITIONS.get(log.header.kind_of_run)
    document = (sides.report if sides else report)(log, scored(log), known)
    publish(document, log, run if run.is_dir() else run.parent, as_json)
    return EXIT.get(document["verdict"], 3)


def _narrowed(log: Run, only: Sequence[str]) -> Run:
    """The log restricted to the requirements *only*, as far as it covers them."""
    if not only:
        return log
    asked = log.header.checking
    left = tuple(matching(only, matching(asked.only or ("*",), (row.id for row in specs.requirements()))))
    if not left:
        raise UsageError("the run covers none of the requirements selected by --only, --exclude and --features")
    return dataclasses.replace(
        log, header=msgspec.structs.replace(log.header, check=msgspec.structs.replace(asked, only=left))
    )


def scored(log: Run) -> tuple[Result, ...]:
    """Return the verdicts of a log, by the rules of its position."""
    sides: Any = POSITIONS.get(log.header.kind_of_run)
    return tuple(sides.score(log)) if sides else verdicts(log, PROBES)


def publish(report: dict[str, Any], run: Run, out: Path, as_json: bool, silent: bool = False) -> None:
    """Write every format into *out* and print the report as text, or as JSON only. *silent*: nothing was judged, so no
    report is printed; the caller prints one line with the reason.
    """
    write(report, run, out)
    show(report, run, out, as_json, silent)


def show(report: dict[str, Any], run: Run, out: Path, as_json: bool, silent: bool = False) -> None:
    """Print a report whose files are already in *out*."""
    if as_json:
        sys.stdout.write(reports.render("json", report, run))
    elif not silent:
        console = printed.console()
        terminal.show(report, run, console)
        console.print(f"report: {out / reports.FILES['html']}", style="dim", soft_wrap=True)
    for sentence in accepted.lines(report):
        say(sentence)


def write(report: dict[str, Any], run: Run, out: Path) -> list[Path]:
    """Write every format into *out*."""
    try:
        return reports.write_all(out, report, run)
    except ValueError as error:  # the log's fault: our own figures are always valid JSON
        raise LogError(f"{out / 'run.jsonl'} cannot be reported ({error}); it was changed after the run") from None
    except OSError as error:
        raise UsageError(
            f"cannot write the reports into {out}: {error.strerror}; the run is safe in {out / 'run.jsonl'}"
        ) from None


@contextmanager
def folder(out: Path | None, name: str) -> Iterator[Path]:
    """The folder for a run, with its log begun: :func:`made` and :func:`ready`."""
    with made(out, name) as path:
        yield ready(path)


@contextmanager
def made(out: Path | None, name: str) -> Iterator[Path]:
    """The folder for results: *out*, or a new one named by the time and *name*. After a usage error the folders created here are removed.
    Raises :class:`UsageError` for a folder that is not writable.
    """
    ours = [each for each in (out or RUNS, *(out or RUNS).parents) if not each.exists()]
    with writable(out or RUNS):
        path = out or fresh(name, RUNS)
        path.mkdir(parents=True, exist_ok=True)
    try:
        yield path
    except UsageError:
        _discard(path, ours if out else [path, *ours])
        raise


def _discard(path: Path, ours: Sequence[Path]) -> None:
    """Remove empty files and folders only, so that no data is lost."""
    for each in list(path.iterdir()) if path in ours else [path / "run.jsonl"]:
        if each.is_file() and not each.stat().st_size:
            each.unlink()
    for each in ours:
        with suppress(OSError):
            each.rmdir()


@contextmanager
def writable(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write into {out}: {error.strerror}; give another folder with --out") from None


def ready(out: Path) -> Path:
    """The folder, created; raises :class:`UsageError` if it cannot be, before anything is sent or paid."""
    with writable(out):
        out.mkdir(parents=True, exist_ok=True)
        if (out / "run.jsonl").is_fifo():
            plain(out / "run.jsonl")
        (out / "run.jsonl").open("a", encoding="utf-8").close()
    return out
