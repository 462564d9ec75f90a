"""How many small changes of our own code do the tests notice? `make mutants` asks a seeded sample of them, package by package.

    .field/mutants/bin/python tests/mutants/run.py PYTHON [--each 60] [--seconds 1800] [PACKAGE …]

Cosmic Ray makes the mutants, in a copy of the tree; PYTHON is the interpreter that runs tests on each: those of the package's own tests
that run the line (of a line outside of any function: the file). Writes docs/mutants.md: the rows of packages that were not asked stay.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import time
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parents[2]
COPY = ROOT / ".field" / "mutants" / "tree"
KEPT, PAGE = Path(__file__).with_name("measured.json"), ROOT / "docs" / "mutants.md"
PACKAGES = {
    "judgement": "tests/judgement tests/conformance tests/load/limits tests/load/pricing",
    "wire": "tests/wire tests/judgement tests/conformance tests/load/test_load_reader.py",
    "load/figures": "tests/load tests/reports --ignore=tests/load/limits --ignore=tests/load/pricing",
    "load/limits": "tests/load/limits",
    "load/pricing": "tests/load/pricing",
}
LONGEST = 5.0  # s; what takes longer is no test to ask about a small change
MAX_FAILED = 3  # under the tracer, that is: what is about time may be late there
HEAD = """# Mutants of our own code

<!-- Written by `make mutants`. -->
A sample of all changes that [Cosmic Ray](https://cosmic-ray.readthedocs.io) can make to the code (another operator, another number, a
condition turned round), each asked alone of the package's own tests. A mutant that changes nothing anyone can see counts as survived.

| package | mutants asked | of | killed | 95 % interval |
|---|--:|--:|--:|--:|
"""


class Mutant(NamedTuple):
    path: str
    operator: str
    occurrence: int
    line: int


def mutants(package: str) -> list[Mutant]:
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        tree = get_ast(path.read_text(encoding="utf-8"))
        for name in sorted(operator_names()):
            if not get_operator(name).arguments():
                operator = get_operator(name)()
                lines = [start[0] for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
                found += [Mutant(str(path.relative_to(ROOT)), name, at, line) for at, line in enumerate(lines)]
    return found


class Tests:
    """The tests of one package, run on the copy by an interpreter that has the libraries imported already."""

    def __init__(self, package: str, python: str) -> None:
        command = [python, str(Path(__file__).with_name("forked.py")), str(COPY)]
        environment = {**os.environ, "PYTHONPATH": str(COPY), "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        times = self._asked(tests=PACKAGES[package].split(), seconds=3600, times=True).get("times", {})
        told = self._asked(tests=PACKAGES[package].split(), seconds=3600, lines=package)
        if failed := told.get("failed", ["all"]):
            print(f"{package}: not asked, for they fail without a mutant: {', '.join(failed)}", flush=True)
        if len(failed) > MAX_FAILED:
            raise SystemExit(f"{len(failed)} tests of {package} fail without a mutant")
        quick = {test: took for test, took in times.items() if took < LONGEST}
        self._covered = {
            line: sorted(quick.keys() & tests, key=quick.__getitem__) for line, tests in told["covered"].items()
        }

    def of(self, mutant: Mutant) -> list[str]:
        """Those that run the mutant's line, else those that run its file; quickest first."""
        if found := self._covered.get(f"{mutant.path}:{mutant.line}"):
            return found
        lines = (tests for line, tests in self._covered.items() if line.startswith(f"{mutant.path}:"))
        return list(dict.fromkeys(test for tests in lines for test in tests))

    def pass_(self, names: list[str]) -> bool:
        return not names or bool(self._asked(tests=names, seconds=60)["passed"])

    def close(self) -> None:
        self._process.communicate()

    def _asked(self, **asked: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def killed(mutant: Mutant, tests: Tests) -> bool | None:
    """None where the mutant is no code, or differs from ours in an annotation only."""
    path = COPY / mutant.path
    text = path.read_text(encoding="utf-8")
    made = mutate_code(text, get_operator(mutant.operator)(), mutant.occurrence)
    if made is None or run_of(made) in (None, run_of(text)):
        return None
    path.write_text(made, encoding="utf-8")
    try:
        return not tests.pass_(tests.of(mutant))
    finally:
        path.write_text(text, encoding="utf-8")


UNSEEN = {
    "frozen",
    "slots",
    "strict",
}  # of a dataclass and of `zip`: they guard against mistakes of ours, which are not made


class Run(ast.NodeTransformer):
    """What of the code can be seen when it runs: no annotations, none of the guards in UNSEEN, and `is None` is `== None` of a value
    that has no equality of its own.
    """

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        guard = node.arg in UNSEEN and isinstance(node.value, ast.Constant)
        return ast.keyword(node.arg, ast.Constant(None)) if guard else self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.comparators[0], ast.Constant) and node.comparators[0].value is None:
            node.ops[0] = {ast.Is: ast.Eq, ast.IsNot: ast.NotEq}.get(type(node.ops[0]), type(node.ops[0]))()
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.annotation = ast.Constant(None)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


def run_of(text: str) -> str | None:
    """None of what is no Python: such a mutant dies before any test."""
    try:
        return ast.dump(Run().visit(ast.parse(text)))
    except SyntaxError:
        return None


def measured(package: str, python: str, each: int, seconds: float, seed: int) -> dict[str, object]:
    """Raises ``SystemExit`` where the tests do not pass without any mutant."""
    tests, everything, begin = Tests(package, python), mutants(package), time.monotonic()
    told, survivors = 0, list[str]()
    for mutant in random.Random(seed).sample(everything, len(everything)):
        if told >= each or time.monotonic() - begin > seconds:
            break
        dead = killed(mutant, tests)
        if dead is not None:
            told += 1
            print(f"{package} {told}: {'killed  ' if dead else 'SURVIVED'} {mutant}", flush=True)
            survivors += [] if dead else [f"{mutant.path}:{mutant.line} {mutant.operator.removeprefix('core/')}"]
    tests.close()
    return {"asked": told, "of": len(everything), "killed": told - len(survivors), "survivors": survivors}


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    share, square = hits / count, z * z
    middle, half = share + square / (2 * count), z * sqrt(share * (1 - share) / count + square / (4 * count * count))
    return (middle - half) / (1 + square / count), (middle + half) / (1 + square / count)


def page(rows: dict[str, dict]) -> str:
    lines = [_row(name, rows[name]) if name in rows else f"| `{name}/` | not measured yet | | | |" for name in PACKAGES]
    survivors = [f"- `{each}`" for name in PACKAGES if name in rows for each in rows[name]["survivors"]]
    return HEAD + "\n".join([*lines, "", "## Survivors", "", *survivors, ""])


def _row(name: str, row: dict) -> str:
    low, high = wilson(row["killed"], row["asked"])
    return (
        f"| `{name}/` | {row['asked']} | {row['of']:,} | {row['killed'] / row['asked']:.0%} | {low:.0%} – {high:.0%} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=", ".join(PACKAGES))
    parser.add_argument("--each", type=int, default=60, help="mutants of a package")
    parser.add_argument("--seconds", type=float, default=1800, help="at most, per package")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if unknown := set(asked.packages) - PACKAGES.keys():
        parser.error(f"no such package: {', '.join(unknown)}")
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(
        ROOT, COPY, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv*", ".field", "runs", "site", ".*cache")
    )
    rows = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for package in asked.packages or PACKAGES:
        row = measured(package, str(Path(asked.python).absolute()), asked.each, asked.seconds, asked.seed)
        if row["asked"]:
            rows[package] = row
        KEPT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
