"""``report.json`` of a run in the proxy position: the same schema, the client's side counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from echosounder.judgement import report as server
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.pairs.pair import upstream_side
from echosounder.judgement.pairs.score import rows
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import Result


def report(run: Run, results: Sequence[Result], baseline: Baseline = server.NO_BASELINE) -> dict[str, Any]:
    """``unchecked`` names only the requirements of this position; the upstream's responses are not counted twice."""
    clients = tuple(exchange for exchange in run.exchanges if not upstream_side(exchange))
    document = server.report(replace(run, exchanges=clients), results, baseline)
    judged = {result.requirement for result in results}
    return document | {"unchecked": [row.id for row in rows(document["profile"]) if row.id not in judged]}
