"""Runs in which something goes wrong: nothing is lost, nothing hangs, the sentence and the exit code say what happened."""

import itertools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from echosounder.load.demands import checked
from echosounder.load.engine import run
from echosounder.load.options import Options
from echosounder.load.sample import Sample
from echosounder.load.scenarios.file import read_scenario
from echosounder.load.worker.breaker import Breaker
from echosounder.mock_server.net.process import RunningMock, spawn
from echosounder.wire.errors import CannotJudge, EchosounderError, KeyRefused, Unreachable, UsageError
from echosounder.wire.runlog import read
from echosounder.wire.stream import StreamEnd

MODELS = b'{"object":"list","data":[{"id":"m","object":"model","owned_by":"x"}]}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'


def answer(status: str, body: bytes, kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


STREAM = HEAD + chunk(EVENT * 3) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


ANSWERED = Sample("0-0", "chat", "measured", StreamEnd.DONE, 1, 1, status=200)
FAILED = Sample("0-1", "chat", "measured", StreamEnd.REFUSED, 1, 1, failure="http-500", status=500)
CLIENT_LIMIT_REACHED = (
    "this machine gives the client no more connections (no socket: [Errno 24] Too many open files); "
    "raise its limit (ulimit -n), use --processes, or send less"
)


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with spawn(seed=1, ttft_ms=10, itl_ms=2) as running:
        yield running


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(
        url="http://127.0.0.1:9", out=tmp_path / "run", duration=1.0, drain=5.0, flush=0.2, api_key="sk-test-000000000"
    )


@pytest.fixture
def routed(scripted: Any) -> Callable[..., Any]:
    """A server that lists a model and answers every POST by a script."""

    def make(*steps: Any) -> Any:
        server = scripted(*steps)
        server.models = answer("200 OK", MODELS)
        return server

    return make


def test_nobody_listens(options: Options) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(Unreachable, match="check the URL"):
        run(replace(options, url=url))


def test_no_route(options: Options) -> None:
    with pytest.raises(Unreachable, match="no answer from"):
        run(replace(options, url="http://no-such-host.invalid:1"))


def test_the_server_closes_at_once(options: Options, scripted: Any) -> None:
    with pytest.raises(Unreachable):
        run(replace(options, url=scripted("close").url))


def test_the_server_never_answers(options: Options, scripted: Any) -> None:
    with pytest.raises(Unreachable):
        run(replace(options, url=scripted(5.0).url, connect_timeout=0.3))


def test_a_web_page_is_no_api(options: Options, scripted: Any) -> None:
    with pytest.raises(Unreachable, match="web page"):
        run(replace(options, url=scripted(answer("200 OK", b"<html>", "text/html")).url))


def test_a_key_that_is_refused_is_found_before_the_load(options: Options, scripted: Any) -> None:
    server = scripted(answer("401 Unauthorized", b"{}"))
    with pytest.raises(KeyRefused, match="--api-key-env"):
        run(replace(options, url=server.url))
    assert len(server.requests) == 1


def test_a_key_that_is_refused_later_stops_the_load_at_once(options: Options, routed: Any) -> None:
    server = routed(answer("401 Unauthorized", b'{"error":{"message":"no such user"}}'))
    outcome = run(replace(options, url=server.url, users="4", duration=20.0))
    assert outcome.exit_code == 3
    assert outcome.report["stopped"][0]["kind"] == "key-refused"
    assert outcome.report["counts"]["sent"] <= 4


def test_a_target_that_fails_at_everything_is_left_alone(options: Options, routed: Any) -> None:
    server = routed(answer("500 Internal Server Error", b'{"error":{"message":"boom"}}'))
    outcome = run(replace(options, url=server.url, rate="200", duration=20.0))
    assert outcome.exit_code == 3
    assert outcome.report["stopped"][0]["reason"] == "20 requests in a row failed, the last with http-500: boom"
    assert outcome.report["failures"]["http-500"] < 40
    assert read(outcome.log).footer is not None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rate": "0"}, "must be above 0"),
        ({"rate": "3000000"}, "at most"),
        ({"users": "many"}, "cannot read the load"),
        ({"slo": ("ttft_p95<5parsecs",)}, "cannot read the objective"),
        ({"arrival": "trace"}, "needs --trace FILE"),
        ({"scenario": "steaming"}, "unknown scenario"),
        ({"duration": 0.0}, "duration must be between"),
        ({"budget_usd": "lots"}, "not an amount"),
        ({"budget_usd": "-1"}, "cannot be -1"),
        ({"prompt_tokens": "400-100"}, "number of tokens"),
        ({"url": "ftp://x"}, "not an http"),
        ({"trace": Path("missing.jsonl")}, "cannot read"),
    ],
)
def test_options_that_cannot_work_are_refused_before_anything_is_sent(
    options: Options, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        run(replace(options, **change))


SCENARIOS = [
    ("- {name: a, promt_tokens: 5}", "item 1: unknown key 'promt_tokens'; did you mean prompt_tokens"),
    ("- {kind: chat}", "item 1: an item is a mapping with a name"),
    ("- {name: a}\n- {name: b, kind: chess}", "item 2, kind: 'chess' is none of chat"),
    ("- {name: a, prompt_tokens: [9, 3]}", "a range like"),
    ("- {name: a, output_tokens: lots}", "makes no sense here"),
    ("- {name: a, weight: -1}", "makes no sense here"),
    ("items: 3", "a list of items"),
    ("{", "cannot read"),
]


@pytest.mark.parametrize(("text", "says"), SCENARIOS, ids=[row[1] for row in SCENARIOS])
def test_mistakes_in_a_scenario_file_are_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=says.replace("[", r"\[")):
        read_scenario(path)


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"offset": -1, "prompt_tokens": 1, "output_tokens": 1}', '{"offset": 1}', ""]
)
def test_mistakes_in_a_trace_are_named(options: Options, tmp_path: Path, line: str) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(UsageError, match=r"trace\.jsonl"):
        run(replace(options, trace=path))


