"""``--otel``: the current figures of the run as OpenTelemetry metrics. The standard ``OTEL_EXPORTER_OTLP_*`` variables give the
destination.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from echosounder.load.watch import metrics
from echosounder.wire.errors import UsageError

Values = Sequence[tuple[float | None, dict[str, str]]]  # observations, each with its attributes
PREFIX = "echosounder.load."
PERIOD_MS = 2000


def instruments(api: Any, meter: Any, state: Callable[[], dict[str, Any]]) -> None:
    """Observable instruments on *meter* that read *state*, the latest snapshot; latencies as quantiles, in seconds."""

    def observed(values: Callable[[dict[str, Any]], Values]) -> list[Callable[[Any], list[Any]]]:
        def read(options: Any) -> list[Any]:
            now = state()
            found = values(now) if now else ()
            return [api.Observation(value, {**_labels(now), **more}) for value, more in found if value is not None]

        return [read]

    for metric in metrics.COUNTERS:
        meter.create_observable_counter(PREFIX + metric.name, observed(_one(metric)), metric.unit, metric.says)
    metric = metrics.COST
    meter.create_observable_counter(PREFIX + metric.name, observed(_money), metric.unit, metric.says)
    metric = metrics.FAILURES
    meter.create_observable_counter(PREFIX + metric.name, observed(_classes), metric.unit, metric.says)
    metric = metrics.IN_FLIGHT
    meter.create_observable_up_down_counter(PREFIX + metric.name, observed(_one(metric)), metric.unit, metric.says)
    for metric in metrics.LATENCIES:
        meter.create_observable_gauge(PREFIX + metric.name, observed(_quantiles(metric)), metric.unit, metric.says)


def _one(metric: metrics.LiveMetric) -> Callable[[dict[str, Any]], Values]:
    return lambda state: [(state[metric.member], {})]


def _money(state: dict[str, Any]) -> Values:
    amount = state[metrics.COST.member]
    return [(None if amount is None else float(amount), {})]


def _classes(state: dict[str, Any]) -> Values:
    return [(count, {"class": kind}) for kind, count in state[metrics.FAILURES.member].items()]


def _quantiles(metric: metrics.LiveMetric) -> Callable[[dict[str, Any]], Values]:
    def read(state: dict[str, Any]) -> Values:
        shares = state[f"{metric.member}_ms"].items()
        return [(None if ms is None else ms / 1000, {"quantile": label}) for label, ms in shares]

    return read


def _labels(state: dict[str, Any]) -> dict[str, str]:
    return {"scenario": str(state["scenario"]), "model": str(state["model"] or "")}


@contextmanager
def exporting(wanted: bool, state: Callable[[], dict[str, Any]], reader: Any = None) -> Iterator[None]:
    """Export every two seconds, and once more at the end. Raises :class:`UsageError` if the libraries are missing."""
    if not wanted:
        yield
        return
    try:
        api, sdk = import_module("opentelemetry.metrics"), import_module("opentelemetry.sdk.metrics")
        reader = reader or _reader()
    except ImportError:
        raise UsageError("--otel needs the extra: pip install 'echosounder[metrics]'") from None
    provider = sdk.MeterProvider([reader])
    instruments(api, provider.get_meter("echosounder"), state)
    try:
        yield
    finally:
        provider.shutdown()


def _reader() -> Any:
    otlp = import_module("opentelemetry.exporter.otlp.proto.http.metric_exporter")
    export = import_module("opentelemetry.sdk.metrics.export")
    return export.PeriodicExportingMetricReader(otlp.OTLPMetricExporter(), export_interval_millis=PERIOD_MS)
