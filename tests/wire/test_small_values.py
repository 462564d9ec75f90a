"""Targets, redaction, strict JSON, verdict order."""

import pytest

from echosounder.wire.errors import UsageError
from echosounder.wire.redact import Redactor
from echosounder.wire.strict_json import at, parse
from echosounder.wire.target import target
from echosounder.wire.verdict import Finding, Result, Verdict, worst


@pytest.mark.parametrize(
    ("url", "chat", "fim"),
    [
        (
            "https://api.deepseek.com",
            "https://api.deepseek.com/chat/completions",
            "https://api.deepseek.com/beta/completions",
        ),
        (
            "http://localhost:8000/v1/",
            "http://localhost:8000/v1/chat/completions",
            "http://localhost:8000/beta/completions",
        ),
        ("http://h/gateway/v1", "http://h/gateway/v1/chat/completions", "http://h/gateway/beta/completions"),
        ("http://h/beta", "http://h/chat/completions", "http://h/beta/completions"),
    ],
)
def test_one_url_gives_both_bases(url, chat, fim):
    aim = target(url)
    assert (aim.address("/chat/completions"), aim.address("/beta/completions")) == (chat, fim)


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://h", "http://", "http://h:99999", "http://u:p@h", "http://h#x"]
)
def test_what_is_no_base_url_is_refused_without_repeating_a_password(url):
    with pytest.raises(UsageError) as caught:
        target(url)
    assert "u:p@" not in str(caught.value)


def test_secrets_go_wherever_they_stand():
    redactor = Redactor(("sk-1234567890",))
    headers = redactor.headers(
        [("Authorization", "Bearer sk-1234567890"), ("X-Api-Key", "abc"), ("x-note", "key sk-1234567890!")]
    )
    assert headers == (
        ("Authorization", "Bearer [redacted]"),
        ("X-Api-Key", "[redacted]"),
        ("x-note", "key [redacted]!"),
    )
    assert redactor.data(b'{"echo":"sk-1234567890"}') == b'{"echo":"[redacted]"}'
    assert Redactor(("a",)).text("a banana") == "a banana"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ('{"a":1,"b":[1.5,null]}', ()),
        ('{"a":1,"a":2}', ("duplicate key 'a'",)),
        ("[NaN,-Infinity]", ("NaN literal", "-Infinity literal")),
    ],
)
def test_what_lenient_parsers_pass_is_reported(text, problems):
    assert parse(text).problems == problems


@pytest.mark.parametrize("text", ["", "{", "{} {}", "\ufeff{}", "[" * 100_000])
def test_what_is_no_json_raises_value_error(text):
    with pytest.raises(ValueError):
        parse(text)


def test_at_walks_only_what_is_there():
    value = {"choices": [{"delta": {"content": "a"}}]}
    assert at(value, "choices", 0, "delta", "content") == "a"
    assert at(value, "choices", 1, "delta") is None
    assert at(value, "choices", "x") is None
    assert at(None, "a") is None


def test_a_verdict_only_ever_gets_worse():
    assert worst([]) is Verdict.PASS
    assert worst([Verdict.NONSTRICT, Verdict.FAIL, Verdict.PASS]) is Verdict.FAIL
    assert worst([Verdict.FAIL, Verdict.ERROR]) is Verdict.ERROR


def test_a_result_survives_its_record():
    result = Result("a.b", Verdict.FAIL, (Finding("a.b", "x", "1", 2, 3, "/a", "bytes", "root"),), "note", ("1",))
    assert Result.from_record(result.record()) == result
