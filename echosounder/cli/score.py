"""``echosounder score``: judge a log again, offline, with today's checks; a load run is analysed again."""

from echosounder.cli import analysed, options, results
from echosounder.wire.runlog import read


def score(run: options.Run, baseline: options.Baseline = None, json_: options.Json = False) -> int:
    """Judge a run again without sending anything; its reports are written anew. A load run that was killed gets its report."""
    if analysed.is_load(run):
        report, outcome = analysed.remade(run)
        analysed.publish(report, outcome.log.parent, json_)
        return outcome.exit_code
    read(run).finished()
    return results.judge(run, baseline, json_)
