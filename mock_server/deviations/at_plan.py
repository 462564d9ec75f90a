"""Answering something else than was asked for, in the right form."""

from dataclasses import replace

from mock_server.deviations.registry import Context, Layer, deviation
from mock_server.plan import Plan


@deviation("completion-tokens-off-by-one", Layer.PLAN, breaks={"usage.completion-counted"})
def completion_tokens_off_by_one(plan: Plan, context: Context, *, by: int = 1) -> Plan:
    """The completion is counted, and billed, with one token too many."""
    return replace(plan, completion_tokens=plan.completion_tokens + by)
