"""Targets that mean harm, on real sockets: each is a function that is given a connection and what was asked."""

import base64
import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

Behaviour = Callable[[socket.socket, "Asked"], None]
MODEL = "deepseek-chat"


class Asked:
    """A request: its path, whether it wants a stream, and the key that came with it."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.path = head.split(b" ", 2)[1].decode("latin-1")
        self.stream = b'"stream":true' in body.replace(b" ", b"")
        found = re.search(rb"(?i)authorization: Bearer (\S+)", head)
        self.key = found[1].decode("latin-1") if found else ""


@contextmanager
def serving(behave: Behaviour) -> Iterator[str]:
    """*behave* at the other end of an URL, a thread to a connection, until the block ends."""
    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    server.settimeout(0.1)
    over = threading.Event()
    threads: list[threading.Thread] = []

    def accept() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                connection = server.accept()[0]
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(20)
            while (asked := _request(connection)) is not None and not over.is_set():
                behave(connection, asked)
                if getattr(behave, "closes", True):
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(1)
                    while connection.recv(65536):
                        pass
                    return

    listener = threading.Thread(target=accept, daemon=True)
    listener.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        over.set()
        listener.join(5)
        server.close()
        for thread in threads:
            thread.join(2)


def _request(connection: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while len(body) < int(length[1] if length else 0):
        if not (more := connection.recv(65536)):
            return None
        body += more
    return Asked(head, body)


def answer(body: bytes, kind: str = "application/json", status: str = "200 OK", *headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body


def chunk(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}
    told = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}
    return b"data: " + json.dumps(told).encode() + b"\n\n"


def document(text: str, **members: object) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    told = {"id": "c", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice], "usage": usage}
    return json.dumps(told | members).encode()


MODELS = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "x"}]}).encode()


def plainly(connection: socket.socket, asked: Asked) -> None:
    """What an honest target says, for a behaviour to fall back on."""
    if asked.path.endswith("/models"):
        connection.sendall(answer(MODELS))
    elif asked.stream:
        connection.sendall(answer(chunk("hi") + chunk("", "stop") + b"data: [DONE]\n\n", "text/event-stream"))
    else:
        connection.sendall(answer(document("hi")))


def spellings(key: str) -> list[str]:
    raw = key.encode()
    return [
        key,
        key.upper(),
        quote(key, safe=""),
        "".join(f"%{byte:02x}" for byte in raw),
        "".join(f"\\u{byte:04x}" for byte in raw),
        raw.hex(),
        base64.b64encode(raw).decode(),
        base64.b64encode(b"Bearer " + raw).decode(),
        base64.urlsafe_b64encode(b"x" + raw).decode(),
    ]


def telling(connection: socket.socket, asked: Asked) -> None:
    """Tells the key that it was sent, wherever something can stand and however it can be spelled."""
    known = asked.key or "nothing"
    told = " ".join(spellings(known))
    headers = [f"X-{known}: {told}", f"X-Request-Id: {known}", f"Retry-After: {known}", f"Set-Cookie: a={known}"]
    if asked.path.endswith("/models"):
        listed = [{"id": name, "object": "model", "owned_by": told} for name in (MODEL, known, told)]
        body, status = json.dumps({"object": "list", "data": listed}).encode(), f"200 {known}"
    elif asked.stream:
        body = f": {told}\n\nevent: {known}\nid: {known}\n".encode() + chunk(told) + b"".join(map(chunk, known))
        body += f"{known}: x\n\n".encode() + chunk("", known) + b"data: [DONE]\n\n"
        connection.sendall(answer(body, "text/event-stream", "200 OK", *headers))
        return
    elif "chat" not in asked.path:
        body, status = json.dumps({"error": {"message": told, "type": known, known: told}}).encode(), f"400 {known}"
    else:
        body, status = document(told, **{known: told, "system_fingerprint": known}), f"200 {known}"
    if "chat" in asked.path and len(told) % 2:
        body = gzip.compress(body)
        headers.append("Content-Encoding: gzip")
    connection.sendall(answer(body, "application/json", status, *headers))


def pausing(head: bytes, piece: bytes, pause: float = 0.05) -> Behaviour:
    """Sends *piece* over and over, slowly, behind *head*."""

    def behave(connection: socket.socket, asked: Asked) -> None:
        connection.sendall(head)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(pause)

    return behave


def flooding(head: bytes, piece: bytes, most: int = 512 * 1024 * 1024) -> Behaviour:
    """Sends *piece* over and over, as fast as it is read, behind *head*."""

    def behave(connection: socket.socket, asked: Asked) -> None:
        connection.sendall(head)
        for _ in range(most // len(piece)):
            connection.sendall(piece)

    return behave
