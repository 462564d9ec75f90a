"""A front end that keeps responses: what it takes for the same question, and what it serves."""

from uuid import UUID

import httpx
import pytest

from echosounder.mock_server.net.process import spawn

FIRST = {"max_tokens": 3}


@pytest.fixture(scope="module")
def mock():
    with spawn() as running:
        yield running.url


def asked(url, key="sk-test-0000000000", question="Repeat exactly: one two three four five six", **fields):
    body = {"model": "deepseek-v4-flash", "thinking": {"type": "disabled"}, **fields}
    body["messages"] = [{"role": "system", "content": "Repeat."}, {"role": "user", "content": question}]
    answer = httpx.post(
        f"{url}/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}, trust_env=False
    )
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("deviation", "again", "kept"),
    [
        ("", FIRST, False),
        ("response-cache", FIRST, True),
        ("response-cache", {"max_tokens": 12}, True),
        ("response-cache:by=messages+max_tokens", {"max_tokens": 12}, False),
        ("response-cache", {"stop": ["two"], **FIRST}, True),
        ("response-cache", {"question": "Repeat exactly: seven", **FIRST}, False),
        ("response-cache:by=last", {"question": "Repeat exactly: seven", **FIRST}, True),
        ("response-cache", {"key": "none", **FIRST}, True),
        ("response-cache:mint=true", FIRST, True),
    ],
)
def test_what_is_answered_from_the_cache(mock, deviation, again, kept):
    httpx.post(f"{mock}/__mock/deviate", json={"deviate": [deviation] if deviation else []}, trust_env=False)
    (_, first), (status, second) = asked(mock, **FIRST), asked(mock, **again)
    minted, alike = "mint" in deviation, first["choices"] == second.get("choices")
    assert (alike and (minted or first["id"] == second["id"])) is kept
    assert not kept or (status == 200 and first["usage"] == second["usage"])
    assert not minted or (UUID(second["id"]) and second["id"] != first["id"])
