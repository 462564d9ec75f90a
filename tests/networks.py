"""Other people's networks in miniature: a TLS server that wants a certificate, a forward proxy that wants a password.

Both relay bytes, in threads. The TLS front puts the key where the mock looks for it and echoes what it was sent: a target that
repeats secrets must not bring them into a file.
"""

import re
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme

HEAD = re.compile(rb"(?:GET|POST|DELETE|PUT) \S+ HTTP/1\.1\r\n(?:[^\r\n]+\r\n)+")
Pipe = Callable[[bytes], bytes]


class Authority:
    """A certificate authority of our own, from 2000 to 2038; ``client_key`` is encrypted with ``password``."""

    def __init__(self, folder: Path, password: str) -> None:
        from cryptography.hazmat.primitives import serialization as pem

        self._ca = trustme.CA()
        self.file, self.client_cert, self.client_key = (
            folder / name for name in ("ca.pem", "client.pem", "client.key")
        )
        self._ca.cert_pem.write_to_path(str(self.file))
        client = self._ca.issue_cert("client@example.org")
        client.cert_chain_pems[0].write_to_path(str(self.client_cert))
        key = pem.load_pem_private_key(client.private_key_pem.bytes(), None)
        cipher = pem.BestAvailableEncryption(password.encode())
        self.client_key.write_bytes(key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, cipher))

    def server(self, wants_client: bool) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert("localhost", "127.0.0.1").configure_cert(made)
        if wants_client:
            self._ca.configure_trust(made)
            made.verify_mode = ssl.CERT_REQUIRED
        return made


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """*serve* gets each connection in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:

        def one(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                serve(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def relay(left: socket.socket, right: socket.socket, there: Pipe = bytes, back: Pipe = bytes) -> None:
    """Bytes from the one to the other and back until both have ended."""

    def pump(source: socket.socket, sink: socket.socket, change: Pipe) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(change(data))
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    answer = threading.Thread(target=pump, args=(right, left, back), daemon=True)
    answer.start()
    pump(left, right, there)
    answer.join(10)


class Front:
    """TLS before the server on *port*: ``heads`` are the requests that came."""

    def __init__(self, port: int, tls: ssl.SSLContext | None, key_header: bytes = b"api-key: ") -> None:
        self._port, self._tls, self._key = port, tls, key_header
        self.heads: list[str] = []

    def __call__(self, connection: socket.socket) -> None:
        inner = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
        said = [b""]

        def there(data: bytes) -> bytes:
            if head := HEAD.search(data):
                self.heads.append(head[0].decode("latin-1"))
                said[0] = head[0].replace(b"\r\n", b" | ")
            return re.sub(rb"(?im)^" + re.escape(self._key), b"Authorization: Bearer ", data)

        def back(data: bytes) -> bytes:
            return data.replace(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX-Echo: " + said[0] + b"\r\n", 1)

        with socket.create_connection(("127.0.0.1", self._port)) as server:
            relay(inner, server, there, back)


class ForwardProxy:
    """CONNECT, and plain HTTP by absolute URLs, for who knows *credentials*; ``seen`` are the request lines."""

    def __init__(self, credentials: str) -> None:
        self._expected = b64encode(credentials.encode()).decode()
        self.seen: list[str] = []

    def __call__(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := connection.recv(1 if head.startswith(b"CONNECT") else 65536)):
                return
            head += data
        line = head.split(b"\r\n")[0].decode("latin-1")
        self.seen.append(line)
        if f"proxy-authorization: basic {self._expected}".lower() not in head.decode("latin-1").lower():
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        method, place, _ = line.split(" ")
        if method == "CONNECT":
            host, _, port = place.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay(connection, server)
            return
        netloc = place.split("/")[2]
        host, _, port = netloc.rpartition(":")

        def there(data: bytes) -> bytes:
            data = re.sub(rb"(?i)proxy-authorization: [^\r\n]+\r\n", b"", data)
            return data.replace(f" http://{netloc}/".encode(), b" /")

        with socket.create_connection((host, int(port))) as server:
            server.sendall(there(head))
            relay(connection, server, there)
