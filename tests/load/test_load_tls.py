"""The client over TLS: verified, stamped by the kernel all the same, and every failure an end of its own."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from echosounder.load.client import tls as client_tls
from echosounder.load.client.call import sample
from echosounder.wire.access import Access
from echosounder.wire.stream import StreamEnd

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
BODY = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*[EVENT] * 400, b"data: [DONE]\n\n")) + b"0\r\n\r\n"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of localhost in one file, its own authority."""
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(path), "-out", str(path.with_suffix(".crt"))]
    subprocess.run([*command, *names], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[Any]:
    """Answers every request on every connection with one long stream; its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(plain: socket.socket) -> None:
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                while connection.recv(65536):
                    connection.sendall(HEAD + BODY)
        except OSError:
            pass

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(plain,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()
    listener.close()


def test_streams_over_tls_are_read_and_their_connections_kept(server: Any, many: Any, certificate: Path) -> None:
    calls = many(server, calls=3, tls=client_tls.context(Access(ca_file=str(certificate.with_suffix(".crt")))))
    assert [(sample(call).end, sample(call).token_events) for call in calls] == [(StreamEnd.DONE, 400)] * 3
    assert [call.reused for call in calls] == [False, True, True]


def test_a_certificate_of_an_unknown_authority_is_refused(server: Any, one: Any) -> None:
    record = sample(one(server, tls=client_tls.context()))
    assert record.end is StreamEnd.CONNECT_FAILED
    assert "certificate verify failed" in record.error
    assert record.t_sent is None, "nothing was sent, the key least of all"


def test_a_server_without_tls_is_an_end_too(scripted: Any, one: Any) -> None:
    record = sample(one(scripted("close").address, tls=client_tls.context(), connect_timeout=400_000_000))
    assert (record.end, record.error) == (StreamEnd.CONNECT_FAILED, "no connection: not there within 0.4 s")
