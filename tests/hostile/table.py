"""What hostile targets did to whole runs, measured: ``make hostile`` writes docs/hostile.md.

Each position is run by ``check`` and by ``load``, as processes of their own, against a target on a real socket. Zeros are what has to
stand in the columns over time, traceback and key.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from echosounder.wire.redact import Redactor
from tests.hostile.targets import (
    Asked,
    Behaviour,
    answer,
    chunk,
    document,
    flooding,
    pausing,
    plainly,
    serving,
    telling,
)

ROOT = Path(__file__).parents[2]
KEY = "sk-Table0123456789abcdef"
REDACT = Redactor((KEY,))
DEADLINE = 5.0
"""Seconds that each check was given; starting and judging come on top, and take what they take against an honest target."""
TIMES = 3
"""So many times what an honest target takes is left to a run besides its deadline: the machine may be busy, and is no judge."""
FROM_A_SMALL_PROCESS = """import os, subprocess, sys
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
with open(sys.argv[1], "w", encoding="ascii") as file:
    file.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A child's peak begins at what its parent holds when it forks, and this process holds all that the targets say."""
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n"


def chat(make: Behaviour) -> Behaviour:
    """*make* for chats, and an honest list of models, so that a run comes as far as that."""

    def behave(connection, asked: Asked) -> None:  # type: ignore[no-untyped-def]
        (plainly if asked.path.endswith("/models") else make)(connection, asked)

    return behave


def saying(body: bytes, kind: str = "application/json", status: str = "200 OK", *headers: str) -> Behaviour:
    return chat(lambda connection, asked: connection.sendall(answer(body, kind, status, *headers)))


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


