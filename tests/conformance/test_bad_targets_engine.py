"""A target that gives nothing to judge: a reason in one line, a finished log, within the time bound. And what is not that."""

import time

import pytest

from echosounder.conformance import gate
from echosounder.conformance.ask import Ask
from echosounder.conformance.check_run import check
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.positions import Direct
from echosounder.conformance.probe_choice import PROBES
from echosounder.conformance.replay import ReplayOutcome, find, replay
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.report import report
from echosounder.judgement.score import score
from echosounder.judgement.setting import Suite
from echosounder.mock_server.net.process import spawn
from echosounder.wire.errors import CannotJudge, KeyRefused, Unreachable, UsageError
from echosounder.wire.exchange import End, Exchange, Read, Request
from echosounder.wire.runlog import read
from echosounder.wire.target import target

KEY = "sk-test-0123456789"
PAGE = (("content-type", "text/html"),)


def first(probe="models.list", **members):
    return Exchange("1", probe, Request("GET", "/models", "http://h/models"), **members)


REASONS = {
    "nobody listens": ({"end": End.CONNECT_FAILED, "error": "refused"}, Unreachable, "running"),
    "silence": ({"end": End.IDLE_TIMEOUT}, Unreachable, "--timeout"),
    "closed": ({"end": End.TRUNCATED}, Unreachable, "HTTPS"),
    "reset": ({"end": End.RESET}, Unreachable, "HTTPS"),
    "no HTTP": ({"end": End.PROTOCOL_ERROR}, Unreachable, "port"),
    "a flood": ({"status": 200, "end": End.TOO_LARGE}, Unreachable, "without end"),
    "key": ({"status": 401}, KeyRefused, "check the variable that holds it"),
    "forbidden": ({"status": 403}, KeyRefused, "403"),
    "elsewhere": ({"status": 308, "headers": (("location", "https://h/v1"),)}, CannotJudge, "https://h/v1"),
    "a page": ({"status": 200, "headers": PAGE}, CannotJudge, "/v1"),
    "a page of an error": ({"status": 502, "headers": PAGE}, CannotJudge, "/v1"),
}


@pytest.mark.parametrize(("members", "kind", "advice"), REASONS.values(), ids=REASONS)
def test_a_reason_with_advice_in_one_line(members, kind, advice):
    reason = gate.verdict([first(**members), first("chat.basic", **members)])
    assert type(reason) is kind
    assert advice in str(reason)
    assert "\n" not in str(reason)


def test_one_bad_endpoint_is_a_finding_and_not_the_end():
    assert gate.verdict([first(status=200, headers=PAGE), first("chat.basic", status=200)]) is None
    assert gate.verdict([first(status=200), first("chat.basic", status=500)]) is None
    assert gate.verdict([first(status=200, headers=PAGE, reads=(Read(0, b'{"data": []}'),))]) is None
    assert gate.verdict([first(status=200, reads=(Read(0, b"\n<HTML lang=en>"),))]) is not None
    assert isinstance(gate.verdict([first(status=200), first("chat.basic", status=401)]), KeyRefused)


def options(url, folder, **members):
    bounds = Bounds(idle_s=0.5, total_s=5.0, refusal_s=0.5)
    return CheckOptions(target(url), folder, KEY, **{"suite": Suite.SMOKE, "bounds": bounds, **members})


def test_a_target_that_stops_answering_ends_the_run_in_time(tmp_path):
    start = time.monotonic()
    with spawn(deviate=("cut-before-head:when.path=*completions",), ttft_ms=0, itl_ms=0) as mock:
        outcome = check(options(mock.url, tmp_path))
    assert time.monotonic() - start < 20
    assert (outcome.exit_code, outcome.report["verdict"]) == (3, "inconclusive")
    assert "stopped answering" in str(outcome.stopped)
    log = read(outcome.log)
    assert log.footer["stopped_by"] == "CannotJudge"
    assert len(log.footer["unsent"]) > 5


CLOSED = {"status": None, "end": End.TRUNCATED}
SILENCE = {
    "an endpoint that always closes": ([("/chat/completions", {"status": 200}), ("/beta/completions", CLOSED)], None),
    "an endpoint that answered before": ([("/chat/completions", {"status": 200}), ("/chat/completions", CLOSED)], True),
    "an endpoint that refused before": (
        [("/chat/completions", {"status": 200}), ("/beta/completions", {"status": 401}), ("/beta/completions", CLOSED)],
        None,
    ),
    "none has answered": ([("/beta/completions", CLOSED)], True),
    "no connection": (
        [("/chat/completions", {"status": 200}), ("/beta/completions", {"status": None, "end": End.CONNECT_FAILED})],
        True,
    ),
    "a hanging endpoint": (
        [("/chat/completions", {"status": 200}), ("/beta/completions", {"status": None, "end": End.IDLE_TIMEOUT})],
        True,
    ),
    "a faulty request": (
        [("/beta/completions", {"status": None, "end": End.IDLE_TIMEOUT, "notes": {"fault": "x"}})],
        None,
    ),
}


