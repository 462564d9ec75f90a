"""A target that answers out of a cache of responses, whatever it takes for the same question, is named so."""

import httpx
import pytest

from echosounder.conformance.check_run import check
from echosounder.conformance.options import CheckOptions
from echosounder.judgement.setting import Suite
from echosounder.mock_server.net.process import spawn
from echosounder.wire.target import target
from echosounder.wire.verdict import Verdict


@pytest.fixture(scope="module")
def mock():
    with spawn() as running:
        yield running.url


@pytest.mark.parametrize(
    ("deviation", "said"),
    [
        ("", []),
        ("stop-ignored", []),
        ("max-tokens-exceeded", []),
        ("any-key-served", []),
        ("uncooperative-model", []),
        (
            "response-cache:by=messages+stop,mint=true",
            ["under max_tokens 32 is the shorter one", "a key that is refused"],
        ),
        ("response-cache:by=messages+max_tokens,mint=true", ["with stop 'HALT' is the earlier one"]),
        ("response-cache:by=last+max_tokens+stop,mint=true", ["with another last word", "a key that is refused"]),
        (
            "response-cache:by=messages+max_tokens+stop+tools,mint=true",
            ["with tool_choice required is the earlier one"],
        ),
        ("response-cache:by=last+max_tokens+stop", ["share the id"]),
    ],
)
def test_a_response_cache_is_named(mock, tmp_path, deviation, said):
    httpx.post(f"{mock}/__mock/deviate", json={"deviate": list(filter(None, deviation.split(";")))}, trust_env=False)
    options = CheckOptions(
        target(mock, "deepseek-flash"),
        tmp_path,
        "sk-test-0000000000",
        only=("chat.answers-fresh",),
        suite=Suite.THOROUGH,
    )
    [result] = [each for each in check(options).results if each.requirement == "chat.answers-fresh"]
    messages = [finding.message for finding in result.findings]
    assert [text for text in said if not any(text in message for message in messages)] == []
    assert all(message.startswith("a response cache: ") for message in messages)
    assert (result.verdict is Verdict.FAIL) is bool(said)