def test_a_budget_needs_a_price(options: Options, routed: Any) -> None:
    with pytest.raises(UsageError, match="no price of 'm' is known"):
        run(replace(options, url=routed(STREAM).url, budget_usd="1"))


def test_the_budget_is_never_passed(options: Options, mock: RunningMock) -> None:
    """200 prompt tokens at 1 and 64 output tokens at 2 dollars per million: at most 0.000328 each."""
    budget = "0.003"
    outcome = run(replace(options, url=mock.url, users="4", budget_usd=budget, prices=("0.1", "1", "2"), duration=5.0))
    assert 3 <= outcome.report["counts"]["sent"] <= 20
    assert float(outcome.report["cost"]["usd"]) <= float(budget) * 2
    assert outcome.report["counts"]["over_budget"] > 0
    assert outcome.report["stopped"][0]["kind"] == "budget"


def test_streams_that_are_cut_by_the_end_are_all_reported(options: Options, routed: Any) -> None:
    """Streams of 6 s in a run of 1 s without patience."""
    steps = [HEAD, *(step for _ in range(60) for step in (chunk(EVENT), 0.1))]
    outcome = run(replace(options, url=routed(*steps).url, users="5", drain=0.0))
    counts = outcome.report["counts"]
    assert (counts["sent"], counts["in_flight"], counts["completed"]) == (5, 5, 0)
    assert outcome.report["metrics"]["ttft_ms"]["count"] == 5
    assert outcome.report["metrics"]["gap_ms"]["count"] > 20
    assert outcome.report["metrics"]["e2e_ms"] is None, "a cut stream is not a fast one"


def test_an_answer_that_does_not_come_is_a_failure(options: Options, routed: Any) -> None:
    """One request of ten hangs longer than the drain waits, and far below any timeout."""
    server = routed(STREAM)
    server.stall = (5, 20.0)
    outcome = run(replace(options, url=server.url, rate="10", drain=0.3, slo=("failures<1%",)))
    assert outcome.report["failures"] == {"not-finished": 1}
    assert outcome.report["ends"] == {"client-cancelled": 1, "done": 9}
    assert outcome.report["slo"][0] == {"expr": "failures<1%", "value": 0.1, "met": False}
    assert outcome.exit_code == 1


def test_a_spent_budget_lets_the_answers_finish(options: Options, routed: Any) -> None:
    server = routed(0.8, STREAM)
    outcome = run(replace(options, url=server.url, rate="20", budget_requests=5))
    counts = outcome.report["counts"]
    assert (counts["sent"], counts["completed"], counts["in_flight"]) == (5, 5, 0)
    assert [stop["kind"] for stop in outcome.report["stopped"]] == ["budget"]
    assert outcome.exit_code == 0


