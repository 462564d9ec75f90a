"""Nothing counts as fixed, valid or verified because nobody could look."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from echosounder.__main__ import run
from echosounder.load.experiment.script import Stopped
from echosounder.load.figures.tally import Tally
from echosounder.load.figures.validity import Signals, judge
from echosounder.load.pricing import _why
from echosounder.wire import runlog
from tests.hostile.targets import Asked, answer, chunk, document, plainly, serving

KEY = "sk-test-replay-0123456789"


def wrong(connection, asked: Asked) -> None:  # type: ignore[no-untyped-def]
    """Usage that does not add up."""
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 70}
    if asked.path.endswith("/models"):
        plainly(connection, asked)
    elif asked.stream:
        last = json.dumps(
            {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage}
        )
        body = chunk("hi") + chunk("", "stop") + b"data: " + last.encode() + b"\n\ndata: [DONE]\n\n"
        connection.sendall(answer(body, "text/event-stream"))
    else:
        connection.sendall(answer(document("hi", usage=usage)))


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that found something, and the exchange that shows it."""
    folder = tmp_path_factory.mktemp("broken")
    with pytest.MonkeyPatch.context() as patch, serving(wrong) as url:
        patch.setenv("DEEPSEEK_API_KEY", KEY)
        assert run(["check", url, "--only", "usage.total-is-sum", "--suite", "smoke", "--out", str(folder)]) == 1
    rows = json.loads((folder / "report.json").read_text(encoding="utf-8"))["requirements"]
    found = next(row["findings"] for row in rows if row["id"] == "usage.total-is-sum")
    return folder, found[0]["exchange"]


STATUSES = [
    "401 Unauthorized",
    "402 Payment Required",
    "403 Forbidden",
    "429 Too Many Requests",
    "302 Found",
    "400 Bad Request",
]
STATUSES += ["404 Not Found", "500 Oops", "503 Busy", "200 OK"]


@pytest.mark.parametrize("status", STATUSES)
def test_a_refusal_fixes_nothing(
    status: str, broken: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last one is no refusal, but no answer of the kind either."""
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    body = json.dumps({"error": {"message": "no", "type": "x", "param": None, "code": "x"}}).encode()
    with serving(
        lambda connection, asked: connection.sendall(answer(body, "application/json", status, "Location: /x"))
    ) as url:
        assert run(["replay", *map(str, broken), "--url", url]) == 3
    assert "FIXED" not in capsys.readouterr().out


def test_what_is_fixed_is_fixed_and_what_is_not_is_not(
    broken: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    for behave, code, says in ((wrong, 1, "STILL"), (right, 0, "FIXED")):
        with serving(behave) as url:
            assert run(["replay", *map(str, broken), "--url", url]) == code
        assert says in capsys.readouterr().out


def right(connection, asked: Asked) -> None:  # type: ignore[no-untyped-def]
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    last = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage}
    body = chunk("hi") + chunk("", "stop") + b"data: " + json.dumps(last).encode() + b"\n\ndata: [DONE]\n\n"
    told = answer(body, "text/event-stream") if asked.stream else answer(document("hi", usage=usage))
    connection.sendall(told)


@pytest.fixture
def thief(broken: tuple[Path, str], monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Replays a log that was tampered with, and says which keys arrived where it pointed."""
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    keys: list[str] = []

    def listen(connection, asked: Asked) -> None:  # type: ignore[no-untyped-def]
        keys.append(asked.key)
        plainly(connection, asked)

    with serving(listen) as url:
        yield url, keys


@pytest.mark.parametrize("what", ["target", "seal and target", "beta", "path", "no seal"])
def test_a_log_that_was_tampered_with_sends_the_key_nowhere(
    what: str,
    thief: tuple[str, list[str]],
    broken: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, keys = thief
    lines = (broken[0] / "run.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    aimed = records[0]["target"]
    if what == "path":
        port = url.rpartition(":")[2]
        for record in records[1:]:
            if record["kind"] == "exchange":
                record["request"]["path"] = f":{port}/x@127.0.0.1:{port}/chat/completions"
    else:
        aimed |= {"beta": {"beta_url": url}, "no seal": {"seal": ""}}.get(what, {"url": url, "beta_url": url})
        aimed |= {"seal": "0" * 32} if what.startswith("seal") else {}
    (tmp_path / "run.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    code = run(["replay", str(tmp_path), broken[1], "--timeout", "1"])
    assert code in {2, 3}
    assert keys == []
    if what != "path":
        assert code == 2
        assert "--url" in capsys.readouterr().err


def test_a_worker_that_stood_still_makes_no_valid_run() -> None:
    tally = Tally()
    tick = {"kind": "tick", "worker": 0, "at": 12, "cpu": 0.1, "delay_us": {}, "kernel": 1, "user": 0, "in_flight": 0}
    tally.enter([{**tick, "lag_us": {"100": 200, "4970000": 1}}])
    assert tally.frozen_us == 4_970_000
    assert judge(Signals(kernel_stamps=1.0, lag_ms=0.1, frozen=4.97 / 12))[0] == "invalid"
    assert judge(Signals(kernel_stamps=1.0, lag_ms=0.1, frozen=0.08))[0] == "degraded"
    assert judge(Signals(kernel_stamps=1.0, lag_ms=0.1, frozen=0.0)) == ("valid", [])


def test_a_bill_that_nobody_could_verify_is_not_verified_by_running_out() -> None:
    nothing = Stopped("unverified", "the run was over before anything was charged")
    for kind in ("time", "budget", "patience"):
        why = _why(Stopped(kind, "over"), nothing)
        assert why is not None
        assert (why.kind, why.reason) == ("unverified", f"over: {nothing.reason}")
        assert _why(over := Stopped(kind, "over"), None) is over
    assert _why(interrupted := Stopped("interrupted", "x"), nothing) is interrupted
    assert _why(None, nothing) is nothing


def test_replay_of_a_load_run_is_told_before_anything_is_sent(
    tmp_path: Path, broken: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    log = runlog.read(broken[0])
    header = replace_kind(log)
    with runlog.RunWriter(tmp_path / "run.jsonl", header) as written:
        written.exchange(log.exchanges[0])
    assert run(["replay", str(tmp_path), log.exchanges[0].id]) == 2
    assert "has no suite to judge" in capsys.readouterr().err


def replace_kind(log: runlog.Run):  # type: ignore[no-untyped-def]
    from msgspec.structs import replace as changed

    from echosounder.wire.header import RunKind

    return changed(log.header, kind_of_run=RunKind.LOAD, check=None)


def test_an_exchange_that_shows_nothing_any_more(broken: tuple[Path, str]) -> None:
    """What was clean and is refused now is not clean."""
    from echosounder.conformance.replay import _shows_nothing

    before = next(each for each in runlog.read(broken[0]).exchanges if each.status == 200)
    for status in (301, 400, 401, 404, 429, 500):
        assert _shows_nothing(before, replace(before, status=status), (), (), ())
    assert not _shows_nothing(before, replace(before, status=201), (), (), ())
    assert _shows_nothing(replace(before, status=None), replace(before, status=None), (), (), ())
