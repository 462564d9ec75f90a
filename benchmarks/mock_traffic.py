"""A client that costs little: one epoll loop over raw sockets, which only counts answers and looks for their end.

python benchmarks/mock_traffic.py URL --connections 64 --tokens 16 --seconds 5      # each connection asks again and again
python benchmarks/mock_traffic.py URL --connections 1024 --tokens 150 --once        # one stream each, to its end
"""

import argparse
import json
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from urllib.parse import urlsplit

END = b"0\r\n\r\n"  # the last chunk of the chunked coding


VARIANTS = 4096  # different prompts, so many that no server remembers them all


def request(path: str, tokens: int, prompt: str, stream: bool = True) -> bytes:
    body = {
        "model": "deepseek-v4-flash",
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": tokens,
        "stream": stream,
        "thinking": {"type": "disabled"},
    }
    text = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sk-bench-000000\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text


@dataclass(slots=True)
class Traffic:
    """Counts of a run. ``seconds`` is from the first request to the last answer."""

    answers: int = 0
    bytes: int = 0
    reads: int = 0
    failed: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Client:
    """One connection: asks, counts, asks again."""

    socket: socket.socket
    asks: Iterator[bytes]
    again: bool
    tail: bytes = b""

    def read(self, made: Traffic) -> bool:
        """Take what has come; False when this connection is done."""
        data = self.socket.recv(1 << 16)
        made.reads += 1
        made.bytes += len(data)
        self.tail = (self.tail + data)[-len(END) :]
        if self.tail != END:
            made.failed += not data
            return bool(data)
        made.answers += 1
        self.tail = b""
        if self.again:
            self.socket.sendall(next(self.asks))
        return self.again


def run(
    url: str,
    connections: int,
    tokens: int,
    seconds: float,
    once: bool = False,
    limit: int | None = None,
    distinct: bool = False,
) -> Traffic:
    """Until the time is over, *limit* answers have come or, with *once*, each connection has its answer."""
    poll, made = select.epoll(), Traffic()
    prompts = [f"Write {tokens} words. Variant {number}." for number in range(VARIANTS if distinct else 1)]
    asks = cycle([request(f"{urlsplit(url).path}/chat/completions", tokens, prompt) for prompt in prompts])
    clients = dict(_connected(url, connections, asks, not once))
    start = time.perf_counter()
    for fd, client in clients.items():
        poll.register(fd, select.EPOLLIN)
        client.socket.sendall(next(client.asks))
    while clients and (once or time.perf_counter() - start < seconds) and (limit is None or made.answers < limit):
        for fd, _ in poll.poll(1.0):
            if not clients[fd].read(made):
                poll.unregister(fd)
                clients.pop(fd).socket.close()
    made.seconds = time.perf_counter() - start
    for client in clients.values():
        client.socket.close()
    return made


def _connected(url: str, connections: int, asks: Iterator[bytes], again: bool) -> Iterator[tuple[int, Client]]:
    parts = urlsplit(url)
    for _ in range(connections):
        made = socket.create_connection((parts.hostname or "", parts.port or 80))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield made.fileno(), Client(made, asks, again)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("--connections", type=int, default=64)
    options.add_argument("--tokens", type=int, default=16)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--once", action="store_true")
    options.add_argument("--limit", type=int)
    options.add_argument("--distinct", action="store_true", help="every request has a prompt of its own")
    print(json.dumps(asdict(run(**vars(options.parse_args())))))


if __name__ == "__main__":
    main()
