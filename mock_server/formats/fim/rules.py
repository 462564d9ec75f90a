"""Validation of completion requests. Fact sheet 4."""

from echosounder.mock_server.formats.rules import BASE, SHARED, Body, Rules, bounded, model_exists, stops
from echosounder.specs import Limits

max_tokens = bounded(lambda limits, beta: limits.fim_max_tokens)


def logprobs(body: Body, limits: Limits, beta: bool) -> str | None:
    value = body.get("logprobs")
    if value is not None and value > limits.top_logprobs_max:
        return f"Invalid logprobs value, the valid range of logprobs is [0, {limits.top_logprobs_max}]."
    return None


def on_beta(body: Body, limits: Limits, beta: bool) -> str | None:
    return None if beta else f"completions api {BASE}"


def supported(body: Body, limits: Limits, beta: bool) -> str | None:
    return None if limits.fim else f"{body['model']} does not support FIM completion"


RULES = Rules(
    ("model", on_beta),
    ("model", model_exists),
    ("model", supported),
    *SHARED,
    ("max_tokens", max_tokens),
    ("logprobs", logprobs),
    ("stop", stops),
)