CHOICE = {
    "index": 0,
    "message": {"role": "assistant", "content": "x"},
    "delta": {"content": "x"},
    "finish_reason": None,
}
TOKEN = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
SMUGGLED = answer(b"x" * 100_000, "text/event-stream")
POSITIONS: dict[str, Behaviour] = {
    "body: a byte now and then": chat(pausing(LONG, b"x", 0.2)),
    "stream: comments for ever": chat(pausing(STREAM, b"3\r\n:\n\n\r\n", 0.2)),
    "head: a byte now and then": chat(pausing(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.2)),
    "interim answers for ever": chat(pausing(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.2)),
    "interim answers, a flood": chat(flooding(b"", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" * 500)),
    "headers, a flood": chat(flooding(b"HTTP/1.1 200 OK\r\n", b"X-Many: yes\r\n" * 500)),
    "trailers, a flood": chat(flooding(STREAM + b"0\r\n", b"X-Trailer: yes\r\n" * 500)),
    "body, a flood": chat(flooding(LONG, b"x" * 65536)),
    "events, a flood": chat(flooding(STREAM, b"1000\r\n" + b"data: x\n" * 512 + b"\r\n")),
    "lines of one event": saying(b"data: x\n" * 600_000 + b"\n", "text/event-stream"),
    "NULs": saying(bytes(4_000_000)),
    "gzip that is a thousand times its size": saying(
        gzip.compress(bytes(200_000_000), 6), "application/json", "200 OK", "Content-Encoding: gzip"
    ),
    "duplicate keys": saying(b"{" + b",".join(b'"k":1' for _ in range(500_000)) + b"}"),
    "fifty thousand choices": saying(document("x", choices=[CHOICE] * 50_000)),
    "choices in each event": saying(event({"choices": [CHOICE] * 20_000}) * 3, "text/event-stream"),
    "log probabilities without end": saying(
        document("x", choices=[CHOICE | {"logprobs": {"content": [TOKEN] * 90_000}}])
    ),
    "JSON, nested without end": saying(b"[" * 2_000_000),
    "numbers of 5,000 digits": saying(document("x").replace(b"7", b"9" * 5000)),
    "half characters": saying(document("\ud800", model="\udfff", id="\ud800")),
    "bytes that are no UTF-8": saying(document("x").replace(b"deepseek", b"\xff\xfe\x80")),
    "escapes and bidi": saying(document("\x1b]0;x\x07\u202e", model="`](x)![x](http://evil.example/x.png)\x1b[2J")),
    "Location: javascript:": saying(b"", "text/html", "302 Found", "Location: javascript:alert(1)"),
    "Retry-After of 5,000 digits": saying(b"{}", "application/json", "429 No", "Retry-After: " + "9" * 5000),
    "words of a megabyte in an error": saying(
        json.dumps({"error": {"message": "x" * 1_000_000}}).encode(), status="400 No"
    ),
    "a second answer behind the first": chat(
        lambda connection, asked: connection.sendall(answer(chunk("x"), "text/event-stream") + SMUGGLED)
    ),
    "the key in every spelling": telling,
}
COMMANDS = {
    "check": ["check", "URL", "--suite", "smoke", "--timeout", "1", "--deadline", f"{DEADLINE:g}s", "--out", "OUT"],
    "load": [
        "load",
        "streaming",
        "URL",
        "--users",
        "4",
        "--duration",
        "1s",
        "--drain",
        "1s",
        "--timeout",
        "1s",
        "--out",
        "OUT",
    ],
}


@dataclass(frozen=True)
class Row:
    """What became of the runs of one position."""

    position: str
    runs: int
    late: int
    tracebacks: int
    leaks: int
    peak_mb: int
    disk_kb: int


def measured(position: str, behave: Behaviour, honest: float) -> Row:
    late = tracebacks = leaks = peak = disk = 0
    for words in COMMANDS.values():
        with tempfile.TemporaryDirectory() as folder, serving(behave) as url:
            out = Path(folder) / "out"
            command = [
                sys.executable,
                "-c",
                FROM_A_SMALL_PROCESS,
                f"{folder}/peak",
                sys.executable,
                "-m",
                "echosounder",
                *(word.replace("URL", url).replace("OUT", str(out)) for word in words),
            ]
            with (Path(folder) / "said").open("wb") as said:
                begun = time.monotonic()
                process = subprocess.run(
                    command,
                    cwd=folder,
                    stdout=said,
                    stderr=said,
                    env={**os.environ, "DEEPSEEK_API_KEY": KEY},
                    check=False,
                )
                lasted = time.monotonic() - begun
            files = [path for path in Path(folder).rglob("*") if path.is_file()]
            late += lasted > DEADLINE + TIMES * honest
            tracebacks += (
                process.returncode not in {0, 1, 2, 3, 4} or b"Traceback" in (Path(folder) / "said").read_bytes()
            )
            leaks += any(REDACT.holds(path.read_bytes()) for path in files)
            peak = max(peak, int((Path(folder) / "peak").read_text(encoding="ascii")) // 1024)
            disk = max(disk, sum(path.stat().st_size for path in files) // 1024)
    return Row(position, len(COMMANDS), late, tracebacks, leaks, peak, disk)


def usual() -> float:
    """Seconds that both commands take against an honest target, here and now."""
    begun = time.monotonic()
    measured("honest", plainly, float("inf"))
    return time.monotonic() - begun


def page(rows: list[Row]) -> str:
    lines = [
        "# Effects of a hostile target on a run",
        "",
        "Made by `make hostile`: each row is a target with one kind of attack, and the runs of `check` and `load` against it, in separate",
        f"processes. *Over time*: the excess over the {DEADLINE:g} s given to `check` is more than {TIMES} times that of honest targets.",
        "*Traceback*: an undocumented exit code, or a traceback. *Key*: runs with the API key in any file or output, in any",
        "spelling. Memory and disk are the maximum over the runs. The promises are in SECURITY.md.",
        "",
        "| position | runs | over time | traceback | key | peak memory, MB | disk, KB |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.position} | {row.runs} | {row.late} | {row.tracebacks} | {row.leaks} | {row.peak_mb} | {row.disk_kb} |"
        for row in rows
    ]
    total = [sum(getattr(row, name) for row in rows) for name in ("runs", "late", "tracebacks", "leaks")]
    most = max(row.peak_mb for row in rows), max(row.disk_kb for row in rows)
    return "\n".join([*lines, f"| **all** | {' | '.join(map(str, (*total, *most)))} |", ""])


def main() -> int:
    assert shutil.disk_usage(tempfile.gettempdir()).free > 2**30, "a gigabyte of disk is needed"
    rows, honest = list[Row](), usual()
    for position, behave in POSITIONS.items():
        rows.append(measured(position, behave, honest))
        print(rows[-1], flush=True)
    (ROOT / "docs" / "hostile.md").write_text(page(rows), encoding="utf-8")
    return int(any(row.late or row.tracebacks or row.leaks for row in rows))


if __name__ == "__main__":
    sys.exit(main())
