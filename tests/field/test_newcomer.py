"""A newcomer's way: a clone with fifteen mistakes, checked and repaired by what the report says to fix, until it conforms.

The newcomer reads the terminal's list of causes, and repairs what each of them names. Six runs must be enough; the log of the way is
``docs/field/newcomer.md``, written with ``ECHOSOUNDER_WRITE=1``.
"""

import json
import os
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from echosounder.reports.causes import to_fix

pytestmark = pytest.mark.field
HERE = Path(__file__).parent
LOG = HERE.parents[1] / "docs/field/newcomer.md"
RUNS, SHOWN = 6, 10
REPAIRS = {
    "crash": ("error.missing-messages", "error.client-fault-4xx", "error.media-type", "error.envelope-500"),
    "envelope": ("error.envelope", "error.code-is-name", "error.message-helps", "error.param-harmless"),
    "key": ("error.status-401", "error.401-*", "*.auth"),
    "model": ("error.unknown-model", "chat.model-served", "error.status-400-model"),
    "media": ("stream.content-type", "stream.unbuffered"),
    "done": ("stream.ends-with-done", "stream.complete", "stream.done-once"),
    "role": ("stream.role-first",),
    "sum": ("usage.total-is-sum",),
    "id": ("stream.id-constant",),
    "object": ("stream.object",),
    "finish": ("stream.finish-key-present",),
    "created": (
        "chat.created-recent",
        "stream.created-*",
        "chat.response-schema",
        "stream.chunk-schema",
        "response.document-valid",
    ),
    "length": ("*.length-finish", "chat.max-tokens*", "usage.within-max-tokens", "limits.max-tokens*"),
    "arguments": ("tools.arguments-*", "tools.call-shape"),
    "usage": ("stream.usage-*", "usage.present"),
}
"""What a newcomer looks into at the words of each requirement."""


def checked(mistakes, out):
    """The report of a smoke check of the clone with these mistakes."""
    command = [sys.executable, str(HERE / "newcomer.py"), "0", *sorted(mistakes)]
    environment = os.environ | {"DEEPSEEK_API_KEY": "sk-newcomer"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as clone:
        try:
            url = clone.stdout.readline().split()[-1]
            line = [
                sys.executable,
                "-m",
                "echosounder",
                "check",
                url,
                "--suite",
                "smoke",
                "--format",
                "chat",
                "--out",
                str(out),
            ]
            done = subprocess.run(
                line, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False
            )
        finally:
            clone.terminate()
    return done.returncode, json.loads((out / "report.json").read_text(encoding="utf-8"))


def repaired(causes, mistakes):
    named = [id for cause in causes for id in cause.requirements]
    return {each for each in mistakes if any(fnmatchcase(id, pattern) for id in named for pattern in REPAIRS[each])}


def test_fifteen_mistakes_take_six_runs_at_most(tmp_path):
    mistakes, way = set(REPAIRS), []
    for number in range(1, RUNS + 1):
        code, report = checked(mistakes, tmp_path / str(number))
        causes = to_fix(report)[:SHOWN]
        fixed = repaired(causes, mistakes)
        way.append((number, len(mistakes), report["verdict"], [cause.title for cause in causes], sorted(fixed)))
        if code == 0:
            break
        assert fixed, [(cause.title, cause.requirements) for cause in causes]
        mistakes -= fixed
    if os.environ.get("ECHOSOUNDER_WRITE"):
        LOG.write_text("\n".join(_log(way)) + "\n", encoding="utf-8")
    assert (code, report["verdict"], mistakes) == (0, "conforms", set())


def _log(way):
    yield "# A newcomer's way\n"
    yield "A small clone with fifteen mistakes of beginners (`tests/field/newcomer.py`), repaired by what each report says to fix,"
    yield "until it conforms. Made by `tests/field/test_newcomer.py`.\n"
    yield "| run | mistakes left | verdict | things to fix | repaired |\n|--:|--:|---|---|---|"
    for number, left, verdict, titles, fixed in way:
        yield f"| {number} | {left} | {verdict} | {'; '.join(title.replace('|', '/')[:90] for title in titles)} | {', '.join(fixed)} |"
