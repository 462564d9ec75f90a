"""What a command holds that is secret stands in no record of its run."""

from pathlib import Path

import pytest

from echosounder.conformance.client.options import ClientOptions

SECRET = "Zx81-not-like-any-key-77"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["run", f"Bearer {SECRET}"], "run 'Bearer [redacted]'"),
        (["run", "-H", "Authorization: Bearer sk-0123456789abcdef"], "run -H 'Authorization: Bearer [redacted]'"),
        (["run", "--key=sk-0123456789abcdef"], "run --key=[redacted]"),
        (["python", "/home/me/client.py", "{api_key}"], "python /home/me/client.py '{api_key}'"),
    ],
)
def test_a_command_is_recorded_without_secrets(words: list[str], shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", SECRET)
    monkeypatch.setenv("PWD", "/home/me")
    assert ClientOptions(tuple(words), Path()).as_check().target.url == shown
