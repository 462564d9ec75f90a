"""A server that does nothing but write: rendered streams, as fast as they are asked for, or paced with every write's time.

    python benchmarks/load_server.py --events 256                 # unpaced: the whole answer in one write
    python benchmarks/load_server.py --events 100 --itl 20 --ttft 200   # paced; GET /times gives the write times
    ... --pause 250 --every 25                                         # one wait in 25 is so much longer

``GET /arrivals``: when each request was there, whole: the kernel's stamp where the server is paced, else the time it was read.
Both are monotonic ns by the number of the request, which the answer's trace id repeats. One epoll loop, nothing parsed but the
end of the request. It is not the mock: it measures clients, so it must cost nothing.
"""

import argparse
import heapq
import json
import re
import select
import socket
import struct
import time
from pathlib import Path

TIMESTAMPNS = 35  # SO_TIMESTAMPNS and SCM_TIMESTAMPNS of Linux, which Python's socket does not name
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
FORMATS = Path(__file__).parent.parent / "specs" / "formats"
MODELS = b'{"object":"list","data":[{"id":"deepseek-v4-flash","object":"model","owned_by":"deepseek"}]}'


def event(text: str, finish: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": finish}
    body = {
        "id": "0879b8f1-f548-4b92-a48f-8cc8061da211",
        "object": "chat.completion.chunk",
        "created": 1795341441,
        "model": "deepseek-v4-flash",
        "system_fingerprint": "fp_a26a7955944dc5c6",
        "choices": [choice],
        **more,
    }
    data = b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunks(events: int) -> list[bytes]:
    """The writes of one answer: the role with the head, a token each, and the end with the last of them."""
    usage = {"prompt_tokens": 200, "completion_tokens": events, "total_tokens": 200 + events}
    words = [event(f" word{number % 10}") for number in range(events)]
    done = b"%x\r\n%b\r\n0\r\n\r\n" % (len(b"data: [DONE]\n\n"), b"data: [DONE]\n\n")
    return [HEAD + event(""), *words, event("", "stop", usage=usage) + done]


def example(file: Path) -> str:
    """The short stream at the end of a description of a wire format (specs/formats), as it stands on the wire."""
    lines = file.read_text(encoding="utf-8").partition("\nexample: |")[2].splitlines()[1:]
    return "\n".join(line[2:] for line in lines)


def named_chunks(file: Path, events: int) -> list[bytes]:
    """The same in a format whose events have names: its example, with so many deltas in the place of its two."""
    shown = example(file).strip().replace('"output_tokens":2', f'"output_tokens":{events}')
    blocks = [f"{block}\n\n" for block in shown.split("\n\n")]
    place = next(place for place, block in enumerate(blocks) if '"one"' in block)
    deltas = [blocks[place].replace('"one"', f'" word{number % 10}"') for number in range(events)]
    parts = [_numbered(block, n) for n, block in enumerate([*blocks[:place], *deltas, *blocks[place + 2 :]])]
    framed = [b"%x\r\n%b\r\n" % (len(part), part) for part in map(str.encode, parts)]
    first, last = HEAD + b"".join(framed[:place]), b"".join(framed[place + events :]) + b"0\r\n\r\n"
    return [first, *framed[place : place + events], last]


def _numbered(block: str, number: int) -> str:
    return re.sub(r'"sequence_number":\d+', f'"sequence_number":{number}', block)


class Server:
    def __init__(
        self, port: int, events: int, ttft: float, itl: float, pause: float = 0.0, every: int = 25, form: str = "chat"
    ) -> None:
        self.parts = chunks(events) if form == "chat" else named_chunks(FORMATS / f"{form}.yaml", events)
        self.whole = b"".join(self.parts)
        self.ttft, self.itl = round(ttft * 1e6), round(itl * 1e6)
        self.pause, self.every = round(pause * 1e6), every
        self.listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self.listener.setblocking(False)
        if self.itl:  # accepted connections inherit it
            self.listener.setsockopt(socket.SOL_SOCKET, TIMESTAMPNS, 1)
        self.poll = select.epoll()
        self.poll.register(self.listener, select.EPOLLIN)
        self.connections: dict[int, socket.socket] = {}
        self.inputs: dict[int, bytes] = {}
        self.due: list[tuple[int, int, int, socket.socket]] = []  # never compared beyond request and part
        self.times: dict[int, list[int]] = {}
        self.arrivals: dict[int, int] = {}

    def run(self) -> None:
        while True:
            wait = -1.0 if not self.due else max(self.due[0][0] - time.monotonic_ns(), 0) / 1e9
            # epoll waits whole milliseconds; the last of them is spun away, because the write times are the truth here.
            ready = self.poll.poll(max(wait - 0.001, 0) if wait >= 0 else -1)
            for descriptor, _ in ready:
                self.accept() if descriptor == self.listener.fileno() else self.read(descriptor)
            now = time.monotonic_ns()
            while self.due and self.due[0][0] <= now:
                self.write(*heapq.heappop(self.due))
                now = time.monotonic_ns()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except BlockingIOError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            self.connections[connection.fileno()] = connection
            self.inputs[connection.fileno()] = b""
            self.poll.register(connection, select.EPOLLIN)

    def read(self, descriptor: int) -> None:
        connection = self.connections[descriptor]
        try:
            data, control, *_ = connection.recvmsg(65536, 64)
        except OSError:
            data, control = b"", []
        if not data:
            self.poll.unregister(descriptor)
            del self.connections[descriptor]
            connection.close()
            return
        data = self.inputs[descriptor] + data
        self.inputs[descriptor] = b""
        if data.startswith(b"GET"):
            self.tell(connection, data)
        elif not self.complete(data):
            self.inputs[descriptor] = data
        else:
            number = len(self.arrivals) + 1
            self.arrivals[number] = arrival(control)
            self.answer(connection, number)

    def tell(self, connection: socket.socket, data: bytes) -> None:
        told = {b"/times": self.times, b"/arrivals": self.arrivals}.get(data.split(maxsplit=2)[1])
        body = MODELS if told is None else json.dumps(told).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.setblocking(True)
        connection.sendall(head + body)

    def answer(self, connection: socket.socket, number: int) -> None:
        if self.itl:
            self.times[number] = []
            heapq.heappush(self.due, (time.monotonic_ns() + self.ttft, number, 0, connection))
        else:
            connection.setblocking(True)
            connection.sendall(self.whole)

    def complete(self, data: bytes) -> bool:
        head, end, body = data.partition(b"\r\n\r\n")
        lower = head.lower()
        at = lower.find(b"content-length:")
        if not end:
            return False
        length = int(lower[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0
        return len(body) >= length if at >= 0 else body.endswith(b"0\r\n\r\n")

    def write(self, due: int, number: int, part: int, connection: socket.socket) -> None:
        data = self.parts[part]
        if part == 0:  # the trace id lets a client's figures be found again
            data = data.replace(b"\r\n", b"\r\nx-ds-trace-id: %d\r\n" % number, 1)
            data += self.parts[1]
            part = 1
        self.times[number].append(time.monotonic_ns())
        try:
            connection.send(data)
        except OSError:
            return
        if part + 1 < len(self.parts):
            wait = self.itl + (self.pause if part % self.every == 0 else 0)
            heapq.heappush(self.due, (due + wait, number, part + 1, connection))


def arrival(control: list[tuple[int, int, bytes]]) -> int:
    """When what was just read came in, monotonic ns: by the kernel's stamp if there is one, so that our own delay is not in it."""
    now, clock = time.monotonic_ns(), time.time_ns()
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return now - clock + int(seconds) * 1_000_000_000 + int(nanoseconds)
    return now


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--events", type=int, default=256)
    parser.add_argument("--ttft", type=float, default=0.0, help="ms")
    parser.add_argument("--itl", type=float, default=0.0, help="ms; 0 writes everything at once")
    parser.add_argument("--pause", type=float, default=0.0, help="ms that some of the waits are longer")
    parser.add_argument("--every", type=int, default=25, help="which of them: each so many")
    parser.add_argument("--format", default="chat", choices=("chat", "responses", "messages"))
    given = parser.parse_args()
    server = Server(given.port, given.events, given.ttft, given.itl, given.pause, given.every, given.format)
    print(f"listening on http://127.0.0.1:{server.listener.getsockname()[1]}", flush=True)
    server.run()
