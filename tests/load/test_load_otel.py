"""A run watched by OpenTelemetry: what is pushed, in which units, and that the last of it is what the report says."""

import gzip
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from echosounder.load.engine import run
from echosounder.load.figures.tally import Tally
from echosounder.load.options import Options
from echosounder.load.watch.otel import exporting
from echosounder.load.watch.snapshot import snapshot
from echosounder.mock_server.net.process import RunningMock, spawn

STATE: dict[str, Any] = snapshot(Options(url="http://x", model="m"), Tally(), 0)


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with spawn(ttft_ms=30, itl_ms=5) as running:
        yield running


def test_open_telemetry_gets_the_latest_snapshot() -> None:
    memory = pytest.importorskip("opentelemetry.sdk.metrics.export").InMemoryMetricReader()
    with exporting(True, lambda: {**STATE, "sent": 7, "gap_ms": {"p50": 20.0, "p95": None, "p99": 41.0}}, memory):
        data = memory.get_metrics_data()
    metrics = {metric.name: metric.data.data_points for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    assert metrics["echosounder.load.requests.sent"][0].value == 7
    gaps = {point.attributes["quantile"]: point.value for point in metrics["echosounder.load.gap"]}
    assert gaps == {"p50": 0.02, "p99": 0.041}, "seconds, as the conventions have it"
    assert "echosounder.load.cost" not in metrics, "not known is not nothing"


def test_open_telemetry_gets_failures_and_cost_and_what_everything_is() -> None:
    memory = pytest.importorskip("opentelemetry.sdk.metrics.export").InMemoryMetricReader()
    with exporting(
        True, lambda: {**STATE, "failures": {"http-429": 3}, "usd": "0.25", "ttft_ms": {"p50": 9.0}}, memory
    ):
        data = memory.get_metrics_data()
    metrics = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    assert all(metric.unit and metric.description for metric in metrics.values())
    (failures,) = metrics["echosounder.load.requests.failed"].data.data_points
    assert (failures.value, failures.attributes["class"]) == (3, "http-429")
    (cost,) = metrics["echosounder.load.cost"].data.data_points
    assert (cost.value, metrics["echosounder.load.cost"].unit) == (0.25, "USD")
    assert {name.removeprefix("echosounder.load.") for name in metrics} >= {"tokens.hit", "requests.in_flight", "ttft"}


class Receiver(BaseHTTPRequestHandler):
    """Takes what an OTLP exporter posts, and reads it by OpenTelemetry's own message types."""

    taken: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        service = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        self.taken.append((self.path, service.ExportMetricsServiceRequest.FromString(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], dict[str, Any]]]:
    """A receiver, and what was posted to it last, by name."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http.metric_exporter")

    def last() -> dict[str, Any]:
        path, message = Receiver.taken[-1]
        assert path == "/v1/metrics"
        return {metric.name: metric for metric in message.resource_metrics[0].scope_metrics[0].metrics}

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield last
        server.shutdown()


def test_the_last_of_a_run_that_is_posted_is_what_the_report_says(
    posted: Callable[[], dict[str, Any]], mock: RunningMock, tmp_path: Path
) -> None:
    options = Options(url=mock.url, out=tmp_path, users="2", duration=1.0, otel=True, api_key="sk-test-000000000")
    counts = run(replace(options, output_tokens="5")).report["counts"]
    totals = {name: metric.sum.data_points[0].as_int for name, metric in posted().items() if "requests." in name}
    assert totals["echosounder.load.requests.completed"] == counts["completed"] > 0
    assert totals["echosounder.load.requests.sent"] == counts["sent"]
    assert totals["echosounder.load.requests.in_flight"] == 0


def test_open_telemetry_is_posted_to_a_receiver(posted: Callable[[], dict[str, Any]]) -> None:
    with exporting(True, lambda: {**STATE, "sent": 7, "ttft_ms": {"p50": 250.0, "p95": None, "p99": None}}):
        pass
    metrics = posted()
    (sent,) = metrics["echosounder.load.requests.sent"].sum.data_points
    (ttft,) = metrics["echosounder.load.ttft"].gauge.data_points
    assert (sent.as_int, ttft.as_double) == (7, 0.25)
    assert {attribute.key for attribute in ttft.attributes} == {"scenario", "model", "quantile"}
