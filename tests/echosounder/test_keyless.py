"""A target that needs no key, checked without one: no warning, no failed run; and one that needs a key says so."""

import json
import re
import socket

import pytest

from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn
from tests.networks import HEAD, Front, listening, relay


class Keyless(Front):
    """The mock, which needs a key, as a server that needs none: each request gets one on its way."""

    def __call__(self, connection: socket.socket) -> None:
        def there(data: bytes) -> bytes:
            if head := HEAD.search(data):
                self.heads.append(head[0].decode("latin-1"))
                data = re.sub(rb"(?im)^authorization: [^\r\n]*\r\n", b"", data)
                data = data.replace(b" HTTP/1.1\r\n", b" HTTP/1.1\r\nAuthorization: Bearer sk-test-0123456789\r\n", 1)
            return data

        with socket.create_connection(("127.0.0.1", self._port)) as server:
            relay(connection, server, there)


@pytest.fixture(scope="module", params=["2026-08", "openai"])
def keyless(request):
    with spawn(profile=request.param, ttft_ms=0, itl_ms=0) as mock:
        front = Keyless(int(mock.url.rpartition(":")[2]), None)
        with listening(front) as port:
            yield request.param, f"http://127.0.0.1:{port}", front


@pytest.fixture(autouse=True)
def without_a_key(monkeypatch):
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)


KEYS = {"errors.no-auth", "errors.bad-key", "errors.bad-scheme", "models.bad-key"}


def test_a_target_without_keys_conforms(keyless, tmp_path, capsys):
    profile, url, front = keyless
    front.heads.clear()
    assert run(["check", url, "--profile", profile, "--suite", "standard", "--out", str(tmp_path)]) == 0
    assert "warn" not in capsys.readouterr().err.lower()
    assert not any("authorization" in head.lower() for head in front.heads)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    rows = {row["id"]: row for row in report["requirements"]}
    assert rows["request.document-valid"]["verdict"] == "pass"
    assert rows["error.status-401"]["verdict"] == "not-applicable"
    assert rows["error.status-401"]["note"] == "asked without an API key"
    probes = {
        json.loads(line).get("probe") for line in (tmp_path / "run.jsonl").read_text(encoding="utf-8").splitlines()
    }
    assert not probes & KEYS
    assert run(["score", str(tmp_path)]) == 0


def test_load_and_doctor_need_no_key_either(keyless, tmp_path, capsys):
    _, url, _ = keyless
    load = ["load", "streaming", url, "--duration", "1s", "--users", "1", "--rate", "5", "--out", str(tmp_path)]
    assert run(load) in (0, 4)  # on a busy machine the figures are not valid, and say so
    assert "5 completed" in capsys.readouterr().out
    assert run(["doctor", url]) == 0
    assert "a target that needs no key" in capsys.readouterr().out


def test_a_key_that_is_given_is_looked_into(keyless, monkeypatch, tmp_path):
    profile, url, _ = keyless
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-test-0123456789")
    only = ("error.*", "chat.*", "models.*", "balance.*")
    command = ["check", url, "--profile", profile, *(each for name in only for each in ("--only", name))]
    assert run([*command, "--out", str(tmp_path)]) == 1
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    broken = {
        row["id"]: len(row["findings"]) for row in report["requirements"] if row["verdict"] in ("fail", "untestable")
    }
    assert broken == {"error.status-401": 1}


def test_a_target_that_wants_a_key_says_so(tmp_path, capsys):
    with spawn(ttft_ms=0, itl_ms=0) as mock:
        assert run(["check", mock.url, "--suite", "smoke", "--out", str(tmp_path)]) == 3
        assert "wants an API key (status 401); check the variable DEEPSEEK_API_KEY" in capsys.readouterr().err
        assert run(["doctor", mock.url]) == 3
        assert "DEEPSEEK_API_KEY is empty" in capsys.readouterr().out
