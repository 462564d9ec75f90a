"""Sampled answers, as from a model at a high temperature: the same request gets a different text each time."""

from dataclasses import replace

from echosounder.mock_server.answering.plan import AnswerPlan
from echosounder.mock_server.answering.prose import prose
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.wire.strict_json import at

HOT = 1.5
"""Temperature from which on a model does not even repeat a text as instructed."""


@deviation("sampling-model", Layer.PLAN)
def sampling_model(plan: AnswerPlan, context: Context) -> AnswerPlan:
    """Legal: at a high temperature every answer is different."""
    temperature = at(context.body, "temperature")
    drawn = isinstance(temperature, (int, float)) and temperature >= HOT
    if not drawn or not plan.content or plan.stopped or "response_format" in context.body:
        return plan
    return replace(plan, content=prose(context.rng.getrandbits(32), len(plan.content)))
