"""Are limiters found out? Each kind of the mock with numbers drawn from a seed, over real sockets, from the command line.

    python benchmarks/limits_found.py run --out DIR [--kinds bucket,fixed] [--seeds 0-19]
    python benchmarks/limits_found.py run --out DIR --kinds cap64 --seeds 0-4
    python benchmarks/limits_found.py table DIR

A run appends one JSON line to DIR/found.jsonl; the table is made from all of them, the last of each case counting.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from echosounder.mock_server.net.process import spawn

KINDS = {
    "none": "none",
    "concurrency": "concurrency",
    "cap64": "concurrency",
    "bucket": "token-bucket",
    "fixed": "fixed-window",
    "sliding": "sliding-window",
}
HINTS = ("absent", "seconds", "date", "short", "long")
LIES = ("short", "long")
Row = dict[str, Any]


def drawn(kind: str, seed: int) -> tuple[dict[str, float], str, dict[str, float]]:
    """``(the limiter's numbers, its Retry-After, the mock's pace in ms)``. Windows are short, so that twenty runs end."""
    random = Random(f"{kind} {seed}")
    numbers: dict[str, dict[str, float]] = {
        "none": {},
        "cap64": {"count": 64},
        "concurrency": {"count": round(2 ** random.uniform(0, 7))},
        "bucket": {"rate": round(2 ** random.uniform(0, 6), 2), "burst": round(2 ** random.uniform(0, 6))},
        "fixed": {"count": round(2 ** random.uniform(1, 7)), "window_s": round(random.uniform(1, 6), 2)},
        "sliding": {"count": round(2 ** random.uniform(1, 7)), "window_s": round(random.uniform(1, 6), 2)},
    }
    pace = {"ttft_ms": round(random.uniform(5, 200)), "itl_ms": round(random.uniform(2, 20))}
    return numbers[kind], HINTS[seed % len(HINTS)], pace


def limit(kind: str, numbers: dict[str, float], hint: str) -> str:
    if kind == "none":
        return "none"
    name = "concurrency" if kind == "cap64" else kind
    return f"{name}:{','.join(f'{name}={value:g}' for name, value in numbers.items())},retry_after={hint}"


def measured(kind: str, seed: int, out: Path) -> Row:
    numbers, hint, pace = drawn(kind, seed)
    folder = out / f"{kind}-{seed}"
    begin = time.monotonic()
    with spawn(limit=(limit(kind, numbers, hint),), seed=seed, **pace) as mock:
        command = [sys.executable, "-m", "echosounder", "load", "rate-limit", mock.url, "--json", "--out", str(folder)]
        done = subprocess.run(
            [*command, "--seed", str(seed)],
            env=os.environ | {"DEEPSEEK_API_KEY": "sk-bench-000000000"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    report = json.loads(done.stdout) if done.stdout else {}
    found = {name: value for name, value in report.get("rate_limit", {}).items() if name not in {"timeline", "curves"}}
    broken = [row["id"] for row in report.get("requirements", []) if row["verdict"] in {"fail", "nonstrict"}]
    row = {
        "broken": broken,
        "kind": kind,
        "seed": seed,
        "numbers": numbers,
        "hint": hint,
        "pace": pace,
        "code": done.returncode,
    }
    row |= {"found": found, "said": done.stderr[-400:] if not found else ""}
    return row | {"seconds": round(time.monotonic() - begin, 1), "requests": report.get("counts", {}).get("sent")}


def within(found: float | None, truth: float, share: float = 0.0, by: float = 0.0) -> bool:
    return found is not None and abs(found - truth) <= max(share * truth, by)


ABSENT = {"kind": None, "limit": None, "burst": None, "window_s": None, "retry_after": None}
QUESTIONS: dict[str, Callable[[Row, Row, Row], bool]] = {
    "cap exact": lambda found, truth, row: found["limit"] == truth["count"],
    "rate within 5 %": lambda found, truth, row: within(found["limit"], truth["rate"], share=0.05),
    "burst within 1": lambda found, truth, row: within(found["burst"], truth["burst"], by=1),
    "limit exact": lambda found, truth, row: found["limit"] == truth["count"],
    "window within 5 %": lambda found, truth, row: within(found["window_s"], truth["window_s"], share=0.05),
    "within 60 s and 2,000 requests": lambda found, truth, row: row["seconds"] < 60 and row["requests"] < 2000,
}
ASKED = {
    "none": (),
    "concurrency": ("cap exact",),
    "cap64": ("cap exact", "within 60 s and 2,000 requests"),
    "bucket": ("rate within 5 %", "burst within 1"),
    "fixed": ("limit exact", "window within 5 %"),
    "sliding": ("limit exact", "window within 5 %"),
}


def deserved(row: Row) -> set[str]:
    """The requirements that the mock's limiter breaks: it is no cap; its hint lies."""
    if row["kind"] == "none":
        return set()
    no_cap = {"load.concurrency-limit"} if KINDS[row["kind"]] != "concurrency" else set()
    return no_cap | ({"load.retry-after-true"} if row["hint"] in LIES else set())


