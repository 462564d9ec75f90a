"""`echosounder listen` as people start it: a mock behind it, ordinary clients before it."""

import json
import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn

KEY = "sk-listening-test-0001"
ASK = {
    "model": "deepseek-flash",
    "messages": [{"role": "user", "content": "Say something secret: xyzzy"}],
    "max_tokens": 8,
}


def ended(process):
    """Its code and what it said; nothing is left of one that does not end."""
    try:
        said, wrong = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, said, wrong


class Listening:
    """The command under way, in a folder."""

    def __init__(self, upstream, out, *more):
        line = [sys.executable, "-m", "echosounder", "listen", "--upstream", upstream, "--out", str(out), *more]
        self.out = out
        self.process = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.url = re.search(r"http://\S+", self.process.stdout.readline())[0]

    def post(self, body, path="/chat/completions", **headers):
        known = {"authorization": f"Bearer {KEY}", "user-agent": "app/1"} | headers
        return httpx.post(self.url + path, json=body, headers=known, timeout=20, trust_env=False)

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        return ended(self.process)


def report(out):
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def settled(holds):
    for _ in range(400):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to it")


def records(out, kind):
    lines = (out / "run.jsonl").read_text(encoding="utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def journal(mock, since=0):
    return httpx.get(mock.url + f"/__mock/journal?since={since}", trust_env=False).json()


@pytest.fixture(scope="module")
def mock():
    with spawn() as one:
        yield one


@pytest.fixture(scope="module")
def heard(mock, tmp_path_factory):
    """A run over honest traffic and one fault, its folder and what the command said."""
    out = tmp_path_factory.mktemp("heard")
    one = Listening(mock.url, out)
    direct = httpx.post(
        mock.url + "/chat/completions", json=ASK, headers={"authorization": f"Bearer {KEY}"}, trust_env=False
    )
    before = journal(mock)["total"]
    through = one.post(ASK)
    for number in range(3):
        one.post(
            ASK | {"stream": True, "stream_options": {"include_usage": True}}, **{"user-agent": f"app/{number % 2}"}
        )
    one.post(ASK | {"stream": True}, **{"x-mock-deviate": "error-bare-close"})
    one.post({"model": "deepseek-flash"})
    httpx.get(one.url + "/models", headers={"authorization": f"Bearer {KEY}"}, trust_env=False)
    said = one.end()
    return out, said, direct, through, journal(mock, before)["entries"]


def test_the_client_cannot_tell(heard):
    _, _, direct, through, _ = heard
    varying = {"date", "x-ds-trace-id"}
    assert [h for h in direct.headers.raw if h[0].decode().lower() not in varying] == [
        h for h in through.headers.raw if h[0].decode().lower() not in varying
    ]
    assert direct.json().keys() == through.json().keys()


def test_it_ends_with_a_report_and_the_documented_code(heard):
    out, (code, said, wrong), *_ = heard
    assert (code, wrong) == (1, "")
    document = report(out)
    broken = {row["id"] for row in document["requirements"] if row["verdict"] == "fail"}
    assert {"stream.ends-with-done", "stream.complete"} <= broken
    assert "stream.ends-with-done is broken in 1 of 4" in said
    assert re.search(r"added latency, at most: p50 [\d.]+ ms, p99 [\d.]+ ms", said)


def test_rates_are_told_by_client_model_and_path(heard):
    rates = {row["requirement"]: row for row in report(heard[0])["traffic"]["rates"]}
    groups = {
        (each["by"], each["value"]): (each["failed"], each["judged"])
        for each in rates["stream.ends-with-done"]["groups"]
    }
    assert groups["client", "app/1"] == (1, 2)
    assert groups["client", "app/0"] == (0, 2)
    assert groups["model", "deepseek-flash"] == groups["path", "/chat/completions"] == (1, 4)


def test_latency_tokens_and_money_are_those_of_the_journal(heard):
    groups, entries = report(heard[0])["traffic"]["groups"], heard[4]
    billed = [
        entry["usage"] for entry in entries if entry["usage"] and not entry["deviations"]
    ]  # a cut stream tells none
    assert sum(group["tokens"]["output"] for group in groups) == sum(usage["completion_tokens"] for usage in billed)
    assert sum(group["tokens"]["hit"] for group in groups) == sum(usage["prompt_cache_hit_tokens"] for usage in billed)
    assert all(group["usd"] is not None for group in groups if group["tokens"]["output"])
    assert {group["client"] for group in groups} == {"app/0", "app/1"}
    ends = [
        sum(group["counts"].get(name, 0) for group in groups) for name in ("sent", "completed", "truncated", "rejected")
    ]
    assert ends == [6, 4, 1, 1]


def test_keys_are_nowhere_and_bodies_only_where_something_is_wrong(heard):
    out = heard[0]
    for path in out.iterdir():
        assert KEY not in path.read_text(encoding="utf-8"), path
    kept = {record["id"] for record in records(out, "exchange") if record["request"]["body"]}
    found = {record["id"].partition("-")[2] for record in records(out, "sample") if record.get("findings")}
    assert kept == found
    assert len(kept) == 1


def test_the_log_is_of_the_schema_and_is_judged_again_alike(heard, breaches, tmp_path):
    out = heard[0]
    assert breaches(out / "run.jsonl") == []
    before = report(out)
    line = [sys.executable, "-m", "echosounder", "score", str(out)]
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (1, "")
    after = report(out)
    for document in (before, after):
        for member in ("ended", "why_unwritten", "unwritten", "parts_dropped"):
            document["traffic"].pop(member, None)
    assert after["requirements"] == before["requirements"]
    assert after["traffic"]["rates"] == before["traffic"]["rates"]
    assert after["traffic"]["groups"] == before["traffic"]["groups"]


def test_a_kill_loses_no_more_than_a_flush(mock, tmp_path):
    one = Listening(mock.url, tmp_path)
    for _ in range(4):
        one.post(ASK)
    time.sleep(0.3)  # a flush
    one.end(signal.SIGKILL)
    settled((tmp_path / "summary.md").exists)
    assert len(records(tmp_path, "sample")) == 4
    [footer] = records(tmp_path, "footer")
    assert "killed" in footer["interrupted"]


def test_a_disk_that_is_full_stops_no_traffic(mock, tmp_path):
    """The limit on the size of a file is what a full disk is to a process."""
    limited = (
        "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000)); "
        "runpy.run_module('echosounder', run_name='__main__', alter_sys=True)"
    )
    line = [sys.executable, "-c", limited, "listen", "--upstream", mock.url, "--out", str(tmp_path), "--requests", "6"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    url = re.search(r"http://\S+", process.stdout.readline())[0]
    for _ in range(6):
        assert (
            httpx.post(
                url + "/chat/completions", json=ASK, headers={"authorization": f"Bearer {KEY}"}, trust_env=False
            ).status_code
            == 200
        )
    code, _, wrong = ended(process)
    assert code == 3
    assert "could not be written" in wrong
    assert "\n" not in wrong.strip()
    for text in (tmp_path / "run.jsonl").read_text(encoding="utf-8").splitlines():
        json.loads(text)  # no line is half there


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--upstream", "ftp://h"], "not an http"),
        (["--upstream", "http://h", "--keep", "much"], "is not a size"),
        (["--upstream", "http://h", "--duration", "long"], "not a duration"),
        (["--upstream", "http://h", "--header", "X: y"], "does not change requests"),
        (["--upstream", "http://h?key=1"], "has a query"),
        ([], "--upstream"),
    ],
)
def test_wrong_usage_is_one_line_and_two(more, says, capsys):
    assert run(["listen", *more]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert len(said.strip().splitlines()) == 1


def test_json_is_alone_on_standard_output(mock, tmp_path):
    line = [sys.executable, "-m", "echosounder", "listen", "--upstream", mock.url, "--out", str(tmp_path), "--json"]
    done = subprocess.run([*line, "--duration", "0.1s"], capture_output=True, text=True, encoding="utf-8", check=False)
    assert json.loads(done.stdout)["verdict"] == "inconclusive"
    assert (done.returncode, done.stderr.startswith("listening on http://")) == (3, True)


def test_a_port_that_is_taken_is_wrong_usage(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert run(["listen", "--upstream", "http://h", "--port", port, "--out", str(tmp_path)]) == 2
    assert "choose another --port" in capsys.readouterr().err


def test_an_upstream_that_is_not_there_is_could_not_judge(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    one = Listening(f"http://127.0.0.1:{port}", tmp_path)
    with pytest.raises(httpx.TransportError):
        one.post(ASK)
    code, said, _ = one.end()
    assert code == 3
    assert "the upstream was never reached" in said


def test_the_log_stays_within_its_bound(mock, tmp_path):
    one = Listening(mock.url, tmp_path, "--keep", "512K", "--bodies", "all")
    with httpx.Client(headers={"authorization": f"Bearer {KEY}"}, trust_env=False) as client:
        for _ in range(40):
            client.post(one.url + "/chat/completions", json=ASK | {"stop": "x" * 30_000})
    code, said, wrong = one.end()
    assert (code, wrong) == (0, ""), said
    assert sum(path.stat().st_size for path in tmp_path.glob("run*.jsonl")) <= 600 << 10
    assert len(list(tmp_path.glob("run-*.jsonl"))) >= 2
    assert report(tmp_path)["traffic"]["requests"] == 40
    again = subprocess.run(
        [sys.executable, "-m", "echosounder", "score", str(tmp_path)], capture_output=True, check=False
    )
    assert again.returncode in (0, 1)
    assert report(tmp_path)["traffic"]["requests"] == 40
