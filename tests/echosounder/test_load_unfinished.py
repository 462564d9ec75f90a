"""A load run whose processes were killed becomes a report from what they had written, by `score` and by `report`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from echosounder.__main__ import run
from echosounder.load.log import claimed
from echosounder.mock_server.net.process import spawn
from echosounder.wire.runlog import read

KEY = "sk-test-0123456789"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)


@pytest.fixture(scope="module")
def mock():
    with spawn(ttft_ms=5, itl_ms=5) as running:
        yield running


def begun(mock, out, *more):
    """A run under way that has measured something: its process, and the group of its load processes."""
    words = [
        "load",
        "streaming",
        mock.url,
        "--users",
        "6",
        "--output-tokens",
        "8",
        "--duration",
        "60s",
        "--out",
        str(out),
    ]
    process = subprocess.Popen([sys.executable, "-m", "echosounder", *words, *more], stdout=subprocess.DEVNULL)
    while process.poll() is None and b'"sample"' not in in_parts(out):
        time.sleep(0.05)
    assert process.poll() is None
    time.sleep(1.2)  # so that the log has something, and the parts have more
    worker = json.loads(in_parts(out).splitlines()[0])
    return process, os.getpgid(worker["pid"])


def in_parts(out):
    return b"".join(path.read_bytes() for path in sorted((out / "parts").glob("worker-*.jsonl")))


def killed(mock, out, *more):
    """A run of which nothing is left but files."""
    process, group = begun(mock, out, *more)
    os.kill(process.pid, signal.SIGKILL)
    os.killpg(group, signal.SIGKILL)
    process.wait()
    wait_for_the_end(out)
    return out


def wait_for_the_end(out):
    deadline = time.monotonic() + 60
    while any(map(claimed, [out / "run.jsonl", *(out / "parts").glob("worker-*.jsonl")])):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def remains(mock, tmp_path_factory):
    """What was left of a run of two workers: where they need every core, samples are folded into figures after the run."""
    out = tmp_path_factory.mktemp("killed") / "run"
    os.environ["DEEPSEEK_API_KEY"] = KEY
    return killed(mock, out, "--processes", "2", "--slo", "failures<1%")


@pytest.fixture
def left(remains, tmp_path):
    return shutil.copytree(remains, tmp_path / "left")


def ids(lines):
    return [row["id"] for row in map(json.loads, lines) if row["kind"] == "sample"]


def whole(data):
    return data[: data.rfind(b"\n") + 1].splitlines()


def test_score_makes_the_report_of_a_run_that_was_killed(left, capsys):
    written = sorted(ids(whole(in_parts(left))))
    before = ids(whole((left / "run.jsonl").read_bytes()))
    assert 0 < len(before) <= len(written)
    assert run(["score", str(left)]) == 3
    said = capsys.readouterr()
    assert said.err.splitlines()[-1].startswith("echosounder: the run did not finish: its process was killed")
    report = json.loads((left / "report.json").read_text(encoding="utf-8"))
    assert report["stopped"][-1]["kind"] == "unfinished"
    assert report["measurement"]["verdict"] == "degraded"
    assert all("did not finish" in (left / name).read_text(encoding="utf-8") for name in ("report.html", "summary.md"))
    assert report["counts"]["sent"] == report["metrics"]["ttft_ms"]["count"] == len(written)
    assert report["measurement"]["signals"]["lost_workers"] == 2
    assert [slo["expr"] for slo in report["slo"]] == ["failures<1%"]
    assert float(report["cost"]["usd"]) > 0
    assert report["conformance"]["sampled"] > 0
    assert sorted(ids((left / "run.jsonl").read_bytes().splitlines())) == written, "each once"
    assert KEY not in (left / "run.jsonl").read_text(encoding="utf-8")


def test_a_second_time_changes_nothing(left):
    assert run(["score", str(left)]) == 3
    log, report = (left / "run.jsonl").read_bytes(), (left / "report.json").read_bytes()
    assert run(["score", str(left / "run.jsonl")]) == 3
    assert ((left / "run.jsonl").read_bytes(), (left / "report.json").read_bytes()) == (log, report)


def test_a_log_that_the_kill_cut_in_a_line_is_made_whole(left):
    """Wherever it is cut: what the log has not, the workers' files have."""
    written = sorted(ids(whole(in_parts(left))))
    content = (left / "run.jsonl").read_bytes()
    (left / "run.jsonl").write_bytes(content[: 2 * len(content) // 3])
    assert run(["score", str(left)]) == 3
    assert sorted(ids((left / "run.jsonl").read_bytes().splitlines())) == written


def test_a_kill_before_anything_was_written_down_says_that_what_was_sent_is_not_known(left, capsys):
    """What the target saw by then nobody can say, so nobody says that it was nothing."""
    lines = (left / "run.jsonl").read_bytes().splitlines(keepends=True)
    options = next(place for place, line in enumerate(lines) if json.loads(line)["kind"] == "options")
    (left / "run.jsonl").write_bytes(b"".join(lines[: options + 1]))
    for part in (left / "parts").glob("worker-*.jsonl"):
        part.write_bytes(b"")
    assert run(["score", str(left)]) == 3
    said = capsys.readouterr().err.splitlines()[-1]
    assert "what was sent by then is not known; run it again" in said
    assert "nothing was sent" not in said


def test_report_makes_it_too_and_renders_it(left, capsys):
    assert run(["report", str(left), "--format", "json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == json.loads((left / "report.json").read_text(encoding="utf-8"))
    assert "the log has no footer" in said.err
    assert (left / "report.html").exists()


def test_a_run_that_goes_on_is_left_alone_and_workers_whose_parent_dies_lose_nothing(mock, tmp_path, capsys):
    out = tmp_path / "run"
    process, _ = begun(mock, out)
    assert run(["score", str(out)]) == 3
    assert "the run is still going on" in capsys.readouterr().err
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_for_the_end(out)
    assert run(["score", str(out)]) == 3
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["measurement"]["signals"]["lost_workers"] == 0, "they ended in good order"
    assert report["counts"]["sent"] == len(read(out / "run.jsonl").samples) == len(set(ids(lines_of(out))))


def lines_of(out):
    return (out / "run.jsonl").read_bytes().splitlines()


def test_a_run_that_finished_comes_to_the_same_report_again(mock, tmp_path):
    words = ["load", "mixed", mock.url, "--rate", "30", "--duration", "1s", "--slo", "ttft_p50<1ms"]
    code = run([*words, "--out", str(tmp_path)])
    assert code in {1, 4}, "missed, or on a busy machine not to be trusted"
    before = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert run(["score", str(tmp_path)]) == code
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == before


def test_a_run_is_held_against_objectives_afterwards(left, capsys):
    wanted = ("e2e_p999<60s", "ttft_p50<60s", "ttft_p50<1us")
    assert run(["score", str(left), "--json", *(word for slo in wanted for word in ("--slo", slo))]) == 3
    report = json.loads(capsys.readouterr().out)
    assert [(slo["expr"], slo["met"]) for slo in report["slo"]] == list(zip(wanted, (None, True, False), strict=True))
    assert report["throughput"]["goodput_per_s"] == 0, "no answer came within a microsecond"
    shown = (left / "summary.md").read_text(encoding="utf-8")
    assert ("? undecided" in shown, "1 of 3 objectives undecided" in shown) == (True, True)


def test_objectives_that_cannot_be_read_or_held_are_named(left, capsys):
    assert run(["score", str(left), "--slo", "ttft_p96<1s"]) == 2
    assert "did you mean ttft_p9" in capsys.readouterr().err


def test_a_run_that_sent_nothing_has_no_report(left, capsys):
    first = (left / "run.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (left / "run.jsonl").write_text(first + "\n", encoding="utf-8")
    shutil.rmtree(left / "parts")
    assert run(["report", str(left)]) == 3
    assert "nothing was sent before the run was stopped" in capsys.readouterr().err


def test_a_log_that_does_not_say_how_it_was_made_is_named(left, capsys):
    """As those of limits and of bills, which are found out while they run."""
    lines = [
        line for line in (left / "run.jsonl").read_text(encoding="utf-8").splitlines() if '"kind":"options"' not in line
    ]
    (left / "run.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run(["score", str(left)]) == 2
    assert "does not record its options" in capsys.readouterr().err
