"""``echosounder score``: judge a log again, offline, with the current checks; analyse a load run again; judge a foreign recording."""

from pathlib import Path
from typing import Annotated

import typer

from echosounder import specs
from echosounder.cli import analysed, options, results
from echosounder.cli.passing import BodiesOption, header
from echosounder.cli.progress import progress
from echosounder.judgement.assigned import selection
from echosounder.judgement.baseline import Baseline
from echosounder.listening import again
from echosounder.listening.witness import Bodies, Witness
from echosounder.load.figures import slo as objectives
from echosounder.reports.source import read as lean
from echosounder.wire.errors import UsageError
from echosounder.wire.files import plain
from echosounder.wire.header import RunKind
from echosounder.wire.recordings.kinds import KINDS, exchanges
from echosounder.wire.runlog import read

Recorded = Annotated[Path, typer.Argument(metavar="RUN", help=f"A run or a recording: {KINDS}.")]

Slo = Annotated[
    list[str] | None,
    typer.Option(metavar="EXPR", help="For a load run: objectives to use instead of its own; may be repeated."),
]


def score(
    run: Recorded,
    profile: options.Profile = specs.DEFAULT_PROFILE,
    bodies: BodiesOption = Bodies.FINDINGS,
    only: options.Only = None,
    exclude: options.Exclude = None,
    features: options.Features = None,
    baseline: options.Baseline = None,
    slo: Slo = None,
    out: options.Out = None,
    json_: options.Json = False,
) -> int:
    """Judge a run or a recording without sending anything. Reports of a run are written next to it."""
    wanted = tuple(slo or ())
    for expression in wanted:
        objectives.parse(expression)
    plain(run if not run.is_dir() else run / "run.jsonl")
    chosen = selection(only or (), exclude or (), features or ())
    if wanted and not (_is_run(run) and analysed.is_load(run)):
        raise UsageError(f"--slo is for load runs, and {run} is not one")
    passed = again.known(run) or not _is_run(run)
    if chosen and (passed or analysed.is_load(run)):
        raise UsageError(f"--only, --exclude and --features are for runs that sent a suite, and {run} is not one")
    if again.known(run):
        folder = run if run.is_dir() else run.parent
        return _publish(again.log(folder, "interop", _accepted(baseline)), folder, json_)
    if not _is_run(run):
        return _recording(run, profile, bodies, baseline, out, json_)
    if analysed.is_load(run):
        report, outcome = analysed.remade(run, wanted)
        analysed.publish(report, outcome.log.parent, json_)
        return outcome.exit_code
    read(run).finished()
    return results.judge(run, baseline, json_, chosen)


def _is_run(path: Path) -> bool:
    return path.suffix == ".jsonl" or (path / "run.jsonl").exists() or not path.exists()


def _accepted(baseline: Path | None) -> Baseline:
    return Baseline.load(baseline) if baseline else Baseline()


def _recording(path: Path, profile: str, bodies: Bodies, baseline: Path | None, out: Path | None, as_json: bool) -> int:
    options.known_profile(profile)
    next(exchanges(path), None)  # before a folder is created for an unreadable log
    accepted = _accepted(baseline)
    with results.folder(out, "score") as folder:
        witness = Witness(folder, header(RunKind.RECORDING, str(path), profile), "interop", bodies)
        with progress("score", quiet=as_json):
            document = again.recording(path, witness, accepted)
        return _publish(document, folder, as_json)


def _publish(document: dict[str, object], folder: Path, as_json: bool) -> int:
    results.publish(document, lean(folder, document), folder, as_json)
    return results.EXIT.get(str(document["verdict"]), 3)
