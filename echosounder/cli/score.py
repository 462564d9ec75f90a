"""``echosounder score``: judge a log again, offline, with today's checks; a load run is analysed again."""

from typing import Annotated

import typer

from echosounder.cli import analysed, options, results
from echosounder.load.figures import slo as objectives
from echosounder.wire.errors import UsageError
from echosounder.wire.runlog import read

Slo = Annotated[
    list[str] | None,
    typer.Option(
        metavar="EXPR", help="Of a load: hold it against these objectives, in place of its own; may be repeated."
    ),
]


def score(run: options.Run, baseline: options.Baseline = None, slo: Slo = None, json_: options.Json = False) -> int:
    """Judge a run again without sending anything; its reports are written anew. A load run that was killed gets its report."""
    wanted = tuple(slo or ())
    for expression in wanted:
        objectives.parse(expression)
    if analysed.is_load(run):
        report, outcome = analysed.remade(run, wanted)
        analysed.publish(report, outcome.log.parent, json_)
        return outcome.exit_code
    if wanted:
        raise UsageError(f"--slo is for load runs, and {run} is none")
    read(run).finished()
    return results.judge(run, baseline, json_)
