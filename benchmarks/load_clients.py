"""Speed, truth and cost of the load client, beside others on one server: medians of several runs, as a Markdown table.

    python benchmarks/load_clients.py speed --events 256 --repeats 5
    python benchmarks/load_clients.py speed --events 16
    python benchmarks/load_clients.py speed --format responses --clients echosounder
    python benchmarks/load_clients.py reader                              # ours only: what each format costs to read, no socket
    python benchmarks/load_clients.py truth --connections 256 1000
    python benchmarks/load_clients.py cost --connections 64 256 1000     # ours only: CPU per paced event, memory

The server has core 0 for itself, the client core 1 with everything it needs (its parent process, its files). aiohttp, httpx-sse
and the openai SDK run in ``.field/http-clients`` (``make peers``) or with ``--peers PYTHON``; those that are not there are named
and left out. Truth is the server's own write times.
"""

import argparse
import bisect
import gc
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OURS = ("echosounder", "echosounder-own-stamps")
LOCUST = (
    "fasthttp",
    "fasthttp-measuring",
    "stream-user",
)  # in this environment, so that ours and theirs have one Locust
PEERS = (*LOCUST, "aiohttp", "httpx-sse", "openai")
HTTP_CLIENTS = HERE.parent / ".field/http-clients/bin/python"
SERVER_CORE, CLIENT_CORE = 0, 1
PATIENCE = 120  # s for a run of another client
SECONDS = {"speed": 4.0, "reader": 15.0, "truth": 4.0, "cost": 20.0}
FORMATS = ("chat", "responses", "messages")
WARM = 2_000_000_000  # ns at the start of a run in which users come and code is run for the first time

Row = dict[str, Any]


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, str(HERE / "load_server.py"), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.kill()


def ours(name: str, url: str, connections: int, seconds: float, form: str = "") -> Row:
    """The load engine as the command line runs it: Locust, workers, log, analysis, all on the client's core."""
    from echosounder.load.engine import run
    from echosounder.load.options import Options
    from echosounder.wire.runlog import read, records

    own = time.process_time()
    with tempfile.TemporaryDirectory() as out:
        options = Options(
            url=url,
            users=str(connections),
            duration=seconds,
            out=Path(out),
            prompt_tokens="20",
            output_tokens="256",
            sample_limit=0,
            format=form or None,
            kernel_stamps=name == OURS[0],
        )
        outcome = run(options)
        parent = time.process_time() - own  # imports aside
        ticks = [record for record in records(outcome.log) if record["kind"] == "tick"]
        cpu = sum(tick["cpu"] * options.flush for tick in ticks)
        samples = [sample for sample in read(outcome.log).samples if sample["end"] == "done"]
    return {
        "seconds": seconds,
        "streams": outcome.report["throughput"]["requests_per_s"] * seconds,
        "events": outcome.report["throughput"]["output_tokens_per_s"] * seconds,
        "bytes": sum(sample["bytes"] for sample in samples),
        "cpu": cpu + parent,  # of the workers while they ran, and all of the parent's
        "ticks": ticks,
        "first": {sample["trace"]: sample["t_first_token"] for sample in samples if "trace" in sample},
        "gaps": {
            sample["trace"]: [gap * 1000 for gap in sample.get("gaps_us", ())]
            for sample in samples
            if "trace" in sample
        },
    }


def peer(name: str, python: Path, url: str, connections: int, seconds: float) -> Row:
    command = [str(python), str(HERE / "load_peers.py"), name, url, str(connections), str(seconds)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=True)
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


def wanted(given: argparse.Namespace, usual: tuple[str, ...]) -> Iterator[str]:
    """The clients asked for; those that are not there are named."""
    for name in given.clients or usual:
        if name in (*OURS, *LOCUST) or given.peers.exists():
            yield name
        else:
            print(f"{name}: no {given.peers}, left out: make peers, or --peers PYTHON", file=sys.stderr)


def measured(name: str, given: argparse.Namespace, connections: int, url: str) -> Row | None:
    """One run; None of a client that failed, which is named."""
    if name in OURS:
        return ours(name, url, connections, given.seconds, given.format)
    try:
        return peer(name, Path(sys.executable) if name in LOCUST else given.peers, url, connections, given.seconds)
    except subprocess.CalledProcessError as error:
        print(f"{name}: {error.stderr.strip().splitlines()[-1]}", file=sys.stderr)
    except subprocess.TimeoutExpired:
        print(f"{name}: stopped after {PATIENCE} s", file=sys.stderr)
    return None


