"""Load tools that people use instead, as they come, on the server of this folder: how fast they read, and whether they tell the truth.

    python benchmarks/load_tools.py speed --events 16 --tools guidellm aiperf --repeats 3
    python benchmarks/load_tools.py truth --connections 64 1000 --repeats 5
    python benchmarks/load_tools.py truth --pause 250                  # one wait in 25 is 250 ms longer
    python benchmarks/load_tools.py speed --tools guidellm --interpreter PATH/bin/python

A tool runs where it is installed: ``.field/NAME/bin/python`` (``make peers``), or the interpreter given. The server has core 0, the
tool with all its processes core 1. A rate is (requests - 1) / (last request - first request) as the server saw them: no tool's start
and none's own arithmetic is in it. Truth is the server's as well, over all its requests: the first token's write less the arrival of
the whole request, and the times between the writes of tokens; beside it stands what the tool's own report says.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from load_clients import CLIENT_CORE, HERE, serving
from load_tokenizer import make_tokenizer

TTFT, ITL, TOKENS = 200, 20, 100  # of the paced server, ms and ms
STREAM = (TTFT + ITL * TOKENS) / 1000  # s
PATIENCE = 60  # s for a run

# SGLang's bench client is a compiled module; the Python package around it wants the whole GPU stack only to be imported.
SGLANG = """
import glob, importlib.util, sys, sysconfig
path = glob.glob(sysconfig.get_path("purelib") + "/sglang/srt/rust_extensions/_bench.*.so")[0]
spec = importlib.util.spec_from_file_location("_bench", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.run_argv(["sglang-bench", *sys.argv[1:]])
"""

Figures = list[float]  # ms: p50 and p99 of the time to the first token, p50 and p99 of what is between tokens


class Tool(NamedTuple):
    """What runs it (beside the interpreter, or the interpreter with these words), with what, and what it reports in its folder.

    ``gap`` is what its figure between tokens is made of. ``of_16`` and ``of_256``: how many unpaced requests take seconds.
    """

    program: str | list[str]
    options: str
    reported: Callable[[Path], Figures]
    gap: str
    of_16: int = 0
    of_256: int = 0


def _echosounder(home: Path) -> Figures:
    metrics = json.loads((home / "out/report.json").read_text(encoding="utf-8"))["metrics"]
    return [metrics[name][share] for name in ("ttft_ms", "gap_ms") for share in ("p50", "p99")]


def _sglang(home: Path) -> Figures:
    line = json.loads((home / "out.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    return [line[f"{share}_{name}_ms"] for name in ("ttft", "itl") for share in ("median", "p99")]


def _aiperf(home: Path) -> Figures:
    report = json.loads((home / "out/profile_export_aiperf.json").read_text(encoding="utf-8"))
    return [report[name][share] for name in ("time_to_first_token", "inter_chunk_latency") for share in ("p50", "p99")]


def _genai_bench(home: Path) -> Figures:
    (path,) = home.glob("*/D*concurrency*.json")
    stats = json.loads(path.read_text(encoding="utf-8"))["aggregated_metrics"]["stats"]
    return [stats[name][share] * 1000 for name in ("ttft", "tpot") for share in ("p50", "p99")]


def _guidellm(home: Path) -> Figures:
    (benchmark,) = json.loads((home / "out.json").read_text(encoding="utf-8"))["benchmarks"]
    found = [
        benchmark["metrics"][name]["successful"]["percentiles"]
        for name in ("time_to_first_token_ms", "inter_token_latency_ms")
    ]
    return [percentiles[share] for percentiles in found for share in ("p50", "p99")]


TOOLS = {
    "echosounder": Tool(  # counts seconds, not requests
        ["-m", "echosounder"],
        "load streaming {url} --users {connections} --prompt-tokens 20 --output-tokens {events} --duration {seconds}s --out out",
        _echosounder,
        "each gap",
    ),
    "sglang": Tool(
        ["-c", SGLANG],
        "--base-url {url} --backend sglang-oai-chat --model deepseek-v4-flash --tokenizer {tokenizer}"
        " --max-concurrency {connections} --num-prompts {requests} --warmup-requests 0 --dataset-name random-ids"
        " --random-input-len 20 --random-output-len {events} --disable-tqdm --output-file out.jsonl",
        _sglang,
        "each gap",
        16_000,
        2_000,
    ),
    "aiperf": Tool(
        "aiperf",
        "profile -m deepseek-v4-flash --tokenizer field/tiny --endpoint-type chat --streaming -u {url}"
        " --concurrency {connections} --request-count {requests} --isl 20 --osl {events} --ui none --artifact-dir out"
        " --no-gpu-telemetry --no-server-metrics",
        _aiperf,
        "each gap",
        600,
        300,
    ),
    "genai-bench": Tool(
        "genai-bench",
        "benchmark --api-backend openai --api-base {url} --api-key sk-bench --api-model-name deepseek-v4-flash"
        " --model-tokenizer {tokenizer} --task text-to-text --traffic-scenario D(20,{events})"
        " --num-concurrency {connections} --max-time-per-run 1 --max-requests-per-run {requests} --experiment-base-dir ."
        " --server-engine vLLM --server-gpu-type H100 --server-version 1 --server-gpu-count 1",
        _genai_bench,
        "mean of a request",
        800,
        400,
    ),
    "guidellm": Tool(
        "guidellm",
        "run --disable-console-interactive"
        " --backend kind=openai_http,target={url},model=deepseek-v4-flash,request_format=/v1/chat/completions"
        " --profile kind=concurrent,streams={connections} --constraint kind=max_requests,count={requests}"
        " --data kind=synthetic_text,prompt_tokens=20,output_tokens={events}"
        " --tokenizer kind=hf_auto,model={tokenizer} --output kind=json,path=out.json",
        _guidellm,
        "mean of a request",
        400,
        150,
    ),
}


class Ran(NamedTuple):
    """Monotonic ns by request: when it was there, and when its events were written (where they are paced). How the tool ended,
    if not with 0; what its report says, if there is one.
    """

    arrivals: list[int]
    writes: list[list[int]]
    ended: str
    reported: Figures | None


def run(tool: Tool, python: Path, pace: list[str], fields: dict[str, Any]) -> Ran:
    """One run of the tool against a server of its own."""
    with tempfile.TemporaryDirectory() as folder, serving("--events", str(fields["events"]), *pace) as url:
        home = Path(folder)
        options = tool.options.format(url=url, tokenizer=make_tokenizer(home), **fields)
        ended = bounded([*program(tool, python), *options.split()], home)
        arrivals, writes = (list(told(url, what).values()) for what in ("arrivals", "times"))
        reported = None
        try:
            if pace:
                reported = [float(figure) for figure in tool.reported(home)]  # None where there were too few requests
        except (OSError, ValueError, KeyError, TypeError) as error:
            ended = ended or f"no report ({error!r})"
    return Ran(arrivals, writes, ended, reported)


def program(tool: Tool, python: Path) -> list[str]:
    return [str(python.with_name(tool.program))] if isinstance(tool.program, str) else [str(python), *tool.program]


def bounded(command: list[str], home: Path) -> str:
    """Run it with all its children, at most :data:`PATIENCE`; how it ended, if not with 0: code and last words."""
    environment = {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "DEEPSEEK_API_KEY": "sk-bench-000000000"}
    with (home / "words.txt").open("w+", encoding="utf-8") as words:
        process = subprocess.Popen(
            command, cwd=home, env=os.environ | environment, stdout=words, stderr=words, start_new_session=True
        )
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return f"stopped after {PATIENCE} s"
        finally:
            with suppress(ProcessLookupError):  # nobody is left
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        words.seek(0)
        return f"exit code {code}: {' '.join(words.read().split()[-40:])}" if code else ""


def told(url: str, what: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/{what}", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def speed(given: argparse.Namespace) -> None:
    print("| tool | streams/s | events/s | least-most streams/s | requests | runs |\n|---|--:|--:|--:|--:|--:|")
    for name, python in installed(given):
        tool = TOOLS[name]
        fields = {
            "events": given.events,
            "connections": given.connections[0],
            "requests": tool.of_16 if given.events <= 16 else tool.of_256,
            "seconds": 5,
        }
        runs = [run(tool, python, [], fields) for _ in range(given.repeats)]
        rates, requests = sorted(map(rate, runs)), statistics.median(len(ran.arrivals) for ran in runs)
        middle = statistics.median(rates)
        figures = f"{middle:,.0f} | {middle * given.events:,.0f} | {rates[0]:,.0f}-{rates[-1]:,.0f} | {requests:,.0f}"
        print(f"| {name} | {figures} | {len(runs)} |", flush=True)
        complain(name, {ran.ended for ran in runs})


def rate(ran: Ran) -> float:
    seconds = (max(ran.arrivals) - min(ran.arrivals)) / 1e9 if ran.arrivals else 0.0
    return (len(ran.arrivals) - 1) / seconds if seconds else 0.0


def truth(given: argparse.Namespace) -> None:
    print("What the tool reports less what is true, ms; in brackets both, of the run whose error is the middle one.\n")
    print("| tool | streams | TTFT p50 | TTFT p99 | gap p50 | gap p99 | its gap is | requests | runs |")
    print("|---|--:|--:|--:|--:|--:|---|--:|--:|")
    pace = ["--ttft", str(TTFT), "--itl", str(ITL), "--pause", str(given.pause)]
    for connections in given.connections:
        rounds = given.rounds or max(192 // connections, 1)
        fields = {"events": TOKENS, "connections": connections, "requests": connections * rounds}
        fields["seconds"] = rounds * (STREAM + given.pause * (TOKENS // 25) / 1000)
        for name, python in installed(given):
            runs = [run(TOOLS[name], python, pace, fields) for _ in range(given.repeats)]
            compared = [ran for ran in runs if ran.reported]
            cells = " | ".join(map(cell, zip(*map(pairs, compared), strict=True))) or "– | – | – | –"
            requests = statistics.median(len(ran.arrivals) for ran in runs)
            print(
                f"| {name} | {connections} | {cells} | {TOOLS[name].gap} | {requests:,.0f} | {len(compared)} |",
                flush=True,
            )
            complain(name, {ran.ended for ran in runs})


def pairs(ran: Ran) -> list[tuple[float, float]]:
    """The four figures of a run as its tool reports them, each with the true one."""
    assert ran.reported
    tokens = [writes[:TOKENS] for writes in ran.writes]  # one more is the end, with no token in it
    first = [writes[0] - arrival for writes, arrival in zip(tokens, ran.arrivals, strict=True) if writes]
    gaps = [b - a for writes in tokens for a, b in pairwise(writes)]
    true = [quantile(values, share) / 1e6 for values in (first, gaps) for share in (0.5, 0.99)]
    return list(zip(ran.reported, true, strict=True))


def quantile(values: list[int], share: float) -> int:
    return sorted(values)[max(ceil(share * len(values)), 1) - 1]


def cell(found: tuple[tuple[float, float], ...]) -> str:
    reported, true = sorted(found, key=lambda pair: abs(pair[0] - pair[1]))[len(found) // 2]
    return f"{reported - true:+.2f} ({reported:.2f} for {true:.2f})"


def installed(given: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    """The tools asked for, with the interpreter that has each; those that are not there are named."""
    for name in given.tools:
        field = Path(sys.executable) if name == "echosounder" else HERE.parent / ".field" / name / "bin/python"
        python = (given.interpreter or field).absolute()
        if Path(program(TOOLS[name], python)[0]).exists():
            yield name, python
        else:
            print(f"{name}: not installed in .field/{name}, left out: make peers, or --interpreter", file=sys.stderr)


def complain(name: str, ends: set[str]) -> None:
    for end in filter(None, ends):
        print(f"{name}: {end}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["speed", "truth"])
    parser.add_argument("--events", type=int, default=16, help="of an unpaced stream")
    parser.add_argument("--connections", type=int, nargs="+", default=[64], help="speed takes the first")
    parser.add_argument("--rounds", type=int, help="paced requests of each connection; default: 3 of 64, 1 of 1000")
    parser.add_argument("--pause", type=float, default=0.0, help="ms that one paced wait in 25 is longer")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--interpreter", type=Path, help="that has the tool, instead of .field/NAME/bin/python")
    parser.add_argument("--tools", nargs="*", choices=TOOLS, default=list(TOOLS))
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {CLIENT_CORE})
    {"speed": speed, "truth": truth}[arguments.what](arguments)
