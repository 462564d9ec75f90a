"""``--prometheus PORT``: the current figures of the run, for Prometheus to scrape. Needs the extra ``metrics``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from echosounder.load.watch import metrics
from echosounder.wire.errors import UsageError
from echosounder.wire.guard import guarded

PREFIX = "echosounder_load_"


class Collector:
    """Turns a snapshot into metric families; *state* returns the latest, empty before the first."""

    def __init__(self, families: Any, state: Callable[[], dict[str, Any]]) -> None:
        self._families, self._state = families, state

    def collect(self) -> Iterator[Any]:
        state = self._state()
        if not state:
            return
        labels = {"scenario": str(state["scenario"]), "model": str(state["model"] or "")}
        counter, gauge = self._families.CounterMetricFamily, self._families.GaugeMetricFamily
        for metric in metrics.COUNTERS:
            yield _one(counter, metric, labels, state[metric.member])
        for metric in (metrics.IN_FLIGHT, metrics.ELAPSED):
            yield _one(gauge, metric, labels, state[metric.member])
        if state[metrics.COST.member] is not None:
            yield _one(counter, metrics.COST, labels, float(state[metrics.COST.member]))
        yield self._failures(state, labels)
        yield from self._latencies(state, labels)

    def _failures(self, state: dict[str, Any], labels: dict[str, str]) -> Any:
        metric = metrics.FAILURES
        made = self._families.CounterMetricFamily(PREFIX + metric.prometheus, metric.says, labels=[*labels, "class"])
        for kind, count in state[metric.member].items():
            made.add_metric([*labels.values(), kind], count)
        return made

    def _latencies(self, state: dict[str, Any], labels: dict[str, str]) -> Iterator[Any]:
        """Latencies as histograms with fixed bounds, which can be added across instances, unlike quantiles."""
        for metric in metrics.LATENCIES:
            found = state[f"{metric.member}_seconds"]
            counts = zip(map(str, metrics.BOUNDS_S), found["up_to"], strict=True)
            made = self._families.HistogramMetricFamily(PREFIX + metric.prometheus, metric.says, labels=list(labels))
            made.add_metric(list(labels.values()), [*counts, ("+Inf", found["count"])], found["sum"])
            yield made


def _one(family: Any, metric: metrics.LiveMetric, labels: dict[str, str], value: float) -> Any:
    made = family(PREFIX + metric.prometheus, metric.says, labels=list(labels))
    made.add_metric(list(labels.values()), value)
    return made


class _Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10  # s for a request, so that an idle connection does not block a thread

    def log_message(self, format: str, *arguments: Any) -> None:
        """Do nothing: requests of a scraper need no log."""


@contextmanager
def serving(port: int | None, state: Callable[[], dict[str, Any]]) -> Iterator[None]:
    """Serve ``/metrics`` on *port* of the loopback interface until the block ends; without a port, do nothing.

    Raises :class:`UsageError` if the library is missing or the port is in use.
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
        server = make_server("127.0.0.1", port, guarded(client.make_wsgi_app(registry)), _Threaded, _Quiet)
    except OSError as error:
        raise UsageError(f"cannot serve metrics on port {port}: {error.strerror or error}") from None
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
