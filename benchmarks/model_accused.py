"""How often is a sound model accused? `check` against the honest mock whose model makes mistakes by chance; writes docs/model-accused.md.

    python benchmarks/model_accused.py [RUNS]     200 by default: about two seconds each, of two processes

In five of a hundred answers, each for itself, the model `noisy-model` drops, doubles or swaps words, says something before or around a text
that it was to repeat, stops early or refuses; in five of a hundred answers with calls the arguments of one lack a piece, their end, or
are Python. Nothing else is wrong, so each run that ends with exit code 1 accuses the server of what its model did.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from echosounder.conformance.check_run import check
from echosounder.conformance.options import CheckOptions
from echosounder.mock_server.net.process import spawn
from echosounder.selftest.kill_matrix import upper_bound
from echosounder.wire.target import target
from echosounder.wire.verdict import Verdict

PAGE = Path(__file__).parents[1] / "docs" / "model-accused.md"
PERCENT = {5: 1, 20: 4}
"""Answers with a mistake, of a hundred; and of how many of the runs one is made so."""
SIDES = 2


def run(seed: int, percent: int) -> tuple[bool, list[str], list[str]]:
    """Whether the run deviates, the MUSTs that it says are broken, and the SHOULDs."""
    noise = f"noisy-model:percent={percent},calls=true"
    with TemporaryDirectory() as folder, spawn(ttft_ms=0.0, itl_ms=0.0, seed=seed, deviate=(noise,)) as mock:
        outcome = check(CheckOptions(target(mock.url), Path(folder), "sk-echosounder-noise", seed=seed))
    told = {verdict: [each.requirement for each in outcome.results if each.verdict is verdict] for verdict in Verdict}
    return outcome.exit_code != 0, told[Verdict.FAIL], told[Verdict.NONSTRICT]


def measured(runs: int, percent: int) -> str:
    accused, musts, shoulds = 0, Counter[str](), Counter[str]()
    with ProcessPoolExecutor(SIDES) as pool:
        for wrong, must, should in pool.map(run, range(runs), [percent] * runs):
            accused, musts, shoulds = accused + wrong, musts + Counter(must), shoulds + Counter(should)
    most = upper_bound(accused, runs)
    return f"| {percent} % | {runs} | {accused} | {most:.1%} | {listed(musts)} | {listed(shoulds)} |"


def listed(found: Counter[str]) -> str:
    return ", ".join(f"`{id}` {count}" for id, count in found.most_common()) or "–"


def page(runs: int) -> Iterator[str]:
    yield "# How often a sound model is accused\n"
    yield "Made by `benchmarks/model_accused.py`: runs of `check` against the honest mock, whose model makes independent random mistakes"
    yield "in some of its answers (the variant `noisy-model`): words lost, doubled, swapped or in lower case, extra text around a"
    yield "repeated one, an early end, a refusal; arguments with a missing piece, a missing end, or in Python syntax. A run that ends"
    yield "with exit code 1 blames the server for a mistake of the model. The bound is that of Clopper and Pearson at 95 %.\n"
    yield "| answers with a mistake | runs | with exit code 1 | at most | MUSTs told broken | told as a SHOULD |"
    yield "|--:|--:|--:|--:|---|---|"
    yield from (measured(runs // share, percent) for percent, share in PERCENT.items())
    yield "\n`chat.unicode` is told where every answer of one mode repeats the text and no answer of the other does, on two answers of each"
    yield "mode: where one answer in five has a mistake, that comes about by chance. More answers of each mode would settle it."


if __name__ == "__main__":
    PAGE.write_text("\n".join(page(int(sys.argv[1]) if sys.argv[1:] else 200)) + "\n", encoding="utf-8")