def speed(given: argparse.Namespace) -> None:
    print("| client | events/s | streams/s | MB/s | µs CPU per event | runs |\n|---|--:|--:|--:|--:|--:|")
    for name in wanted(given, (OURS[0], *PEERS)):
        rows: list[Row] = []
        for _ in range(given.repeats):
            with serving("--events", str(given.events), "--format", given.format) as url:
                rows += filter(None, [measured(name, given, given.connections[0], url)])
        if not rows:
            continue
        events = statistics.median(row["events"] / row["seconds"] for row in rows)
        streams = statistics.median(row["streams"] / row["seconds"] for row in rows)
        cpu = statistics.median(row["cpu"] / max(row["events"], 1) * 1e6 for row in rows)
        size = statistics.median(row.get("bytes", 0) / row["seconds"] / 1e6 for row in rows)
        figures = f"{events:,.0f} | {streams:,.0f} | {f'{size:,.0f}' if size else '–'} | {cpu:.2f}"
        print(f"| {name} | {figures} | {len(rows)} |", flush=True)


def reader(given: argparse.Namespace) -> None:
    """µs for a stream that is there whole: framing alone, which no client can do without, and the reader on top; the least of many."""
    streams = {(events, form): _stream(events, form) for events in (16, 256) for form in FORMATS}
    least = dict.fromkeys(itertools.product(streams, (False, True)), math.inf)
    gc.disable()  # as while a load runs
    until = time.monotonic() + given.seconds
    while time.monotonic() < until:
        for place, read in least:
            begun = time.perf_counter_ns()
            for _ in range(4):
                _read(place[1], streams[place], read)
            least[place, read] = min(least[place, read], (time.perf_counter_ns() - begun) / 4000)
    print("| events | format | bytes | framing alone, µs | reader on top, µs |\n|--:|---|--:|--:|--:|")
    for (events, form), body in streams.items():
        framed, whole = least[(events, form), False], least[(events, form), True]
        print(f"| {events} | {form} | {len(body):,} | {framed:.1f} | {whole - framed:.1f} |")


def _stream(events: int, form: str) -> bytes:
    import load_server as server

    return b"".join(
        server.chunks(events) if form == "chat" else server.named_chunks(server.FORMATS / f"{form}.yaml", events)
    )


def _read(form: str, body: bytes, read: bool) -> None:
    from echosounder.load.client.framing import Framing
    from echosounder.load.client.reader import StreamReader
    from echosounder.wire.formats import named

    framing, stream = Framing(), StreamReader(named(form))
    pieces = framing.feed(body)
    if read:
        stream.feed(1, pieces)
    framing.release()


def truth(given: argparse.Namespace) -> None:
    print("| client | streams | TTFT error p50 / p99, ms | gap error p50 / p99, ms | compared |\n|---|--:|--:|--:|--:|")
    for connections, name in itertools.product(given.connections, wanted(given, (*OURS, *PEERS))):
        rows = []
        for _ in range(given.repeats):
            with paced(given.itl, round(given.seconds * 1000 / given.itl)) as url:
                if seen := measured(name, given, connections, url):
                    rows.append(errors(seen, write_times(url)))
        if not rows:
            continue
        figures = [statistics.median(row[place] for row in rows) for place in range(4)]
        compared = statistics.median(row[4] for row in rows)
        first, gaps = f"{figures[0]:.2f} / {figures[1]:.2f}", f"{figures[2]:.2f} / {figures[3]:.2f}"
        print(f"| {name} | {connections} | {first} | {gaps} | {compared:.0f} |", flush=True)


def paced(itl: float, events: int) -> AbstractContextManager[str]:
    return serving("--events", str(events), "--ttft", "200", "--itl", str(itl))


def write_times(url: str) -> dict[str, list[int]]:
    with urllib.request.urlopen(url + "/times") as answer:
        times: dict[str, list[int]] = json.load(answer)
    return times


