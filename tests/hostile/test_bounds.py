"""Time is bounded by the run, work by what arrives: no target keeps a run, fills a disk or takes the memory."""

import gzip
import json
import os
import time
from pathlib import Path

import pytest

from echosounder.__main__ import run
from echosounder.conformance.ask import Send
from echosounder.conformance.http_sender import Bounds, HttpSender
from echosounder.judgement import limiter, signature
from echosounder.judgement.checks import transport
from echosounder.judgement.checks.json_output import no_fence, no_flood
from echosounder.judgement.schema import response_mismatches, value_mismatches
from echosounder.load.client.call import ActiveCall, Job, sample
from echosounder.load.client.framing import Framing
from echosounder.load.client.stamps import Stamps
from echosounder.load.sample import encoded
from echosounder.mock_server.answering import intent
from echosounder.reports import series
from echosounder.wire import runlog, sse, strict_json, waits
from echosounder.wire.errors import RunTooLong, TooMuchToJudge
from echosounder.wire.exchange import HEAVIEST, End, Exchange, Read, Request
from echosounder.wire.header import Aimed, Checking, ClockReading, Header, RunKind
from echosounder.wire.runlog import RunWriter
from echosounder.wire.target import target
from tests.hostile.targets import Behaviour, answer, flooding, pausing, plainly, serving

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n"
POSITIONS: dict[str, tuple[Behaviour, End]] = {
    "a body that drips": (pausing(LONG, b"x"), End.TOTAL_TIMEOUT),
    "comments for ever": (pausing(HEAD, b"3\r\n:\n\n\r\n"), End.TOTAL_TIMEOUT),
    "a head that drips": (pausing(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"), End.TOTAL_TIMEOUT),
    "interim answers, slowly": (pausing(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), End.TOTAL_TIMEOUT),
    "interim answers, a flood": (flooding(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100), End.TOO_LARGE),
    "headers without end": (flooding(b"HTTP/1.1 200 OK\r\n", b"X-Many: yes\r\n" * 100), End.PROTOCOL_ERROR),
    "a body without end": (flooding(LONG, b"x" * 65536), End.TOO_LARGE),
    "lines without end": (flooding(HEAD, b"100\r\n" + b"data: \n\n" * 32 + b"\r\n"), End.TOO_LARGE),
    "trailers without end": (flooding(HEAD + b"0\r\n", b"X-Trailer: yes\r\n" * 100), End.PROTOCOL_ERROR),
}


@pytest.mark.parametrize(("behave", "end"), POSITIONS.values(), ids=POSITIONS)
def test_an_exchange_has_a_deadline_and_a_size(behave: Behaviour, end: End) -> None:
    bounds = Bounds(connect_s=5, idle_s=5, total_s=0.6, body=1_000_000)
    with serving(behave) as url, HttpSender(target(url), None, bounds) as sender:
        begun = time.monotonic()
        exchange = sender.send(Send("POST", "/chat/completions", b'{"stream":true}'), "1", "p")
        assert time.monotonic() - begun < 4
    assert exchange.end is end
    assert sum(len(read.data) for read in exchange.reads) <= 1_100_000


def test_a_run_has_a_deadline_and_a_size() -> None:
    with serving(plainly) as url:
        with HttpSender(target(url), None, Bounds(run_s=0.2)) as sender:
            sender.send(Send("GET", "/models"), "1", "p")
            time.sleep(0.25)
            with pytest.raises(RunTooLong, match="--deadline"):
                sender.send(Send("GET", "/models"), "2", "p")
        with HttpSender(target(url), None, Bounds(run_body=500)) as sender:
            sent = [sender.send(Send("GET", "/models"), str(number), "p").end for number in range(2)]
            with pytest.raises(TooMuchToJudge):
                sender.send(Send("GET", "/models"), "3", "p")
    assert sent == [End.COMPLETE, End.COMPLETE]


def test_a_check_that_is_out_of_time_says_so_and_keeps_what_it_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def behave(connection, asked):  # type: ignore[no-untyped-def]
        time.sleep(0.2)
        plainly(connection, asked)

    with serving(behave) as url:
        begun = time.monotonic()
        code = run(["check", url, "--suite", "smoke", "--deadline", "2s", "--out", str(tmp_path)])
    assert time.monotonic() - begun < 10
    assert code in {1, 3}
    assert "2 s that the run may take" in capsys.readouterr().err
    log = runlog.read(tmp_path)
    assert log.exchanges
    assert log.footer
    assert log.footer["stopped_by"] == "RunTooLong"


def test_a_pipe_is_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "run.jsonl"
    os.mkfifo(pipe)
    commands = [
        ["score", str(pipe)],
        ["score", str(tmp_path)],
        ["report", str(tmp_path)],
        ["check", "--out", str(tmp_path)],
    ]
    commands += [
        ["compare", str(tmp_path), str(tmp_path)],
        ["check", "--baseline", str(pipe), "--out", str(tmp_path / "x")],
    ]
    commands += [
        ["load", "streaming", "--prompts", str(pipe), "--out", str(tmp_path / "y")],
        ["plan", "--config", str(pipe)],
    ]
    for command in commands:
        assert run(command) == 2, command
        assert "pipe" in capsys.readouterr().err, command


def fed(data: bytes, size: int) -> Framing:
    framing = Framing()
    for at in range(0, len(data), size):
        framing.feed(data[at : at + size])
    return framing


@pytest.mark.parametrize("around", [b"X-Trailer: yes\r\n" * 40_000, b"X: " + b"y" * 600_000], ids=["many", "one"])
def test_the_load_client_counts_what_stands_around_a_body(around: bytes) -> None:
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    assert fed(start + around, 65536).broken
    assert not fed(start + b"X-Trailer: yes\r\n\r\n", 65536).broken
    assert fed(start + b"X-Trailer: yes\r\n\r\n", 3).headers == (("Transfer-Encoding", "chunked"),)
    honest = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n"
    assert fed(honest, 65536).complete


TWO = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%b"
    b"HTTP/1.1 201 Smuggled\r\nX-Evil: 1\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%b"
)


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_an_answer_that_nobody_asked_for_counts_for_nothing_wherever_reads_were_cut(size: int) -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
    data = TWO % (len(event), event, 100 * len(event), 100 * event)
    call = ActiveCall("0-1", Job("n", "/chat/completions", b"{}", format="chat"), 0, 0)
    ends = []
    for at in range(0, len(data), size):
        call.take(data[at : at + size], 5, [])
        ends.append(call.digest(Stamps(False)))
        if ends[-1]:
            break
    assert (ends[-1], call.reader.token_events, call.framing.status) == (End.COMPLETE, 1, 200)
    assert "X-Evil" not in dict(call.framing.headers)


def test_a_target_s_words_are_kept_short_in_every_sample() -> None:
    long = "x" * 100_000
    body = json.dumps({"model": long, "error": {"message": long}, "choices": [{"finish_reason": long}]}).encode()
    head = b"HTTP/1.1 400 No\r\nRetry-After: %b\r\nX-Request-Id: %b\r\nContent-Length: %d\r\n\r\n"
    call = ActiveCall("0-1", Job("n", "/chat/completions", b"{}", False, format="chat"), 0, 0)
    call.take(head % (b"9" * 50_000, b"i" * 50_000, len(body)) + body, 5, [])
    call.end = call.digest(Stamps(False))
    assert len(encoded(sample(call))) < 2_000


LINEAR = {
    "data lines of one event": lambda size: sse.decode(b"data: x\n" * size + b"\n"),
    "duplicate keys": lambda size: strict_json.parse("{" + ",".join(f'"k{n}":1,"k{n}":2' for n in range(size)) + "}"),
    "one duplicate key": lambda size: strict_json.parse("{" + ",".join('"k":1' for _ in range(size)) + "}"),
    "braces without end": lambda size: list(no_fence(_said("{" * size), None)),  # type: ignore[arg-type]
    "a number": lambda size: strict_json.parse("9" * size),
}


def _said(content: str) -> Exchange:
    body = json.dumps({"choices": [{"index": 0, "message": {"content": content}, "finish_reason": "stop"}]}).encode()
    return Exchange("1", "p", Request("POST", "/chat/completions", "", (), b"{}"), status=200, reads=(Read(1, body),))


PUMPED = {
    "the reset of a limiter": lambda size: limiter.TIMED.fullmatch("1" * size + "x"),
    "the count of a limiter": lambda size: limiter.COUNTED.fullmatch(" " * size + "1" * size + "x"),
    "a media type": lambda size: transport.MEDIA_TYPE.fullmatch("a/b" + ";   " * size + "\0"),
    "a media type with parameters": lambda size: transport.MEDIA_TYPE.fullmatch("a/b" + "; a=b ; " * size + "\0"),
    "a decimal number": lambda size: waits.DECIMAL.fullmatch("1" * size + "x"),
    "a duration": lambda size: waits.DURATION.fullmatch("1m" * size + "x"),
    "words about a wait": lambda size: waits.PROSE.search("retry a" * size),
    "a long word in a finding": lambda size: signature.shape("a" * size),
    "quotes in a finding": lambda size: signature.shape("'" + " a" * size + ' "' * size),
    "a quotation without end": lambda size: list(no_flood(_said('"' + '\\"' * size), None)),  # type: ignore[arg-type]
    "a number in a prompt": lambda size: intent.hints("1" * size + "a"),
}
"""Text on which a pattern that backtracks takes a time that grows with its square, or doubles with each character."""


@pytest.mark.parametrize("work", (LINEAR | PUMPED).values(), ids=LINEAR | PUMPED)
def test_work_grows_with_what_arrives_and_no_faster(work) -> None:  # type: ignore[no-untyped-def]
    def cost(size: int) -> float:
        begun = time.process_time()
        work(size)
        return time.process_time() - begun

    assert min(cost(40_000) for _ in range(3)) < 24 * min(cost(5_000) for _ in range(3)) + 0.01


HEADER = Header(
    kind_of_run=RunKind.CHECK,
    started="2026-11-22T09:30:00+00:00",
    target=Aimed("http://h", "deepseek-chat"),
    profile="2026-08",
    check=Checking("interop", "smoke"),
    clock=ClockReading(1.7e9, 0),
)


def logged(folder: Path, *exchanges: Exchange) -> Path:
    with RunWriter(folder / "run.jsonl", HEADER) as log:
        for exchange in exchanges:
            log.exchange(exchange)
    return folder


def answering(body: bytes, number: int = 1, **headers: str) -> Exchange:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    asked = Request("POST", "/chat/completions", "http://h/chat/completions", (), b'{"model":"deepseek-chat"}')
    return Exchange(
        str(number), "chat.basic", asked, status=200, headers=named, reads=(Read(1, body),), t_sent=1, t_closed=2
    )


def test_too_large_to_judge_is_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    body = json.dumps({"id": "c", "choices": [choice] * HEAVIEST}).encode()
    begun = time.process_time()
    assert run(["score", str(logged(tmp_path, answering(body, content_type="application/json"))), "--json"]) in {1, 3}
    assert time.process_time() - begun < 15
    rows = json.loads(capsys.readouterr().out)["requirements"]
    assert any("too large to judge" in row["note"] for row in rows)
    assert not [row["id"] for row in rows if row["verdict"] == "error"]


def test_a_small_log_of_large_answers_is_too_much(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runlog, "MOST_DECODED", 16 * 1024 * 1024)
    bomb = gzip.compress(bytes(8 * 1024 * 1024))
    folder = logged(tmp_path, *(answering(bomb, number, content_encoding="gzip") for number in range(4)))
    assert (folder / "run.jsonl").stat().st_size < 1_000_000
    assert run(["score", str(folder)]) == 3
    assert "too much to judge" in capsys.readouterr().err


@pytest.mark.parametrize(
    "body", [bytes(100_000), b"\x01" * 100_000, b"\xff" * 100_000, b"text " * 20_000, "深".encode() * 30_000]
)
def test_a_log_is_no_larger_than_twice_what_came(body: bytes, tmp_path: Path) -> None:
    folder = logged(tmp_path, answering(body))
    assert (folder / "run.jsonl").stat().st_size < 2 * len(body) + 2_000
    assert runlog.read(folder).exchanges[0].body == body


def test_a_line_without_end_is_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runlog, "LONGEST", 10_000)
    (tmp_path / "run.jsonl").write_text('{"kind":"header",' + " " * 20_000, encoding="utf-8")
    assert run(["score", str(tmp_path)]) == 2


