"""The curl line sends what the exchange sent: run by a real shell against a socket that writes down what comes."""

import shutil
import subprocess
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest

from echosounder.reports.curl import MAX_BODY, curl, replay
from echosounder.wire.exchange import Exchange, Request

BODIES = [
    b"",
    b"{}",
    b'{"q":"it\'s $HOME `id` \\\\n \\" !"}',
    '{"q":"你好 €"}'.encode(),
    b"{\n  not json,\n",
    b"@/etc/passwd",
]


@pytest.fixture(scope="module")
def listener():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            self.server.seen.append((self.command, self.path, dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        do_GET = do_DELETE = do_POST  # noqa: N815

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def exchange(url, body=b"{}", method="POST", headers=()):
    return Exchange("7", "chat.basic", Request(method, "/chat/completions", url, headers, body))


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("body", BODIES)
def test_a_shell_that_runs_the_line_sends_the_same_request(listener, method, body):
    url = f"http://127.0.0.1:{listener.server_port}/v1/chat/completions?a=1&b='2'"
    headers = (
        ("authorization", "Bearer [redacted]"),
        ("content-type", "application/json"),
        ("x-odd", "a 'b' \"c\" $d"),
    )
    line = curl(exchange(url, body, method, headers), "MY_KEY")
    subprocess.run(
        ["/bin/sh", "-c", line.encode()],
        check=True,
        capture_output=True,
        timeout=60,
        env={"MY_KEY": "sk-1 2", "PATH": "/usr/bin:/bin"},
    )
    seen_method, path, seen, seen_body = listener.seen[-1]
    assert (seen_method, path, seen_body) == (method, "/v1/chat/completions?a=1&b='2'", body)
    assert {name.lower(): seen[name] for name in seen}.items() >= {
        "authorization": "Bearer sk-1 2",
        "content-type": "application/json",
        "x-odd": headers[2][1],
    }.items()


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.parametrize(("headers", "sent"), [((("x-empty", ""),), {"x-empty": ""}), ((), {})])
def test_curl_adds_no_content_type_and_drops_no_header(listener, headers, sent):
    line = curl(exchange(f"http://127.0.0.1:{listener.server_port}/", b"{}", "POST", headers))
    subprocess.run(["/bin/sh", "-c", line], check=True, capture_output=True, timeout=60)
    seen = {name.lower(): value for name, value in listener.seen[-1][2].items()}
    assert {name: seen.get(name) for name in ("content-type", *sent)} == {"content-type": None} | sent


@pytest.mark.parametrize("body", [b"x" * (MAX_BODY + 1), b'{"a":"\xff"}', b"\x00", b"\x1b[31m"])
def test_a_body_that_a_line_cannot_hold_has_no_line(body):
    assert curl(exchange("http://h/v1", body)) is None


def test_the_replay_command_survives_any_id():
    assert replay("7") == "echosounder replay run.jsonl 7"
    assert (
        replay("a b;rm", SimpleNamespace(place="runs/x y/run.jsonl"))
        == "echosounder replay 'runs/x y/run.jsonl' 'a b;rm'"
    )


def test_a_probe_that_sent_a_wrong_key_is_repeated_with_a_wrong_key():
    headers = (("authorization", "Bearer [redacted]"),)
    line = curl(replace(exchange("http://h/v1", headers=headers), notes={"fault": "unknown key"}))
    assert "$" not in line
    assert "'authorization: Bearer 'sk-no-such-key" in line


def test_an_exchange_without_authorization_gets_no_key():
    assert "KEY" not in curl(exchange("http://h/v1"))
