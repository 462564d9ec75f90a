"""A run watched while it runs: Locust's web interface with our page in a browser, and Prometheus."""

import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from echosounder.load.engine import LoadResult, run
from echosounder.load.figures.tally import Tally
from echosounder.load.options import Options
from echosounder.load.watch.prometheus import serving
from echosounder.load.watch.snapshot import snapshot
from echosounder.mock_server.net.process import RunningMock, spawn
from echosounder.wire.errors import CannotJudge, UsageError


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def fetch(url: str) -> str:
    """The body, once it is there."""
    for _ in range(200):
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
        time.sleep(0.1)
    raise AssertionError(f"nothing at {url}")


STRANGERS = {
    "another page": {"Origin": "http://evil.example"},
    "a name of theirs for our address": {"Host": "evil.example"},
    "a page of another port": {"Referer": "http://127.0.0.1:1/"},
    "an image on another page": {"Sec-Fetch-Site": "cross-site"},
}


def turned_away(url: str, headers: dict[str, str], method: str = "GET") -> bool:
    try:
        urllib.request.urlopen(urllib.request.Request(url, headers=headers, method=method), timeout=5).close()
    except urllib.error.HTTPError as refused:
        return refused.code == 403
    return False


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with spawn(ttft_ms=30, itl_ms=5) as running:
        yield running


class Watched:
    """A run in a thread, with what was seen of it from outside."""

    def __init__(self, options: Options, watch: Callable[[], Any]) -> None:
        self.outcome: LoadResult | None = None

        def work() -> None:
            self.outcome = run(options)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            self.seen = watch()
        finally:
            thread.join(40)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium")
def test_the_page_shows_the_run_in_a_browser_and_the_stop_button_ends_it(mock: RunningMock, tmp_path: Path) -> None:
    web, metrics = free_port(), free_port()
    page = f"http://127.0.0.1:{web}"
    chromium = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=3000",
        "--dump-dom",
        f"--user-data-dir={tmp_path / 'browser'}",
    ]

    def watch() -> tuple[str, str, str, float]:
        while '"completed": 0' in fetch(page + "/echosounder.json"):
            time.sleep(0.1)
        dom = subprocess.run(
            [*chromium, page + "/echosounder"], capture_output=True, encoding="utf-8", timeout=30, check=True
        ).stdout
        scraped = fetch(f"http://127.0.0.1:{metrics}/metrics")
        own = fetch(page + "/stats/requests")
        for name, headers in STRANGERS.items():
            assert turned_away(page + "/echosounder.json", headers), name
            assert turned_away(page + "/stop", headers, "POST"), name
        assert "completed" in fetch(page + "/echosounder.json"), "nobody of them stopped it"
        with suppress(OSError):  # the run may be over before the answer is written
            urllib.request.urlopen(urllib.request.Request(page + "/stop", method="POST"), timeout=5).close()
        return dom, scraped, own, time.monotonic()

    options = Options(
        url=mock.url,
        out=tmp_path / "run",
        users="4",
        duration=60.0,
        flush=0.2,
        web=web,
        prometheus=metrics,
        api_key="sk-test-000000000",
    )
    watched = Watched(options, watch)
    dom, scraped, own, stopped = watched.seen
    assert watched.outcome is not None
    assert time.monotonic() - stopped < 15, "the stop button stopped it"
    assert watched.outcome.report["counts"]["sent"] > 4
    assert "stopped by the user, on the web page" in json.dumps(watched.outcome.report), "it did not end by itself"
    ttft = re.search(r'data-figure="ttft_ms.p50">([\d.]+)<', dom)
    assert ttft is not None, dom[-2000:]
    assert 30 <= float(ttft[1]) < 200
    assert re.search(r'data-tile="Completed">\d+<', dom)
    assert re.search(r'data-tile="Cost">\$0\.\d+<', dom)
    assert "<polyline" in dom
    assert json.loads(own)["stats"][0]["name"] == "chat", "Locust's own statistics go on"
    assert re.search(r'echosounder_load_requests_completed_total\{model="[^"]+",scenario="streaming"\} \d+\.0', scraped)
    assert re.search(r'echosounder_load_ttft_seconds_bucket\{le="\+Inf",[^}]*\} [1-9]', scraped)


def tick(worker: int, completed: int, failed: int, in_flight: int) -> dict[str, Any]:
    counts = {
        "completed": completed,
        "failed": failed,
        "in_flight": in_flight,
        "scheduled": 0,
        "skipped": 0,
        "unsent": 0,
    }
    return {
        "kind": "tick",
        "worker": worker,
        "at": 1,
        "cpu": 0.1,
        "kernel": 9,
        "user": 0,
        "lag_us": {},
        "delay_us": {},
    } | counts


def watched_state() -> dict[str, Any]:
    """Of two workers, with three first tokens: after 0.5 ms, 30 ms and 300 s."""
    tally = Tally()
    tally.enter([tick(0, 5, 1, 2), tick(1, 3, 0, 4)])
    tally.histograms["ttft"].add([500, 30_000, 300_000_000])
    tally.failures.update({"http-429": 3})
    return snapshot(Options(url="http://x", model="m"), tally, 0) | {"usd": "0.25"}


