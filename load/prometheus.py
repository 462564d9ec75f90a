"""``--prometheus PORT``: the run as it stands, for Prometheus to scrape. Needs the extra ``metrics``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from wire.errors import UsageError

COUNTERS = {
    "requests_sent": ("sent", "Requests that were sent, warm-up excluded"),
    "requests_completed": ("completed", "Answers that were complete"),
    "prompt_tokens": ("prompt_tokens", "Prompt tokens, as reported"),
    "output_tokens": ("output_tokens", "Completion tokens, as reported"),
    "cache_hit_tokens": ("hit_tokens", "Prompt tokens that were cache hits, as reported"),
}
GAUGES = {
    "in_flight": ("in_flight", "Requests in flight"),
    "elapsed_seconds": ("elapsed_s", "Time since the run began"),
}
LATENCIES = {"ttft_seconds": "ttft_ms", "gap_seconds": "gap_ms", "e2e_seconds": "e2e_ms"}
PREFIX = "echosounder_load_"


class Collector:
    """Turns a snapshot into metric families; *state* gives the latest, empty before the first."""

    def __init__(self, families: Any, state: Callable[[], dict[str, Any]]) -> None:
        self._families, self._state = families, state

    def collect(self) -> Iterator[Any]:
        state = self._state()
        if not state:
            return
        labels = {"scenario": str(state["scenario"]), "model": str(state["model"] or "")}
        for name, (member, says) in COUNTERS.items():
            yield self._one(self._families.CounterMetricFamily, name, says, labels, state[member])
        for name, (member, says) in GAUGES.items():
            yield self._one(self._families.GaugeMetricFamily, name, says, labels, state[member])
        yield from self._latencies(state, labels)
        yield from self._others(state, labels)

    def _one(self, family: Any, name: str, says: str, labels: dict[str, str], value: float) -> Any:
        made = family(PREFIX + name, says, labels=list(labels))
        made.add_metric(list(labels.values()), value)
        return made

    def _latencies(self, state: dict[str, Any], labels: dict[str, str]) -> Iterator[Any]:
        for name, member in LATENCIES.items():
            made = self._families.GaugeMetricFamily(PREFIX + name, f"{name} by quantile", labels=[*labels, "quantile"])
            for label, value in state[member].items():
                if value is not None:
                    made.add_metric([*labels.values(), f"0.{label[1:]}"], value / 1000)
            yield made

    def _others(self, state: dict[str, Any], labels: dict[str, str]) -> Iterator[Any]:
        failures = self._families.CounterMetricFamily(
            PREFIX + "failures", "Failed requests by class", labels=[*labels, "class"]
        )
        for kind, count in state["failures"].items():
            failures.add_metric([*labels.values(), kind], count)
        yield failures
        if state["usd"] is not None:
            yield self._one(
                self._families.CounterMetricFamily,
                "cost_usd",
                "Cost of the tokens, US dollars",
                labels,
                float(state["usd"]),
            )


@contextmanager
def serving(port: int | None, state: Callable[[], dict[str, Any]]) -> Iterator[None]:
    """Serve ``/metrics`` on *port* of the loopback interface until the block ends; nothing where the port is None.

    Raises :class:`UsageError` without the library, and where the port is taken.
    """
    if port is None:
        yield
        return
    try:
        client, families = import_module("prometheus_client"), import_module("prometheus_client.core")
    except ImportError:
        raise UsageError("--prometheus needs the extra: pip install 'echosounder[metrics]'") from None
    registry = client.CollectorRegistry()
    registry.register(Collector(families, state))
    try:
        server, thread = client.start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        raise UsageError(f"cannot serve metrics on port {port}: {error.strerror or error}") from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
