"""What a person gets from a target that is none: one line, the documented exit code, a finished log, and nothing hangs."""

import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn
from echosounder.wire.runlog import read


@contextmanager
def serving(behave):
    """A server on a free port that does *behave(connection)* with every connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def loop():
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_guarded, args=(behave, connection), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    stop.set()
    listener.close()


def _guarded(behave, connection):
    with connection, suppress(OSError):  # the client hangs up, as it should
        behave(connection)


def html(connection):
    connection.recv(65536)
    page = b"<html><title>Welcome to nginx!</title></html>"
    connection.sendall(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n%s" % (len(page), page)
    )


def closes_at_once(connection):
    connection.recv(65536)


def endless_line(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
    while True:
        connection.sendall(b"a" * 65536)


def endless_header(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-a: ")
    while True:
        connection.sendall(b"a" * 65536)


def never_answers(connection):
    connection.recv(65536)
    time.sleep(60)


def speaks_ssh(connection):
    connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    connection.recv(65536)


BEHAVIOURS = [html, closes_at_once, endless_line, endless_header, never_answers, speaks_ssh]


@pytest.mark.parametrize("behave", BEHAVIOURS, ids=lambda behave: behave.__name__)
@pytest.mark.parametrize("command", [["check"], ["load", "streaming", "--duration", "2s"]], ids=["check", "load"])
def test_a_target_that_is_no_api(behave, command, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-test-0123456789")
    start = time.monotonic()
    with serving(behave) as url:
        code = run([*command, url, "--out", str(tmp_path), "--timeout", "1"])
    assert (code, time.monotonic() - start < 30) == (3, True)
    assert_one_line(capsys, tmp_path)


def test_nobody_listens(tmp_path, capsys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert run(["check", url, "--out", str(tmp_path)]) == 3
    assert_one_line(capsys, tmp_path)


@pytest.mark.parametrize("command", [["check"], ["load", "streaming", "--duration", "2s"]], ids=["check", "load"])
def test_a_wrong_key_is_said_and_never_shown(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-wrong-0123456789")
    with spawn() as mock:
        assert run([*command, mock.url, "--out", str(tmp_path)]) == 3
    assert "DEEPSEEK_API_KEY" in assert_one_line(capsys, tmp_path)
    assert b"sk-wrong-0123456789" not in (tmp_path / "run.jsonl").read_bytes()


USAGE = [
    (["check", "--profile", "2023-01"], "2023-01"),
    (["check", "--suite", "all"], "suite"),
    (["check", "localhost:8000"], "localhost:8000"),
    (["check", "http://user:secret@h"], "--api-key-env"),
    (["check", "--only", "no.such.requirement"], "no.such.requirement"),
    (["check", "--budget-usd", "lots"], "lots"),
    (["chekc"], "chekc"),
    (["check", "--nonsense"], "--nonsense"),
    (["load", "streeming"], "streeming"),
    (["load", "streaming", "--slo", "ttft_p95<fast"], "ttft_p95<fast"),
    (["load", "streaming", "--duration", "soon"], "soon"),
    (["score", "/nonexistent/run.jsonl"], "/nonexistent/run.jsonl"),
    (["explain", "stream.ends-with-don"], "stream.ends-with-done"),
    (["mock", "--profile", "2023-01"], "2023-01"),
]


@pytest.mark.parametrize(("command", "named"), USAGE, ids=[" ".join(command) for command, _ in USAGE])
def test_wrong_usage_is_one_line_that_names_the_mistake(command, named, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(command) == 2
    message = capsys.readouterr().err.strip()
    assert named in message
    assert "\n" not in message
    assert "secret" not in message


def test_a_requirement_is_explained_with_whether_it_has_a_check(capsys):
    for id, state in (("stream.done-exact", "tested"), ("balance.granted-first", "excluded")):
        assert run(["explain", id]) == 0
        assert f"state: {state}" in capsys.readouterr().out


def assert_one_line(capsys, folder):
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("echosounder: ")
    assert read(folder).footer is not None
    return message
