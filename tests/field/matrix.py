"""The pages of docs/field/: requirements down, software across, made from the logs that `make field` left in runs/field/.

Every failure carries its review: the sentence of `proxies.reviewed.toml` or of the server's baseline. Run it with the project's
Python; a page is written when all of its runs are there.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from echosounder.__main__ import run
from echosounder.wire.runlog import read

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CLIENTS = "../mock_server/clients"
RUNS, PAGES = ROOT / "runs/field", ROOT / "docs/field"


@dataclass(frozen=True)
class Software:
    """``version`` tells where its version is written: a command that prints it, or a lock file and the package in it."""

    home: str
    version: tuple[str, str]
    runs: tuple[str, ...]


SOFTWARE = {
    "proxies": (
        Software("https://nginx.org", ("/usr/sbin/nginx", "-v"), ("nginx", "nginx-buffering", "nginx-hasty")),
        Software("https://www.haproxy.org", ("/usr/sbin/haproxy", "-v"), ("haproxy", "haproxy-plain", "haproxy-hasty")),
        Software(
            "https://github.com/BerriAI/litellm", ("litellm.lock", "litellm"), ("litellm-openai", "litellm-deepseek")
        ),
        Software(
            "https://github.com/Portkey-AI/gateway", ("portkey/package-lock.json", "@portkey-ai/gateway"), ("portkey",)
        ),
    ),
    "translation": (
        Software(
            "https://github.com/BerriAI/litellm",
            ("litellm.lock", "litellm"),
            ("litellm-responses", "litellm-messages", "litellm-openai-messages"),
        ),
        Software(
            "https://github.com/Portkey-AI/gateway",
            ("portkey/package-lock.json", "@portkey-ai/gateway"),
            ("portkey-responses",),
        ),
    ),
    "clients": (
        Software("https://curl.se", ("/usr/bin/curl", "--version"), ("client-curl",)),
        Software("https://www.python-httpx.org", ("../../requirements-dev.lock", "httpx"), ("client-httpx",)),
        Software(
            "https://github.com/openai/openai-python",
            ("../../requirements-dev.lock", "openai"),
            ("client-openai-python",),
        ),
        Software("https://github.com/openai/openai-python", ("openai-old.lock", "openai"), ("client-openai-python-1",)),
        Software(
            "https://github.com/openai/openai-node", (f"{CLIENTS}/package-lock.json", "openai"), ("client-openai-node",)
        ),
        Software(
            "https://github.com/vercel/ai", (f"{CLIENTS}/package-lock.json", "@ai-sdk/deepseek"), ("client-ai-sdk",)
        ),
        Software(
            "https://github.com/anthropics/anthropic-sdk-python",
            (f"{CLIENTS}/anthropic.lock", "anthropic"),
            ("client-anthropic",),
        ),
        Software(
            "https://github.com/langchain-ai/langchain",
            (f"{CLIENTS}/langchain.lock", "langchain-deepseek"),
            ("client-langchain",),
        ),
        Software("https://github.com/BerriAI/litellm", ("litellm.lock", "litellm"), ("client-litellm",)),
    ),
    "servers": (
        Software(
            "https://github.com/CopilotKit/aimock", ("servers/package-lock.json", "@copilotkit/aimock"), ("aimock",)
        ),
        Software(
            "https://github.com/huggingface/transformers", ("transformers.lock", "transformers"), ("transformers",)
        ),
        Software("https://github.com/abetlen/llama-cpp-python", ("llama.lock", "llama-cpp-python"), ("llama",)),
    ),
}


def version(where: str, name: str) -> str:
    """Of the program *where*, called with *name*, or of the package *name* in the lock file *where*."""
    if where.startswith("/"):
        told = subprocess.run([where, name], capture_output=True, encoding="utf-8", check=True)
        text, pattern = told.stdout + told.stderr, r"(\d+\.\d+\.\d+)"
    else:
        text = (HERE / where).read_text(encoding="utf-8")
        pattern = (
            rf'^{re.escape(name)}(?:\[.*?\])?==([\w.]+)|"node_modules/{re.escape(name)}": {{\s*"version": "([\w.]+)"'
        )
    found = re.search(pattern, text, re.MULTILINE)
    assert found, f"{where} does not say which version of {name} it is"
    return next(filter(None, found.groups()))


def reviews(name: str) -> Iterator[tuple[str, str]]:
    """``(requirement, sentence)`` for everything that is known to be true of the run *name*."""
    for file in ("proxies.reviewed.toml", "translation.reviewed.toml", "clients.reviewed.toml"):
        yield from tomllib.loads((HERE / file).read_text(encoding="utf-8")).get(name, {}).items()
    baseline = HERE / f"{name}.baseline.toml"
    for row in tomllib.loads(baseline.read_text(encoding="utf-8"))["accepted"] if baseline.exists() else ():
        yield row["id"], row["reason"]


def page(rows: tuple[Software, ...], out: Path) -> None:
    """Writes the page of *rows* into the folder *out*."""
    names = {name: f"{name} {version(*row.version)}" for row in rows for name in row.runs}
    known = [
        {"requirement": requirement, "target": names[name], "link": row.home, "note": sentence}
        for row in rows
        for name in row.runs
        for requirement, sentence in reviews(name)
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as issues:
        yaml.safe_dump(known, issues, allow_unicode=True)
        issues.flush()
        columns = [f"{label}={RUNS / name}" for name, label in names.items()]
        assert run(["matrix", *columns, "--out", str(out), "--issues", issues.name]) == 0
    text = (out / "index.html").read_text(encoding="utf-8")
    for place in (r"/[\w./-]+(?=/\.(?:field|venv)/)", re.escape(str(ROOT)), re.escape(str(Path.home()))):
        text = re.sub(place, "…", text)  # what a traceback told about this machine
    (out / "index.html").write_text(text, encoding="utf-8")


def missing(rows: tuple[Software, ...]) -> list[str]:
    """Runs that are not there, or not finished."""
    return [
        name
        for row in rows
        for name in row.runs
        if not (RUNS / name / "report.json").exists() or read(RUNS / name).footer is None
    ]


def main() -> int:
    absent = {kind: missing(rows) for kind, rows in SOFTWARE.items()}
    for kind, rows in SOFTWARE.items():
        if absent[kind]:
            print(f"no page of the {kind}: runs/field has no finished {', '.join(absent[kind])}", file=sys.stderr)
        else:
            page(rows, PAGES / kind)
    return 1 if any(absent.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
