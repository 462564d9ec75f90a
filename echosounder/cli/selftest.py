"""``echosounder selftest``: measure the strength of the suite."""

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer

from echosounder import specs
from echosounder.cli import options, printed, results
from echosounder.cli.progress import progress
from echosounder.judgement.setting import Suite
from echosounder.mock_server.deviations import all_deviations
from echosounder.selftest import kill_matrix
from echosounder.selftest.laboratory import Study
from echosounder.wire.errors import UsageError

Patterns = Annotated[
    list[str] | None, typer.Option("--only", metavar="GLOB", help="Deviations and legal variants; may be repeated.")
]
Passes = Annotated[
    int, typer.Option(min=1, help="Runs per deviation, each with another seed, to test whether they agree.")
]
FILE = "kill-matrix.json"


def selftest(
    profile: options.Profile = specs.DEFAULT_PROFILE,
    suite: options.SuiteOption = options.SuiteName.STANDARD,
    only: Patterns = None,
    passes: Passes = 1,
    out: options.Out = None,
    json_: options.Json = False,
) -> int:
    """Run the suite against every deviation and every legal variant of the mock; exit 0 if every fault was detected, there were no
    false alarms and every check can fail. Writes kill-matrix.json.
    """
    options.known_profile(profile)
    names = chosen(only or [])
    with results.made(out, "selftest") as folder:
        return _run(profile, suite, names, passes, ready(folder), json_)


def _run(profile: str, suite: options.SuiteName, names: set[str] | None, passes: int, folder: Path, json_: bool) -> int:
    with progress("selftest", quiet=json_) as bar:
        task = bar.add_task("", total=None)

        def watch(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=name)

        study, interrupted = Study(profile, Suite.named(suite), names, passes, watch), False
        try:
            study.run()
        except KeyboardInterrupt:  # known results are still reported
            interrupted = True
    matrix = study.matrix
    written = write(matrix, folder)
    if json_:
        print(json.dumps(matrix.record(), indent=1))
    else:
        tell(matrix, written)
    if interrupted:
        raise KeyboardInterrupt
    return 0 if matrix.clean else 1


def tell(matrix: kill_matrix.Matrix, written: Path) -> None:
    console = printed.console(soft_wrap=True)
    for line in kill_matrix.lines(matrix):
        console.print(line, markup=False)
    console.print(f"matrix: {written}", style="dim")


def chosen(patterns: list[str]) -> set[str] | None:
    """The deviations that match a pattern, None for all. Raises ``UsageError`` for a pattern without a match."""
    known = [each.name for each in all_deviations()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise UsageError(f"--only {pattern!r} matches no deviation; see `echosounder list deviations`")
    return {name for name in known for pattern in patterns if fnmatchcase(name, pattern)} or None


def ready(folder: Path) -> Path:
    """The output folder, created before a long run."""
    with results.writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).open("a", encoding="utf-8").close()
    return folder


def write(matrix: kill_matrix.Matrix, folder: Path) -> Path:
    path = folder / FILE
    with results.writable(folder):
        path.write_text(json.dumps(matrix.record(), indent=1) + "\n", encoding="utf-8")
    return path