def test_answers_that_are_answers_go_through() -> None:
    """The bounds are for others: an honest answer of a megabyte is taken whole."""
    body = json.dumps({"text": "x" * 1_000_000}).encode()
    with serving(lambda connection, asked: connection.sendall(answer(body))) as url, HttpSender(target(url)) as sender:
        exchange = sender.send(Send("GET", "/models"), "1", "p")
    assert (exchange.end, exchange.body) == (End.COMPLETE, body)


FAR = 2**63 - 1
STAMPS = {
    "due late": [{"t_scheduled": FAR, "t_closed": 5}, {"t_scheduled": 0, "t_closed": 9}],
    "over late": [{"t_scheduled": 0, "t_closed": FAR}, {"t_scheduled": 0, "t_closed": 9}],
    "sent before it was due": [{"t_scheduled": 5, "t_sent": -FAR, "t_first_token": FAR, "gaps_us": [FAR, 1]}],
}


@pytest.mark.parametrize("samples", STAMPS.values(), ids=STAMPS)
def test_a_chart_has_as_many_columns_whatever_a_log_says_of_its_times(samples: list[dict[str, object]]) -> None:
    whole = [{"end": "done", "phase": "measured", **sample} for sample in samples]
    assert len(series.points(whole)) <= series.MAX_POINTS + 1
    found = series.heat(whole)
    assert found is None or len(found.cells[0]) <= series.MAX_POINTS + 1
    assert found is None or len(found.cells) <= 200


@pytest.mark.parametrize("amount", ["\ud800", "1\udfff", "\udfff\ud800"])
def test_half_a_character_is_no_amount(amount: str) -> None:
    balance = {"currency": "CNY", "total_balance": amount, "granted_balance": "0.00", "topped_up_balance": "1.00"}
    found = list(value_mismatches({"is_available": True, "balance_infos": [balance]}, "Balance", "2026-11"))
    assert [mismatch.pointer for mismatch in found] == ["/balance_infos/0/total_balance"]
    body = json.dumps({"is_available": True, "balance_infos": [balance]}).encode()
    asked = Request("GET", "/user/balance", "", ())
    answered = Exchange(
        "1", "p", asked, status=200, headers=(("Content-Type", "application/json"),), reads=(Read(1, body),)
    )
    assert len(list(response_mismatches(answered, "2026-11"))) == 1
