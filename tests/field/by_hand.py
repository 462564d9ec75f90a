"""docs/field/by-hand.md: each finding of runs/field/client-* once more without the harness that found it.

`python tests/field/by_hand.py [COLUMN…]`: a mock with the deviation, the driver alone, the bytes in which the answer is unlike the
honest one, and what the driver said. A finding that does not show again is told as such.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from urllib.request import urlopen

from echosounder.conformance.client.environment import Briefing
from echosounder.judgement.client.score import score
from echosounder.mock_server.net.process import spawn
from echosounder.stage import CLOCK
from echosounder.wire.command import ClientRun
from echosounder.wire.runlog import read
from tests.field.matrix import ROOT, RUNS, SOFTWARE, version
from tests.field.test_field_clients import CLIENTS

PAGE = ROOT / "docs/field/by-hand.md"
HEAD = """# Each finding by hand

Every finding of [the clients](clients/index.html) once more, without the harness that found it: `echosounder mock` with the deviation, the
driver alone, and what it said. *Bytes* are the first line of the answer that an honest one does not have, or *the rest is missing*.
Times are of a busy machine, the start of the program included. Made by
`tests/field/by_hand.py`; what each finding means is in [the field notes](../field-notes.md#what-clients-make-of-answers).
"""
MEANS_NOTHING = re.compile(r"[0-9a-f]*\r?$|x-ds-trace-id")  # the length of a chunk, a blank line, a name
BROKEN = ("fail", "nonstrict")
LIMIT_S = 40


@dataclass(frozen=True)
class Seen:
    status: str
    seconds: float
    said: str
    sent: tuple[list[str], ...]  # the lines of each answer
    price: list[str | None]
    connections: int


@cache
def alone(command: tuple[str, ...], use: str, deviations: str) -> Seen:
    """The driver at a mock, told what `echosounder client` would tell it."""
    chosen = tuple(filter(None, deviations.split(";")))
    with spawn(profile="2026-11", seed=0, clock=CLOCK, deviate=chosen) as mock:
        told = Briefing(mock.url, "sk-hand-0123456789", "deepseek-flash", use, 2.0, "hand").variables(os.environ)
        begun = time.monotonic()
        try:
            done = subprocess.run(command, env=told, cwd=ROOT, capture_output=True, timeout=LIMIT_S, check=False)
            status, said = f"exit {done.returncode}", (done.stdout + done.stderr).decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            status, said = "still running", ""
        took = time.monotonic() - begun
        with urlopen(f"{mock.url}/__mock/journal?bodies=1&open=1") as answer:
            rows = json.load(answer)["entries"]
    lines = tuple((row.get("sent") or "").split("\n") for row in rows)
    prices, connections = [row.get("price") for row in rows], {row["connection"] for row in rows}
    return Seen(status, took, said.strip(), lines, prices, len(connections))


def unlike(seen: Seen, honest: Seen) -> str:
    """Where an answer first has a line that no honest one has, from a little before the difference on."""
    known = {line for answer in honest.sent for line in answer}
    for line in (line for answer in seen.sent for line in answer):
        if line not in known and not MEANS_NOTHING.match(line):
            same = max((shared(line, each) for each in known), default=0)
            return ("…" if same > 30 else "") + line[max(same - 30, 0) : same + 70]
    return "the rest is missing" if seen.sent != honest.sent else "as from an honest server"


def shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def findings(name: str) -> Iterator[tuple[str, ClientRun]]:
    """Requirement, and the scenario in which it was broken; each requirement once for each way of breaking it."""
    run = read(RUNS / name)
    scenes = {exchange.id: (exchange.probe, exchange.step) for exchange in run.exchanges}
    commands = {(each.family, each.scenario): each for each in run.clients}
    for result in score(run):
        if result.verdict in BROKEN:
            for scene in dict.fromkeys(
                scenes[finding.exchange] for finding in result.findings if finding.exchange in scenes
            ):
                yield result.requirement, commands[scene]


def rows(name: str) -> Iterator[str]:
    yield from ("| requirement | use | deviation | bytes | said | ended |", "|---|---|---|---|---|---|")
    command = tuple(CLIENTS[name])
    for requirement, scene in findings(name):
        seen = alone(command, scene.use, scene.deviations)
        odd = unlike(seen, alone(command, scene.use, ""))
        cost = sum(map(float, filter(None, seen.price)))
        told = f"{seen.status} after {seen.seconds:.1f} s; {len(seen.sent)} requests, {seen.connections} connections, {cost:.8f} USD"
        cells = (f"`{requirement}`", scene.use, f"`{scene.deviations or 'none'}`", cell(odd), cell(seen.said), told)
        yield f"| {' | '.join(cells)} |"


def cell(text: str) -> str:
    shown = text.replace(str(ROOT), "…").replace("\r", "␍").replace("\n", "␊")
    shown = shown if len(shown) <= 150 else f"{shown[:70]} … {shown[-70:]}"
    return "`" + shown.replace("`", "'").replace("|", "\\|") + "`"


def main(names: list[str]) -> None:
    labels = {run: f"{run} {version(*each.version)}" for each in SOFTWARE["clients"] for run in each.runs}
    parts = [HEAD]
    for name in names or list(labels):
        parts += [f"\n## {labels[name]}\n", *rows(name)]
    PAGE.write_text("\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
