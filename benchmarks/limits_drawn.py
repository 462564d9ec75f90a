"""How often is the limiter named rightly, and how often is a certain answer wrong? On limiters that are drawn anew for each seed.

    python benchmarks/limits_drawn.py [--seeds 1000-1004] [--only WORD] [--wrong]

In virtual time: a run takes a third of a second. Kinds, numbers, alignment and the network come from the seed, so a seed that nobody
has looked at is a table on which nothing was tuned. ``--wrong`` prints each run that was not right.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/load/limits"))

import wild
from drawn import DRAWN, drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="1000-1004", help="the first and the last, or one")
    parser.add_argument("--only", default="")
    parser.add_argument("--wrong", action="store_true")
    chosen = parser.parse_args()
    first, _, last = chosen.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    names = [name for name in DRAWN if chosen.only in name]
    runs = {name: [(case := drawn(name, seed), wild.run(case, seed)[0]) for seed in seeds] for name in names}
    print(*wild.table(runs), sep="\n")
    if chosen.wrong:
        for name, made in runs.items():
            for seed, (case, report) in zip(seeds, made, strict=True):
                if fault := wild.fault(case, report):
                    sure = "CERTAIN" if report["certain"] else "doubted"
                    print(
                        f"{name} {seed}: {sure}: {fault}; truth {case.numbers} {case.unit}; says {report['says']}; {report['doubts']}"
                    )


if __name__ == "__main__":
    main()