def scraped(*states: dict[str, Any]) -> list[str]:
    """What Prometheus gets while each of the states holds."""
    port, shown, texts = free_port(), [{}], []  # type: int, list[dict[str, Any]], list[str]
    with serving(port, lambda: shown[-1]):
        for state in states:
            shown.append(state)
            texts.append(fetch(f"http://127.0.0.1:{port}/metrics"))
    return texts


def test_metrics_are_empty_before_the_first_sample_and_whole_after() -> None:
    before, text = scraped({}, watched_state())
    assert "echosounder" not in before
    assert 'echosounder_load_failures_total{class="http-429",model="m",scenario="streaming"} 3.0' in text
    assert 'echosounder_load_cost_usd_total{model="m",scenario="streaming"} 0.25' in text
    assert 'echosounder_load_requests_sent_total{model="m",scenario="streaming"} 15.0' in text, "in flight are sent too"


def test_latencies_are_histograms_that_instances_add_up() -> None:
    (text,) = scraped(watched_state())
    found = re.findall(r'ttft_seconds_bucket\{le="([^"]+)",[^}]*\} (\d+)\.0', text)
    buckets = {float(bound): int(count) for bound, count in found}
    assert (buckets[0.0005], buckets[0.025], buckets[0.05], buckets[250.0], buckets[float("inf")]) == (1, 1, 2, 2, 3)
    assert list(buckets.values()) == sorted(buckets.values())
    assert re.search(r"ttft_seconds_count\{[^}]*\} 3\.0", text)
    total = re.search(r"ttft_seconds_sum\{[^}]*\} ([\d.]+)", text)
    assert total is not None
    assert float(total[1]) == pytest.approx(300.0305)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool")
def test_prometheus_itself_finds_nothing_to_complain_of_in_the_metrics() -> None:
    (text,) = scraped(watched_state())
    checked = subprocess.run(
        ["promtool", "check", "metrics"], check=False, input=text, capture_output=True, encoding="utf-8", timeout=30
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_what_was_sent_is_counted_in_one_moment_with_what_is_in_flight() -> None:
    """Samples are read before the next tick comes: what has ended must not be in flight a second time, for a counter never falls."""
    tally = Tally()
    tally.enter([tick(0, 5, 1, 2)])
    before = snapshot(Options(url="http://x"), tally, 0)["sent"]
    tally.counts.update({"sent": 8, "completed": 8})
    between = snapshot(Options(url="http://x"), tally, 0)["sent"]
    tally.enter([tick(0, 7, 1, 0)])
    assert (before, between, snapshot(Options(url="http://x"), tally, 0)["sent"]) == (8, 8, 8)


def test_a_port_that_is_taken_is_said() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UsageError, match="cannot serve metrics on port"),
        serving(taken.getsockname()[1], dict),
    ):
        pass


def test_a_page_whose_port_is_taken_is_said(mock: RunningMock, tmp_path: Path) -> None:
    """Locust prints its statistics behind the error, empty tables."""
    options = Options(url=mock.url, out=tmp_path, users="2", duration=1.0, api_key="sk-test-000000000")
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(CannotJudge, match=r"no worker came up: .*Address already in use"),
    ):
        run(replace(options, web=taken.getsockname()[1]))


@pytest.mark.field
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus")
def test_prometheus_scrapes_a_run(mock: RunningMock, tmp_path: Path) -> None:
    """Debian's own: it takes the figures while the run goes on, and answers questions about them."""
    metrics, own = free_port(), free_port()
    target = {"job_name": "load", "scrape_interval": "200ms", "static_configs": [{"targets": [f"127.0.0.1:{metrics}"]}]}
    (tmp_path / "prometheus.yml").write_text(json.dumps({"scrape_configs": [target]}), encoding="utf-8")
    command = ["prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    options = Options(url=mock.url, out=tmp_path / "run", users="4", duration=6.0, flush=0.2, prometheus=metrics)

    def ask(query: str) -> list[Any]:
        result = json.loads(fetch(f"http://127.0.0.1:{own}/api/v1/query?query={query}"))["data"]["result"]
        return result if isinstance(result, list) else []

    def watch() -> tuple[list[Any], list[Any]]:
        completed: list[Any] = []
        while not completed or completed[0]["value"][1] == "0":
            time.sleep(0.2)
            completed = ask("echosounder_load_requests_completed_total")
        return completed, ask("histogram_quantile(0.5,echosounder_load_ttft_seconds_bucket)")

    with subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{own}"], stderr=subprocess.DEVNULL) as process:
        try:
            watched = Watched(replace(options, api_key="sk-test-000000000"), watch)
        finally:
            process.terminate()
    completed, ttft = watched.seen
    assert watched.outcome is not None
    assert 0 < float(completed[0]["value"][1]) <= watched.outcome.report["counts"]["completed"]
    assert completed[0]["metric"]["scenario"] == "streaming"
    assert 0.025 <= float(ttft[0]["value"][1]) < 1, "within the bucket of the mock's 30 ms"
