"""Load tools that people use instead, as they come: streams a second on the server of this folder, by the server's own count.

    python benchmarks/load_tools.py speed --events 16 --tools guidellm aiperf --repeats 3
    python benchmarks/load_tools.py speed --events 256 --tools guidellm --interpreter PATH/bin/python

A tool runs where it is installed: ``.field/NAME/bin/python``, or the interpreter given. The server has core 0, the tool with all
its processes core 1. The rate is (requests - 1) / (last request - first request): no tool's start and none's own arithmetic is
in it. All get one tokenizer (bytes, and ``word`` as one token), made here and put where they look for downloaded ones.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from load_clients import CLIENT_CORE, HERE, SERVER_CORE
from load_server import Server

# SGLang's bench client is a compiled module; the Python package around it wants the whole GPU stack only to be imported.
SGLANG = """
import glob, importlib.util, sys, sysconfig
path = glob.glob(sysconfig.get_path("purelib") + "/sglang/srt/rust_extensions/_bench.*.so")[0]
spec = importlib.util.spec_from_file_location("_bench", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.run_argv(["sglang-bench", *sys.argv[1:]])
"""


class Tool(NamedTuple):
    """What runs it (beside the interpreter, or the interpreter with these words), with what, and how many requests take seconds."""

    program: str | list[str]
    options: str
    of_16: int = 0
    of_256: int = 0


TOOLS = {
    "echosounder": Tool(  # counts seconds, not requests
        ["-m", "echosounder"],
        "load streaming {url} --users 64 --prompt-tokens 20 --output-tokens {events} --duration 5s --out out",
    ),
    "sglang": Tool(
        ["-c", SGLANG],
        "--base-url {url} --backend sglang-oai-chat --model deepseek-v4-flash --tokenizer {tokenizer} --max-concurrency 64"
        " --num-prompts {requests} --warmup-requests 0 --dataset-name random-ids --random-input-len 20"
        " --random-output-len {events} --disable-tqdm",
        16_000,
        2_000,
    ),
    "aiperf": Tool(
        "aiperf",
        "profile -m deepseek-v4-flash --tokenizer field/tiny --endpoint-type chat --streaming -u {url} --concurrency 64"
        " --request-count {requests} --isl 20 --osl {events} --ui none --artifact-dir out --no-gpu-telemetry"
        " --no-server-metrics",
        600,
        300,
    ),
    "genai-bench": Tool(
        "genai-bench",
        "benchmark --api-backend openai --api-base {url} --api-key sk-bench --api-model-name deepseek-v4-flash"
        " --model-tokenizer {tokenizer} --task text-to-text --traffic-scenario D(20,{events}) --num-concurrency 64"
        " --max-time-per-run 1 --max-requests-per-run {requests} --experiment-base-dir . --server-engine vLLM"
        " --server-gpu-type H100 --server-version 1 --server-gpu-count 1",
        800,
        400,
    ),
    "guidellm": Tool(
        "guidellm",
        "run --disable-console-interactive"
        " --backend kind=openai_http,target={url},model=deepseek-v4-flash,request_format=/v1/chat/completions"
        " --profile kind=concurrent,streams=64 --constraint kind=max_requests,count={requests}"
        " --data kind=synthetic_text,prompt_tokens=20,output_tokens={events}"
        " --tokenizer kind=hf_auto,model={tokenizer} --output kind=json,path=out.json",
        400,
        150,
    ),
}


class Counting(Server):
    """The server of the other benchmarks, with the time of every request (monotonic ns) at ``GET /times``."""

    def complete(self, data: bytes) -> bool:
        whole = super().complete(data)
        if whole:
            self.times[len(self.times)] = [time.monotonic_ns()]
        return whole


def make_tokenizer(home: Path) -> Path:
    """A byte-level BPE with the merges of ``word`` and `` word``, in the layout of the hub's cache below *home*."""
    folder = home / "hub/models--field--tiny/snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    (folder.parents[1] / "refs").mkdir()
    (folder.parents[1] / "refs/main").write_text(folder.name)
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [*map(chr, printable), *(chr(256 + number) for number in range(256 - len(printable)))]
    merges = ["w o", "wo r", "wor d", "Ġ word"]
    words = ["</s>", *symbols, *(merge.replace(" ", "") for merge in merges)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "vocab": {word: number for number, word in enumerate(words)}, "merges": merges}
    flags = dict.fromkeys(["single_word", "lstrip", "rstrip", "normalized"], False)
    end = {"id": 0, "content": "</s>", "special": True, **flags}
    made = {"version": "1.0", "added_tokens": [end], "pre_tokenizer": level, "decoder": level, "model": model}
    chat = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "pad_token": "</s>"}
    (folder / "tokenizer.json").write_text(json.dumps(made))
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": chat}))
    return folder