def test_interruption_keeps_everything(options: Options, routed: Any) -> None:
    server = routed(
        HEAD, *(step for _ in range(20) for step in (chunk(EVENT), 0.05)), chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    )

    def interrupt() -> None:
        while not any(b"POST" in request for request in server.requests):
            time.sleep(0.05)
        time.sleep(1.6)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    outcome = run(replace(options, url=server.url, users="3", duration=60.0))
    assert outcome.exit_code == 3
    assert outcome.report["stopped"][-1]["kind"] == "interrupted"
    assert outcome.report["counts"]["sent"] == sum(b"POST" in request for request in server.requests)
    assert outcome.report["counts"]["in_flight"] > 0
    footer = read(outcome.log).footer
    assert footer is not None
    assert footer["interrupted"] == "KeyboardInterrupt"


def started_worker(out: Path, number: int = 0) -> int:
    """The process of a worker, from the header of its part, once it has written a sample."""
    part = out / "parts" / f"worker-{number}.jsonl"
    while not part.exists() or b'"sample"' not in part.read_bytes():
        time.sleep(0.05)
    return int(json.loads(part.read_text(encoding="utf-8").splitlines()[0])["pid"])


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="no prlimit: the limit of another process cannot be set")
def test_a_disk_without_room_keeps_what_was_written(options: Options, mock: RunningMock) -> None:
    """A file size that the worker may not pass fails like a full disk, in the middle of a line."""

    def fill_the_disk() -> None:
        resource.prlimit(started_worker(options.out), resource.RLIMIT_FSIZE, (60_000, 60_000))

    threading.Thread(target=fill_the_disk, daemon=True).start()
    outcome = run(replace(options, url=mock.url, users="20", duration=20.0, sample_limit=0))
    assert (outcome.exit_code, [stop["kind"] for stop in outcome.report["stopped"]]) == (3, ["disk"])
    sent = outcome.report["counts"]["sent"]
    assert sent > 10
    assert len(read(outcome.log).samples) == sent


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_said_in_one_line(options: Options) -> None:
    options.out.mkdir()
    (options.out / "run.jsonl").symlink_to("/dev/full")
    with pytest.raises(CannotJudge, match=r"cannot write to .*: No space left"):
        run(replace(options, url="http://127.0.0.1:9"))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="no prlimit: the limit of another process cannot be set")
def test_a_client_without_descriptors_is_no_fault_of_the_target(options: Options, routed: Any) -> None:
    """Nothing is answered, so every request needs a connection of its own; the worker may have sixty files."""

    def take_descriptors() -> None:
        resource.prlimit(begun_worker(options.out, 0), resource.RLIMIT_NOFILE, (60, 60))

    threading.Thread(target=take_descriptors, daemon=True).start()
    outcome = run(replace(options, url=routed(30.0).url, rate="100", duration=20.0))
    assert outcome.exit_code == 4
    assert outcome.report["measurement"]["verdict"] == "invalid"
    (stop,) = outcome.report["stopped"]
    assert (stop["kind"], stop["reason"]) == ("client-limit", CLIENT_LIMIT_REACHED)
    assert set(outcome.report["failures"]) == {"client-limit"}


SHARES = [(20, 1, 20), (20, 4, 5), (20, 3, 7), (20, 100, 5), (3, 2, 3), (100, 4, 25)]


@pytest.mark.parametrize(("limit", "workers", "expected"), SHARES)
def test_workers_that_never_had_an_answer_share_the_failures_that_are_allowed(
    limit: int, workers: int, expected: int
) -> None:
    breaker = Breaker(limit, workers)
    assert [breaker.observe(FAILED) for _ in range(expected - 1)] == [None] * (expected - 1)
    assert breaker.observe(FAILED) is not None


def test_after_an_answer_only_the_whole_row_of_failures_counts() -> None:
    breaker = Breaker(20, 4)
    assert breaker.observe(ANSWERED) is None
    assert [breaker.observe(FAILED) for _ in range(19)] == [None] * 19
    assert breaker.observe(FAILED) is not None


def kill_later(options: Options, worker: int, seconds: float) -> list[int]:
    """Kill a worker some seconds after it has begun; the list that gets the time at which that was done."""
    killed: list[int] = []

    def kill() -> None:
        pid = begun_worker(options.out, worker)
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        killed.append(time.monotonic_ns())

    threading.Thread(target=kill, daemon=True).start()
    return killed


