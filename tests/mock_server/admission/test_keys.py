"""Which keys the mock takes, and that its help says so."""

import subprocess
import sys

import httpx
import pytest

from echosounder.mock_server.admission.admission import authorised
from echosounder.mock_server.admission.refusals import Refused
from echosounder.mock_server.config import REFUSED_WORDS
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.mock_server.net.process import spawn

AUTHORIZATION = ("authorization",)


def asked(**headers: str) -> HttpRequest:
    return HttpRequest("GET", "/models", headers, b"", 0)


@pytest.mark.parametrize(
    "key", ["sk-test", "sk-x", "sk-0", "sk-proj-abc_DEF", "sk-TEST-KEY", "sk-mock-wrong-usage", "sk-é"]
)
def test_any_key_that_a_test_makes_up_is_taken(key: str) -> None:
    assert authorised(asked(authorization=f"Bearer {key}"), "2026-08", AUTHORIZATION, False) == key


@pytest.mark.parametrize("key", ["", "sk-", "test", "sk_test", "sk", *(f"sk-my-{word}-key" for word in REFUSED_WORDS)])
def test_others_are_not(key: str) -> None:
    with pytest.raises(Refused) as raised:
        authorised(asked(authorization=f"Bearer {key}"), "2026-08", AUTHORIZATION, False)
    assert raised.value.status == 401


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-invalid"}, {"authorization": "Basic abc"}])
def test_a_server_without_keys_lets_everyone_in(headers: dict[str, str]) -> None:
    body = {"model": "deepseek-v4-flash", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    with spawn(keyless=True) as running, httpx.Client(base_url=running.url, headers=headers) as client:
        assert [client.get("/models").status_code, client.post("/chat/completions", json=body).status_code] == [
            200,
            200,
        ]
    with pytest.raises(Refused):
        authorised(asked(**headers), "2026-08", AUTHORIZATION, False)


@pytest.mark.parametrize("command", [["echosounder.mock_server"], ["echosounder", "mock"]])
def test_the_help_says_which_words_are_refused(command: list[str]) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", *command, "--help"], capture_output=True, encoding="utf-8", check=True
    ).stdout
    assert [word for word in REFUSED_WORDS if word not in shown] == []
