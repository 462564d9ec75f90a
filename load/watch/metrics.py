"""Live metrics of a run, by name, unit and meaning: the one table behind Prometheus and OpenTelemetry."""

from typing import NamedTuple


class LiveMetric(NamedTuple):
    """``member`` of a :func:`load.watch.snapshot.snapshot`. ``unit`` as UCUM writes it; ``name`` with dots, as OpenTelemetry has it."""

    name: str
    prometheus: str
    member: str
    unit: str
    says: str


COUNTERS = (
    LiveMetric("requests.sent", "requests_sent", "sent", "{request}", "Requests sent, warm-up included"),
    LiveMetric(
        "requests.completed",
        "requests_completed",
        "completed",
        "{request}",
        "Complete answers, warm-up excluded",
    ),
    LiveMetric(
        "tokens.prompt", "prompt_tokens", "prompt_tokens", "{token}", "Prompt tokens, as the target reports them"
    ),
    LiveMetric(
        "tokens.output", "output_tokens", "output_tokens", "{token}", "Completion tokens, as the target reports them"
    ),
    LiveMetric(
        "tokens.hit", "cache_hit_tokens", "hit_tokens", "{token}", "Prompt tokens that the target reports as cache hits"
    ),
)
FAILURES = LiveMetric(
    "requests.failed", "failures", "failures", "{request}", "Requests that failed, by class of failure"
)
COST = LiveMetric("cost", "cost_usd", "usd", "USD", "Price of the tokens so far, warm-up included, US dollars")
IN_FLIGHT = LiveMetric("requests.in_flight", "in_flight", "in_flight", "{request}", "Requests in flight")
ELAPSED = LiveMetric("elapsed", "elapsed_seconds", "elapsed_s", "s", "Time since the run began")
LATENCIES = (
    LiveMetric("ttft", "ttft_seconds", "ttft", "s", "Time from the request to its first token"),
    LiveMetric("gap", "gap_seconds", "gap", "s", "Time between successive reads that carried output"),
    LiveMetric("e2e", "e2e_seconds", "e2e", "s", "Time from the request to the end of its answer, of complete answers"),
)
BOUNDS_S = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
)