def cost(given: argparse.Namespace) -> None:
    """Streams of two seconds, one after the other on each connection, for the length of the run."""
    print("| streams | µs CPU per event: worker | in the first third | in the last third | with the parent |", end="")
    print(" memory after a third, MB | at the end, MB | limit, MB | runs |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for connections in given.connections:
        rows = []
        for _ in range(given.repeats):
            with paced(given.itl, 100) as url:
                seen = ours(OURS[0], url, connections, given.seconds)
                rows.append(costs(seen, sorted(itertools.chain(*write_times(url).values()))))
        cpu, memory = zip(*rows, strict=True)
        figures = [f"{statistics.median(column):.2f}" for column in zip(*cpu, strict=True)]
        figures += [f"{statistics.median(column):.0f}" for column in zip(*memory, strict=True)]
        print(f"| {connections} | {' | '.join(figures)} | {100 + connections * 0.02:.0f} | {len(rows)} |", flush=True)


def costs(seen: Row, writes: list[int]) -> tuple[list[float], list[float]]:
    """µs of CPU for each event (worker: all the time, first third, last third; all processes), and the memory
    of the worker at a third of the time and at its end, MB.

    The events of a tick are those that the server wrote since the one before. Ticks of the start-up and of the drain are left out.
    """
    ticks = seen["ticks"]
    steady = [
        pair for pair in itertools.pairwise(ticks) if WARM < pair[1]["at"] - ticks[0]["at"] <= seen["seconds"] * 1e9
    ]
    third = max(len(steady) // 3, 1)
    worker = [_cpu(pairs, writes) for pairs in (steady, steady[:third], steady[-third:])]
    memory = [pairs[-1][1]["rss_kb"] * 1024 / 1e6 for pairs in (steady[:third], steady)]
    return [*worker, seen["cpu"] / len(writes) * 1e6], memory


def _cpu(ticks: list[tuple[Row, Row]], writes: list[int]) -> float:
    used = sum(tick["cpu"] * (tick["at"] - before["at"]) for before, tick in ticks)
    events = sum(bisect.bisect(writes, tick["at"]) - bisect.bisect(writes, before["at"]) for before, tick in ticks)
    return float(used / events / 1000)


def errors(seen: Row, written: dict[str, list[int]]) -> tuple[float, float, float, float, int]:
    """p50 and p99 of the errors of first tokens and of gaps, ms, and how many streams were compared.

    A client that gives every token a stamp is held to the write of every token. One that gives a read with several of them a
    single stamp has fewer; each belongs to the write nearest to it, and gaps are held against the times between those writes.
    """
    first = sorted(abs(stamp - written[trace][0]) / 1e6 for trace, stamp in seen["first"].items())
    gaps = sorted(
        error for trace, found in seen["gaps"].items() for error in _gaps(seen["first"][trace], found, written[trace])
    )
    return (*_quantiles(first), *_quantiles(gaps), len(first))


def _gaps(first: int, gaps: list[int], written: list[int]) -> Iterator[float]:
    stamps = list(itertools.accumulate(gaps, initial=first))
    each = len(stamps) == len(written) - 1  # the last write is the end
    places = range(len(stamps)) if each else [_nearest(stamp, written) for stamp in stamps]
    for gap, (a, b) in zip(gaps, itertools.pairwise(places), strict=True):
        yield abs(gap - (written[b] - written[a])) / 1e6


def _nearest(stamp: int, written: list[int]) -> int:
    place = min(bisect.bisect(written, stamp), len(written) - 1)
    return place - (place > 0 and stamp - written[place - 1] < abs(written[place] - stamp))


def _quantiles(ordered: list[float]) -> tuple[float, float]:
    if not ordered:
        return float("nan"), float("nan")
    return ordered[len(ordered) // 2], ordered[min(round(len(ordered) * 0.99), len(ordered) - 1)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=list(SECONDS))
    parser.add_argument("--events", type=int, default=256)
    parser.add_argument("--connections", type=int, nargs="+", default=[64], help="speed takes the first")
    parser.add_argument("--seconds", type=float, help=f"of each run, else {SECONDS}")
    parser.add_argument("--itl", type=float, default=20.0, help="ms")
    parser.add_argument("--format", default="chat", choices=FORMATS, help="of our own client's speed")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peers", type=Path, default=HTTP_CLIENTS, help="the interpreter that has the other clients")
    parser.add_argument("--clients", nargs="*", choices=(*OURS, *PEERS), help="only these")
    arguments = parser.parse_args()
    arguments.seconds = arguments.seconds or SECONDS[arguments.what]
    os.sched_setaffinity(0, {CLIENT_CORE})
    sys.path.insert(0, str(HERE.parent))
    {"speed": speed, "reader": reader, "truth": truth, "cost": cost}[arguments.what](arguments)