def begun_worker(out: Path, number: int) -> int:
    """The process of a worker, once its part is begun."""
    part = out / "parts" / f"worker-{number}.jsonl"
    while not part.exists() or b"\n" not in part.read_bytes():
        time.sleep(0.05)
    return int(json.loads(part.read_text(encoding="utf-8").splitlines()[0])["pid"])


def test_a_run_whose_only_worker_was_killed_judges_nothing(options: Options, mock: RunningMock) -> None:
    kill_later(options, 0, 0.8)
    outcome = run(replace(options, url=mock.url, rate="20", duration=3.0))
    assert outcome.exit_code == 3
    assert outcome.report["stopped"][-1]["kind"] == "worker"
    assert outcome.report["counts"]["completed"] > 0, "what it had written stands"
    assert outcome.report["counts"]["scheduled"] == 60


def test_a_killed_worker_is_reported_and_the_rest_stands(options: Options, routed: Any) -> None:
    """Two workers, twenty requests a second each, of which each lasts 0.4 s: some eight are in flight at each of them."""
    load = replace(options, url=routed(0.4, STREAM).url, rate="40", processes=2, duration=2.0)
    killed, said = kill_later(load, 1, 0.8), []
    outcome = run(load, lambda step: said.append(step.said))
    measurement = outcome.report["measurement"]
    assert measurement["signals"]["lost_workers"] == 1
    assert any("1 worker(s) died" in reason for reason in measurement["reasons"])
    assert measurement["verdict"] in {"degraded", "invalid"}, "invalid where this machine was too busy besides"
    assert outcome.report["counts"]["scheduled"] == 80, "with what the dead worker was still to send"
    last = {0: 0, 1: 0}
    for sample in read(outcome.log).samples:
        worker = int(sample["id"].partition("-")[0])
        last[worker] = max(last[worker], sample["t_closed"])
    assert 0 <= killed[0] - last[1] < 0.2e9 + 0.4e9, "at most a flush interval, and the requests in flight"
    assert last[0] > killed[0]
    in_flight = [int(line.split(", ")[-1].split()[0]) for line in said if "in flight" in line]
    assert in_flight[-1] == 0, "what was in flight at the dead worker is not for ever"
    assert max(in_flight) > 10


