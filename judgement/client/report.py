"""``report.json`` of a client's run: the same schema, the requests of its commands counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from echosounder.judgement import report as server
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.client.score import rows
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import Result


def report(run: Run, results: Sequence[Result], baseline: Baseline = server.NO_BASELINE) -> dict[str, Any]:
    """``unchecked`` names the requirements of clients alone."""
    document = server.report(run, results, baseline)
    judged = {result.requirement for result in results}
    return document | {"unchecked": [row.id for row in rows(document["profile"]) if row.id not in judged]}
