"""`mock --replay`: what was recorded is answered again, and what was not is said."""

import json
import time

import httpx
import pytest

from echosounder.mock_server.admission.refusals import Refused
from echosounder.mock_server.answering.recordings import NOTE, Recordings
from echosounder.mock_server.net.http1 import BodyFraming, HttpRequest
from echosounder.mock_server.net.process import spawn
from echosounder.wire.errors import UsageError
from echosounder.wire.exchange import End, Exchange, Read, Request
from echosounder.wire.header import Aimed, ClockReading, Header, RunKind
from echosounder.wire.runlog import RunWriter

MS = 1_000_000
ASK = {"model": "m", "messages": [{"role": "user", "content": "é"}], "stream": True}
SSE = (("content-type", "text/event-stream"), ("transfer-encoding", "chunked"), ("x-ds-trace-id", "0" * 32))


def exchange(id, body, *pieces, **more):
    reads = tuple(Read((30 + 20 * number) * MS, piece) for number, piece in enumerate(pieces))
    known = {
        "status": 200,
        "reason": "Fine",
        "headers": SSE,
        "reads": reads,
        "t_sent": 10 * MS,
        "t_headers": 25 * MS,
        "t_closed": 99 * MS,
    }
    return Exchange(id, "", Request("POST", "/chat/completions", "", (), json.dumps(body).encode()), **known | more)


def log(folder, *exchanges):
    header = Header(
        kind_of_run=RunKind.LISTEN,
        started="2026-11-30T00:00:00+00:00",
        target=Aimed("http://h"),
        clock=ClockReading(1.0, 1),
    )
    with RunWriter(folder / "run.jsonl", header) as writer:
        for one in exchanges:
            writer.exchange(one)
    return str(folder)


def request(body, path="/v1/chat/completions", method="POST"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpRequest(method, path, {}, data, 0)


@pytest.fixture
def recordings(tmp_path):
    path = log(tmp_path, exchange("1", ASK, b"data: 1\n\n", b"data: [DONE]\n\n"), exchange("2", ASK, b"data: 2\n\n"))
    return Recordings(path, 1.0)


def notes(response):
    return [value for name, value in response.headers if name == NOTE]


def test_an_answer_has_the_bytes_and_the_times_of_its_recording(recordings):
    response = recordings.respond(request(ASK))
    assert (response.status, response.reason, response.framing) == (200, "Fine", BodyFraming.CHUNKED)
    assert response.body == [b"data: 1\n\n", b"data: [DONE]\n\n"]
    assert (response.head_due, response.due) == (15 * MS, [20 * MS, 40 * MS])
    assert response.headers[:2] == [SSE[0], SSE[2]]  # the framing is made anew


@pytest.mark.parametrize(("speed", "due"), [(0, [0, 0]), (0.5, [10 * MS, 20 * MS]), (3, [60 * MS, 120 * MS])])
def test_times_have_a_factor(tmp_path, speed, due):
    path = log(tmp_path, exchange("1", ASK, b"a", b"b"))
    assert Recordings(path, speed).respond(request(ASK)).due == due


def test_a_request_that_is_repeated_gets_its_recordings_in_order_and_then_it_is_said(recordings, capsys):
    said = [notes(recordings.respond(request(ASK))) for _ in range(4)]
    assert said == [
        ["recording 1 of 2"],
        ["recording 2 of 2"],
        ["recording 2 of 2, again: time 3"],
        ["recording 2 of 2, again: time 4"],
    ]
    assert recordings.state()["repeated"] == {"POST /v1/chat/completions (exchange 2)": 2}
    assert capsys.readouterr().err.count("requested more than 2 times") == 1


@pytest.mark.parametrize(
    "same",
    [
        request(dict(reversed(ASK.items()))),
        request(json.dumps(ASK, indent=3, ensure_ascii=False).encode()),
        request(ASK, "/chat/completions?x=1"),
        request(ASK, "/openai/chat/completions"),
    ],
)
def test_a_request_is_known_by_its_content(recordings, same):
    assert recordings.respond(same).status == 200


@pytest.mark.parametrize(
    "other",
    [
        request(ASK | {"model": "n"}),
        request(ASK | {"stream": 1}),
        request(b"{"),
        request(ASK, method="PUT"),
        request(ASK, "/elsewhere"),
    ],
)
def test_what_was_not_recorded_is_refused_and_named(recordings, other, capsys):
    for _ in range(2):
        with pytest.raises(Refused, match="no recording of this request") as refused:
            recordings.respond(other)
        assert refused.value.status == 404
    [(name, count)] = recordings.state()["missing"].items()
    assert name.startswith(f"{other.method} {other.path} ")
    assert count == 2
    assert capsys.readouterr().err.count("no recording of") == 1


def test_an_answer_that_was_cut_is_cut_again(tmp_path):
    path = log(tmp_path, exchange("1", ASK, b"data: 1\n\n", end=End.RESET))
    assert Recordings(path, 1.0).respond(request(ASK)).cut_at == 20 * MS


@pytest.mark.parametrize(
    ("exchanges", "says"),
    [
        ([], "no answer that can be replayed"),
        ([exchange("1", ASK, status=None)], "no answer"),
        ([exchange("1", {}, notes={"bodies": "left out"})], "record with --bodies all"),
    ],
)
def test_a_log_that_holds_no_answers_is_wrong_usage(tmp_path, exchanges, says):
    with pytest.raises(UsageError, match=says):
        Recordings(log(tmp_path, *exchanges), 1.0)


@pytest.mark.parametrize("text", ["", "{}\n", '{"kind":"header"}\n', "x\n"])
def test_what_is_no_log_is_wrong_usage_in_one_line(tmp_path, text):
    (tmp_path / "run.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        Recordings(str(tmp_path), 1.0)
    assert "\n" not in str(caught.value)


def test_over_the_wire(tmp_path):
    path = log(tmp_path, exchange("1", ASK, b"data: 1\n\n", b"data: [DONE]\n\n"))
    with spawn(replay=path, replay_speed=5.0) as mock, httpx.Client(base_url=mock.url, trust_env=False) as client:
        sent = time.monotonic()
        with client.stream("POST", "/v1/chat/completions", json=ASK) as answer:
            came = [(time.monotonic() - sent, data) for data in answer.iter_raw()]
        assert b"".join(data for _, data in came) == b"data: 1\n\ndata: [DONE]\n\n"
        assert came[-1][0] >= 0.2  # 40 ms, five times; a busy machine can only be later
        assert [value for name, value in answer.headers.items() if name == "x-ds-trace-id"] == ["0" * 32]
        missing = client.post("/v1/chat/completions", json={})
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "no_recording")
        state = client.get("/__mock/state").json()["replay"]
        assert (state["served"], state["recordings"], len(state["missing"])) == (1, 1, 1)