@pytest.fixture
def broken_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A mistake of our own: from a certain request on, the workers cannot make one."""

    def break_from(index: int) -> None:
        (tmp_path / "sitecustomize.py").write_text(
            "from echosounder.load.worker.workload import Workload\n"
            "made = Workload.job\n"
            f"Workload.job = lambda self, index, at=0.0: made(self, index, at) if index < {index} else 1 / 0\n",
            encoding="utf-8",
        )
        monkeypatch.syspath_prepend(tmp_path)

    return break_from


def test_a_worker_that_cannot_begin_says_why(options: Options, routed: Any, broken_job: Any) -> None:
    broken_job(0)
    with pytest.raises(CannotJudge, match="no worker came up: echosounder: the worker broke: ZeroDivisionError"):
        run(replace(options, url=routed(STREAM).url, duration=600.0))


def test_a_worker_that_breaks_ends_the_run_and_says_why(options: Options, routed: Any, broken_job: Any) -> None:
    broken_job(5)
    outcome = run(replace(options, url=routed(STREAM).url, rate="20", duration=600.0))
    assert outcome.exit_code == 3
    assert outcome.report["stopped"][0] == {
        "kind": "worker",
        "reason": "the worker broke: ZeroDivisionError: division by zero",
        "worker": 0,
    }
    assert outcome.report["counts"]["completed"] == 5


def test_workers_stop_when_their_parent_is_killed(options: Options, routed: Any) -> None:
    server = routed(STREAM, 0.02)
    script = (
        "from pathlib import Path; from echosounder.load.engine import run; from echosounder.load.options import Options\n"
        f"run(Options(url={server.url!r}, users='2', duration=60.0, flush=0.2, out=Path({str(options.out)!r})))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    while not server.requests or b"POST" not in server.requests[-1]:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    pid = json.loads((options.out / "parts" / "worker-0.jsonl").read_text(encoding="utf-8").splitlines()[0])["pid"]
    deadline = time.monotonic() + 45
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
    assert '"sample"' in (options.out / "run.jsonl").read_text(encoding="utf-8") + (
        options.out / "parts" / "worker-0.jsonl"
    ).read_text(encoding="utf-8")


@pytest.mark.best_of(5)
def test_injected_pauses_are_the_figures_of_the_report(options: Options, routed: Any) -> None:
    """250 ms to the first token, then 400, 100, 400, 100: within 2 ms of what the server did, whatever it meant to do."""
    pauses = (step for pause in (0.4, 0.1, 0.4, 0.1) for step in (pause, chunk(EVENT)))
    server = routed(0.25, HEAD + chunk(EVENT), *pauses, chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    outcome = run(replace(options, url=server.url, users="1", budget_requests=1))
    metrics, (sample,), tokens = outcome.report["metrics"], read(outcome.log).samples, server.wrote[:5]
    true = sorted((b - a) / 1e6 for a, b in itertools.pairwise(tokens))
    assert true == pytest.approx([100, 100, 400, 400], abs=60), (
        "the server itself, on a machine that does other things too"
    )
    gaps = metrics["gap_ms"]
    assert (gaps["count"], metrics["ttft_ms"]["count"]) == (4, 1)
    assert gaps["p50"] == pytest.approx(true[1], abs=2)
    assert gaps["max"] == pytest.approx(true[3], abs=2)
    assert gaps["mean"] == pytest.approx(sum(true) / 4, abs=2)
    assert metrics["ttft_ms"]["max"] == pytest.approx((tokens[0] - sample["t_sent"]) / 1e6, abs=2)
    assert metrics["ttft_ms"]["max"] >= 250
    assert metrics["tpot_ms"]["max"] == pytest.approx(sum(true) / 4, abs=2)


def test_a_stall_shows_in_the_figures_from_the_schedule(options: Options, routed: Any) -> None:
    """Coordinated omission: one user, ten requests a second, and one answer that takes a second."""
    server = routed(STREAM)
    server.stall = (5, 1.0)
    outcome = run(replace(options, url=server.url, users="1", rate="10", duration=2.0))
    metrics = outcome.report["metrics"]
    assert metrics["ttft_ms"]["p50"] < 100
    assert metrics["ttft_ms"]["max"] == pytest.approx(1000, abs=100)
    assert metrics["ttft_ms"]["p90"] < 100, "the plain figure saw the stall once"
    assert metrics["ttft_from_schedule_ms"]["p90"] > 500, "everybody who was due meanwhile waited"
    late = outcome.report["measurement"]["signals"]["dispatch_ms"]
    assert late < metrics["dispatch_delay_ms"]["p90"] / 2, "the target made them late, not the client"


def test_requests_that_never_found_a_user_were_not_fast(options: Options, routed: Any) -> None:
    """The fifth answer of twenty never comes: one user, so the other fifteen are never sent."""
    server = routed(STREAM)
    server.stall = (6, 20.0)  # the first of all asks for the models
    slo = ("ttft_from_schedule_p50<100ms", "ttft_p50<100ms")
    outcome = run(replace(options, url=server.url, users="1", rate="20", drain=0.3, slo=slo))
    assert (outcome.report["counts"]["unsent"], outcome.report["counts"]["sent"]) == (15, 5)
    waited = outcome.report["metrics"]["ttft_from_schedule_ms"]
    assert (waited["count"], waited["censored"]) == (4, 16)
    assert "p50" in waited["at_least"]
    assert 250 < waited["p50"] < 550, "half of the last 0.8 s, in which nothing was sent"
    assert [each["met"] for each in outcome.report["slo"]] == [False, True]


def test_a_trace_is_replayed_with_its_lengths(options: Options, mock: RunningMock, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    rows = [
        {"offset": 0.4, "prompt_tokens": 30, "output_tokens": 5},
        {"offset": 0.1, "prompt_tokens": 90, "output_tokens": 7},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    outcome = run(replace(options, url=mock.url, trace=path, duration=30.0))
    samples = sorted(read(outcome.log).samples, key=lambda sample: sample["t_scheduled"])
    assert [(sample["prompt_tokens"], sample["max_tokens"]) for sample in samples] == [(90, 7), (30, 5)]
    assert samples[1]["t_scheduled"] - samples[0]["t_scheduled"] == 300_000_000
    assert outcome.report["counts"]["completed"] == 2


def test_every_error_has_a_documented_exit_code() -> None:
    assert {error.exit_code for error in (EchosounderError, UsageError, KeyRefused, Unreachable, CannotJudge)} == {2, 3}
    assert checked(Options(url="http://x")).users == "8"