def once(tool: Tool, python: Path, events: int, home: Path) -> tuple[float, int, str]:
    """Streams a second, requests counted, and how the tool ended: nothing, or its exit code and its last words."""
    program = [python.with_name(tool.program)] if isinstance(tool.program, str) else [python, *tool.program]
    fields = {
        "events": events,
        "requests": tool.of_16 if events <= 16 else tool.of_256,
        "tokenizer": make_tokenizer(home),
    }
    environment = {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "DEEPSEEK_API_KEY": "sk-bench-000000000"}
    serve = ["taskset", "-c", str(SERVER_CORE), sys.executable, __file__, "serve", "--events", str(events)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            words = [*program, *tool.options.format(url=url, **fields).split()]
            done = subprocess.run(
                words, check=False, cwd=home, env=os.environ | environment, capture_output=True, text=True, timeout=80
            )
            stamps = [stamp for (stamp,) in json.loads(urllib.request.urlopen(url + "/times").read()).values()]
        finally:
            server.kill()
    rate = (len(stamps) - 1) / (stamps[-1] - stamps[0]) * 1e9 if len(stamps) > 1 else 0.0
    said = (done.stdout.strip() or done.stderr.strip()).splitlines()[-4:]
    return rate, len(stamps), f"exit code {done.returncode}: {' '.join(said)}" if done.returncode else ""


def speed(given: argparse.Namespace) -> None:
    print("| tool | streams/s | events/s | least-most streams/s | requests | runs |\n|---|--:|--:|--:|--:|--:|")
    for name in given.tools:
        field = Path(sys.executable) if name == "echosounder" else HERE.parent / ".field" / name / "bin/python"
        python = (given.interpreter or field).absolute()
        if not python.exists():
            print(f"{name}: not installed in .field/{name}; give --interpreter", file=sys.stderr)
            continue
        runs = []
        for _ in range(given.repeats):
            with tempfile.TemporaryDirectory() as home:
                runs.append(once(TOOLS[name], python, given.events, Path(home)))
        rates = sorted(rate for rate, _, _ in runs)
        middle, requests = statistics.median(rates), statistics.median(count for _, count, _ in runs)
        figures = f"{middle:,.0f} | {middle * given.events:,.0f} | {rates[0]:,.0f}-{rates[-1]:,.0f} | {requests:,.0f}"
        print(f"| {name} | {figures} | {len(runs)} |", flush=True)
        for end in {end for _, _, end in runs if end}:
            print(f"{name}: {end}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["speed", "serve"])
    parser.add_argument("--events", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--interpreter", type=Path, help="that has the tool, instead of .field/NAME/bin/python")
    parser.add_argument("--tools", nargs="*", choices=TOOLS, default=list(TOOLS))
    arguments = parser.parse_args()
    if arguments.what == "serve":
        counting = Counting(0, arguments.events, 0.0, 0.0)
        print(f"listening on http://127.0.0.1:{counting.listener.getsockname()[1]}", flush=True)
        counting.run()
    else:
        os.sched_setaffinity(0, {CLIENT_CORE})
        speed(arguments)
