"""`echosounder_mock`, the fixture for authors of clients: used by a test session of theirs, in a process of its own."""

import subprocess
import sys

THEIRS = """
import httpx
import pytest

BODY = {"model": "deepseek-v4-flash", "messages": [{"role": "user", "content": "Repeat exactly: one two three"}]}


def ask(mock, **more):
    headers = {"authorization": f"Bearer {mock.key}"}
    return httpx.post(f"{mock.openai_url}/chat/completions", json={**BODY, **more}, headers=headers, trust_env=False)


def test_journal_and_bill(echosounder_mock):
    assert ask(echosounder_mock).json()["choices"][0]["message"]["content"] == "one two three"
    [entry] = echosounder_mock.journal
    assert (entry.status, entry.path, entry.body, entry.hung_up) == (200, "/v1/chat/completions", BODY, False)
    assert "one two three" in entry.sent and "[redacted]" in entry.headers["authorization"]
    bill = echosounder_mock.bill
    assert (bill.requests, bill.tokens, bill.total) == (1, entry.usage["total_tokens"], entry.price)
    assert bill.total > 0


def test_each_test_begins_anew(echosounder_mock):
    assert echosounder_mock.journal == []
    assert echosounder_mock.bill.requests == 0


def test_deviations_hold_within_their_block(echosounder_mock):
    with echosounder_mock.deviate("refuse:status=503"):
        with echosounder_mock.deviate("error-html"):
            assert "<html>" in ask(echosounder_mock).text
        assert ask(echosounder_mock).json()["error"]["message"]
    assert ask(echosounder_mock).status_code == 200
    assert [entry.deviations for entry in echosounder_mock.journal] == [("refuse", "error-html"), ("refuse",), ()]


def test_a_deviation_that_does_not_exist(echosounder_mock):
    with pytest.raises(Exception, match="did you mean stream-cut"):
        with echosounder_mock.deviate("stream-cuts"):
            pass


@pytest.mark.parametrize("echosounder_mock", ["refuse:status=429,retry_after=7", "refuse:status=402"], indirect=True)
def test_one_test_for_several_faults(echosounder_mock):
    answer = ask(echosounder_mock)
    assert answer.status_code in (402, 429)
    assert (answer.headers.get("retry-after") == "7") is (answer.status_code == 429)


def test_a_cut_stream_is_an_error_and_not_paid_twice(echosounder_mock):
    with echosounder_mock.deviate("stream-cut:after=3"), pytest.raises(httpx.RemoteProtocolError):
        ask(echosounder_mock, stream=True)
    assert echosounder_mock.bill.requests == len(echosounder_mock.journal) == 1


class TestSession:
    def test_first(self, echosounder_mock_session):
        echosounder_mock_session.reset()
        ask(echosounder_mock_session)

    def test_second(self, echosounder_mock_session):
        assert len(echosounder_mock_session.journal) == 1
"""


def test_the_fixture_in_a_session_of_somebody_else(tmp_path):
    (tmp_path / "test_theirs.py").write_text(THEIRS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout
