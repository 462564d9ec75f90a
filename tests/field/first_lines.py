"""docs/field/first-lines.md: what a maintainer reads first in the report of each server and proxy of the field.

`PYTHONPATH=. python tests/field/first_lines.py`: each run of runs/field judged anew, without the baseline of what is known.
A run that is not there keeps the lines that the page has of it.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.field.matrix import ROOT, RUNS, SOFTWARE

PAGE = ROOT / "docs/field/first-lines.md"
LINES = 5
COUNTED = re.compile(r"(GET|POST|DELETE) \S+: \d+ of \d+ legal requests served$")
"""Lines without a request that was refused say nothing of what to mend."""
HEAD = """# What a maintainer reads first

The first five lines of each report of [the proxies](proxies/index.html), of [more of them](more-proxies.md) and of
[the servers](servers/index.html): the verdict without its target, what was refused, the counts, and what to fix first.
Made by `tests/field/first_lines.py`.
"""


def lines(run: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "echosounder", "score", str(run / "run.jsonl"), "--out", out]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=120)
    told = [line.rstrip().replace(str(ROOT), "…") for line in done.stdout.splitlines() if line.strip()]
    verdict = re.sub(r"  http\S+", "", told[0])
    return [verdict, *(line for line in told[1:] if not COUNTED.match(line))][:LINES]


def known() -> dict[str, str]:
    """The sections of the page as it stands."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    return {part.partition("\n")[0]: part.partition("\n")[2].strip("\n") for part in text.split("\n## ")[1:]}


def main() -> None:
    sections = known()
    clients = {name for row in SOFTWARE["clients"] for name in row.runs}
    for run in sorted(RUNS.iterdir()):
        if run.name not in clients and (run / "report.json").exists():
            sections[run.name] = "\n".join(["```", *lines(run), "```"])
    parts = [f"\n## {name}\n\n{section}\n" for name, section in sorted(sections.items())]
    PAGE.write_text(HEAD + "".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
