"""``--otel``: the run as it stands, as OpenTelemetry metrics. Where to is told by the standard ``OTEL_EXPORTER_OTLP_*`` variables."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from wire.errors import UsageError

COUNTERS = {
    "requests.sent": "sent",
    "requests.completed": "completed",
    "tokens.prompt": "prompt_tokens",
    "tokens.output": "output_tokens",
}
LATENCIES = {"ttft": "ttft_ms", "gap": "gap_ms", "e2e": "e2e_ms"}
PREFIX = "echosounder.load."
PERIOD_MS = 2000


def instruments(metrics: Any, meter: Any, state: Callable[[], dict[str, Any]]) -> None:
    """Observable instruments on *meter* that read *state*, the latest snapshot."""

    def observed(member: str) -> Callable[[Any], Iterable[Any]]:
        return lambda options: [metrics.Observation(state()[member], _labels(state()))] if state() else []

    def quantiles(member: str) -> Callable[[Any], Iterable[Any]]:
        return lambda options: [
            metrics.Observation(value, {**_labels(state()), "quantile": label})
            for label, value in (state()[member] if state() else {}).items()
            if value is not None
        ]

    for name, member in COUNTERS.items():
        meter.create_observable_counter(PREFIX + name, [observed(member)])
    meter.create_observable_up_down_counter(PREFIX + "requests.in_flight", [observed("in_flight")])
    for name, member in LATENCIES.items():
        meter.create_observable_gauge(PREFIX + name, [quantiles(member)], unit="ms")


def _labels(state: dict[str, Any]) -> dict[str, str]:
    return {"scenario": str(state["scenario"]), "model": str(state["model"] or "")}


@contextmanager
def exporting(wanted: bool, state: Callable[[], dict[str, Any]], reader: Any = None) -> Iterator[None]:
    """Export every two seconds, and once more at the end. Raises :class:`UsageError` without the libraries."""
    if not wanted:
        yield
        return
    try:
        metrics, sdk = import_module("opentelemetry.metrics"), import_module("opentelemetry.sdk.metrics")
        reader = reader or _reader()
    except ImportError:
        raise UsageError("--otel needs the extra: pip install 'echosounder[metrics]'") from None
    provider = sdk.MeterProvider([reader])
    instruments(metrics, provider.get_meter("echosounder"), state)
    try:
        yield
    finally:
        provider.shutdown()


def _reader() -> Any:
    otlp = import_module("opentelemetry.exporter.otlp.proto.http.metric_exporter")
    export = import_module("opentelemetry.sdk.metrics.export")
    return export.PeriodicExportingMetricReader(otlp.OTLPMetricExporter(), export_interval_millis=PERIOD_MS)