class Scripted:
    def __init__(self, *answers):
        self._answers = iter(answers)

    def send(self, send, id, probe):
        path, members = next(self._answers)
        body = b'{"choices": [{"message": {"content": "hello"}}]}' if members["status"] else b""
        return Exchange(id, probe, Request("POST", path, f"http://h{path}"), reads=(Read(0, body),), **members)


@pytest.mark.parametrize(("answers", "silent"), SILENCE.values(), ids=SILENCE)
def test_an_endpoint_that_closes_every_connection_is_no_silent_target(answers, silent):
    direct = Direct(Scripted(*answers))
    assert [direct.send(["a request"], "chat.more", n)[0] for n in range(len(answers))][-1].silent is silent


def test_a_wrong_key_stops_after_two_requests(mock, tmp_path):
    outcome = check(CheckOptions(target(mock.url), tmp_path, "sk-wrong-0123456789"))
    assert isinstance(outcome.stopped, KeyRefused)
    assert (outcome.exit_code, outcome.report["verdict"], outcome.report["cost"]["requests"]) == (3, "inconclusive", 2)
    assert b"sk-wrong-0123456789" not in outcome.log.read_bytes()


def test_a_spent_budget_leaves_the_rest_inconclusive(mock, tmp_path):
    outcome = check(options(mock.url, tmp_path, budget_requests=6))
    assert (outcome.exit_code, outcome.report["verdict"], outcome.report["cost"]["requests"]) == (3, "inconclusive", 6)
    assert outcome.report["counts"]["inconclusive"] > 10
    assert "fail" not in outcome.report["counts"]
    assert "fim.basic" in outcome.report["unsent"]


WRONG = {
    "profile": ({"profile": "2023-01"}, "2023-01"),
    "policy": ({"policy": "lenient"}, "lenient"),
    "only": ({"only": ("stream.ends-with-don",)}, "stream.ends-with-done"),
}


@pytest.mark.parametrize(("members", "named"), WRONG.values(), ids=WRONG)
def test_wrong_options_are_refused_before_anything_is_sent(members, named, tmp_path):
    with pytest.raises(UsageError, match=named):
        check(options("http://127.0.0.1:1", tmp_path, **members))
    assert list(tmp_path.iterdir()) == []


def test_faults_are_named_and_scored_again_from_the_log(tmp_path):
    with spawn(deviate=("missing-done",), ttft_ms=0, itl_ms=0) as mock:
        outcome = check(options(mock.url, tmp_path))
    assert outcome.exit_code == 1
    broken = {row["id"]: row["findings"][0] for row in outcome.report["requirements"] if row["verdict"] == "fail"}
    assert "stream.ends-with-done" in broken
    finding = broken["stream.ends-with-done"]
    assert "expected [DONE]" in finding["message"]
    assert finding["offset"] > 0
    log = read(outcome.log)
    assert report(log, score(log, PROBES), Baseline()) == outcome.report


def test_replay_says_fixed_still_or_other(mock, tmp_path):
    with spawn(deviate=("missing-done",), ttft_ms=0, itl_ms=0) as faulty:
        log = read(check(options(faulty.url, tmp_path)).log)
        streamed = next(each for each in log.exchanges if each.probe == "chat.stream")
        assert replay(log, streamed.id, target(faulty.url), KEY).change is ReplayOutcome.STILL
    again = replay(log, streamed.id, target(mock.url), KEY)
    assert again.change is ReplayOutcome.FIXED
    assert again.after.request.body == streamed.request.body
    assert {finding.requirement for finding in again.findings_before} >= {"stream.ends-with-done"}
    with spawn(deviate=("done-twice",), ttft_ms=0, itl_ms=0) as other:
        assert replay(log, streamed.id, target(other.url), KEY).change is ReplayOutcome.OTHER
    with pytest.raises(UsageError, match="999"):
        find(log, "999")


def test_a_model_that_the_target_does_not_have_is_a_wrong_name(mock, tmp_path):
    outcome = check(CheckOptions(target(mock.url, "no-such-model"), tmp_path, KEY))
    assert (type(outcome.stopped), outcome.exit_code) == (CannotJudge, 3)
    assert "--model: deepseek-flash, deepseek-v4-pro" in str(outcome.stopped)
    assert outcome.report["cost"]["requests"] == 2


def test_the_model_is_the_profiles_first_that_is_listed(mock, tmp_path):
    outcome = check(options(mock.url, tmp_path, only=("models.*",)))
    assert outcome.report["target"]["model"] == Ask("2026-11", "deepseek-flash").model
