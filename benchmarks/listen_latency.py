"""How much later do events come through `listen` than directly, and than through nginx? On a quiet machine.

python benchmarks/listen_latency.py [--streams 50] [--rounds 5]     # prints a row per way and round; needs nginx for its row

For each event: the client's stamp of the read that completed it, less the mock's stamp of the write that held it; one clock.
"""

import argparse
import asyncio
import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

from echosounder.mock_server.net.process import spawn
from echosounder.wire.latency import quantile

NGINX = """worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1;
    proxy_set_header Connection ""; proxy_buffering off; proxy_request_buffering off; }} }} }}
"""
Stamped = tuple[int, bytes]


def events(pieces: Iterable[Stamped]) -> Iterator[int]:
    """The stamp of the piece that completes each event."""
    rest = b""
    for at, data in pieces:
        rest += data
        while (end := rest.find(b"\n\n")) >= 0:
            yield at
            rest = rest[end + 2 :]


async def stream(port: int, number: int) -> list[Stamped]:
    body = json.dumps(
        {
            "model": "deepseek-flash",
            "messages": [{"role": "user", "content": f"stream {number:06}"}],
            "stream": True,
            "thinking": {"type": "disabled"},
        }
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(0.5)  # connections are there when the first asks
    head = f"POST /chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer sk-latency-0001\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"  # noqa: E501
    writer.write(head.encode() + body)
    pieces, tail = list[Stamped](), b""
    while not tail.endswith(b"0\r\n\r\n") and (data := await reader.read(1 << 16)):
        pieces.append((time.monotonic_ns(), data))
        tail = (tail + data)[-8:]
    writer.close()
    return pieces


async def streams(port: int, count: int) -> list[list[Stamped]]:
    return list(await asyncio.gather(*(stream(port, number) for number in range(count))))


def later(mock: str, port: int, count: int) -> list[float]:
    """How much later each event was read than written, ms, ascending."""
    since = json.load(urlopen(f"{mock}/__mock/state"))["requests"]
    got = asyncio.run(streams(port, count))
    time.sleep(0.3)
    found = []
    for entry in json.load(urlopen(f"{mock}/__mock/journal?since={since}&raw=1"))["entries"]:
        asked = re.search(rb"stream (\d+)", base64.b64decode(entry["body_b64"]))
        parts = (base64.b64decode(part) for part in entry["writes_b64"])
        written = list(events(zip(entry["written"], parts, strict=False)))
        read = list(events(got[int(asked[1])])) if asked else []
        found += [(b - a) / 1e6 for a, b in zip(written, read, strict=False)]
    return sorted(found)


@contextmanager
def started(line: list[str], port: int = 0) -> Iterator[int]:
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        assert process.stdout is not None
        if port:
            time.sleep(1)
        yield port or int(process.stdout.readline().rpartition(":")[2])
    finally:
        process.terminate()
        process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mock = stack.enter_context(spawn(ttft_ms=20.0, itl_ms=10.0))
        direct = int(mock.url.rpartition(":")[2])
        listen = [sys.executable, "-m", "echosounder", "listen", "--upstream", mock.url, "--out", str(folder / "run")]
        ways = {"direct": direct, "listen": stack.enter_context(started(listen))}
        if nginx := shutil.which("nginx"):
            port = direct + 1 if direct < 65535 else direct - 1
            (folder / "nginx.conf").write_text(
                NGINX.format(folder=folder, port=port, upstream=direct), encoding="utf-8"
            )
            ways["nginx"] = stack.enter_context(started([nginx, "-c", str(folder / "nginx.conf")], port))
        print("| way | events | p50 ms | p90 | p99 | largest |\n|---|--:|--:|--:|--:|--:|")
        for _ in range(given.rounds):
            for way, port in ways.items():
                found = later(mock.url, port, given.streams)
                shown = " | ".join(f"{quantile(found, share):.3f}" for share in (0.5, 0.9, 0.99, 1))
                print(f"| {way} | {len(found)} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