def judged(row: Row) -> dict[str, bool]:
    """What was asked of the run -> was it so? Numbers are held against the truth whatever kind was named."""
    found = row["found"] or ABSENT
    said = found["retry_after"] or {}
    verdicts = {
        "kind": found["kind"] == KINDS[row["kind"]],
        "nothing accused wrongly": set(row["broken"]) <= deserved(row),
    }
    verdicts |= {name: QUESTIONS[name](found, row["numbers"], row) for name in ASKED[row["kind"]]}
    if row["kind"] == "none":
        return verdicts
    if row["hint"] in LIES:
        return verdicts | {"lying hint caught": said.get("honest") is False}
    if row["hint"] == "absent":
        return verdicts | {"absence of a hint seen": said.get("present") is False}
    return verdicts | {"true hint found true": said.get("honest") is True}


COLUMNS = {
    "kind right": ("kind",),
    "numbers right": tuple(QUESTIONS),
    "Retry-After": ("true hint found true", "lying hint caught", "absence of a hint seen"),
    "none accused wrongly": ("nothing accused wrongly",),
}


def table(rows: list[Row]) -> Iterator[str]:
    """Markdown: per kind and question, in how many of the runs it was so; then the runs that were not."""
    yield f"| limiter | {' | '.join(COLUMNS)} | s, median / most | requests, median / most |"
    yield f"|---|{'---|' * len(COLUMNS)}--:|--:|"
    for kind in KINDS:
        if mine := [row for row in rows if row["kind"] == kind]:
            counted = _counted(mine)
            cells = [_cell([(name, counted[name]) for name in names if name in counted]) for names in COLUMNS.values()]
            yield f"| {' | '.join([kind, *cells, _spread(mine, 'seconds'), _spread(mine, 'requests')])} |"
    yield ""
    for row in rows:
        if wrong := [name for name, right in judged(row).items() if not right]:
            shown = {name: row["found"].get(name) for name in ("kind", "limit", "window_s", "burst", "needs")}
            truth = limit(row["kind"], row["numbers"], row["hint"])
            yield f"{row['kind']}-{row['seed']} ({truth}): {', '.join(wrong)}: {shown} {row['said']}"


def _cell(counts: list[tuple[str, tuple[int, int]]]) -> str:
    if len(counts) == 1:
        return "{} of {}".format(*counts[0][1])
    return ", ".join(f"{name} {right} of {of}" for name, (right, of) in counts) or "–"


def _counted(rows: list[Row]) -> dict[str, tuple[int, int]]:
    every = [judged(row) for row in rows]
    names = dict.fromkeys(name for verdicts in every for name in verdicts)
    answers = {name: [verdicts[name] for verdicts in every if name in verdicts] for name in names}
    return {name: (sum(found), len(found)) for name, found in answers.items()}


def _spread(rows: list[Row], name: str) -> str:
    values = sorted(row[name] or 0 for row in rows)
    return f"{values[len(values) // 2]:g} / {values[-1]:g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("--out", type=Path, required=True)
    runs.add_argument("--kinds", default="none,concurrency,bucket,fixed,sliding")
    runs.add_argument("--seeds", default="0-19", help="the first and the last, or one")
    commands.add_parser("table").add_argument("out", type=Path)
    given = parser.parse_args()
    if given.command == "run":
        given.out.mkdir(parents=True, exist_ok=True)
        first, _, last = given.seeds.partition("-")
        for kind in given.kinds.split(","):
            for seed in range(int(first), int(last or first) + 1):
                row = measured(kind, seed, given.out)
                with (given.out / "found.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                wrong = [name for name, right in judged(row).items() if not right]
                print(kind, seed, f"{row['seconds']} s", row["requests"], ", ".join(wrong) or "right", flush=True)
        return
    lines = (given.out / "found.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {(row["kind"], row["seed"]): row for row in map(json.loads, lines)}
    print("\n".join(table([rows[key] for key in sorted(rows, key=lambda key: (list(KINDS).index(key[0]), key[1]))])))


if __name__ == "__main__":
    main()
