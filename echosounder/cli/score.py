"""``echosounder score``: judge a log again, offline, with today's checks; a load run is analysed again."""

from pathlib import Path

from echosounder.cli import analysed, options, results
from echosounder.conformance.catalogue import PROBES
from echosounder.judgement import pairs
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.report import report
from echosounder.judgement.score import score as verdicts
from echosounder.wire.header import RunKind
from echosounder.wire.runlog import read

EXIT = {"conforms": 0, "deviates": 1}


def score(run: options.Run, baseline: options.Baseline = None, json_: options.Json = False) -> int:
    """Judge a run again without sending anything; its reports are written anew. A load run that was killed gets its report."""
    if analysed.is_load(run):
        report, outcome = analysed.remade(run)
        analysed.publish(report, outcome.log.parent, json_)
        return outcome.exit_code
    read(run).finished()
    return judge(run, baseline, json_)


def judge(run: Path, baseline: Path | None, as_json: bool) -> int:
    """Scores the log, finished or not, and publishes the reports beside it; returns the exit code."""
    log = read(run)
    known = Baseline.load(baseline) if baseline else Baseline()
    if log.header.kind_of_run is RunKind.PROXY:
        document = pairs.report(log, pairs.score(log), known)
    else:
        document = report(log, verdicts(log, PROBES), known)
    results.publish(document, log, run if run.is_dir() else run.parent, as_json)
    return EXIT.get(document["verdict"], 3)
