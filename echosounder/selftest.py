"""``echosounder selftest``: how strong the suite is, measured."""

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import specs
from conformance.probe import Suite
from echosounder import kill_matrix, options, results
from echosounder.check import SuiteName, SuiteOption, known_profile
from mock_server.deviations import all_deviations
from wire.errors import UsageError

Patterns = Annotated[
    list[str] | None, typer.Option("--only", metavar="GLOB", help="Deviations and legal variants; may be repeated.")
]


def selftest(
    profile: options.Profile = specs.DEFAULT_PROFILE,
    suite: SuiteOption = SuiteName.STANDARD,
    only: Patterns = None,
    out: options.Out = None,
    json_: options.Json = False,
) -> int:
    """Run the suite against every deviation and every legal variant of the mock; exit 0 when nothing survived and nobody
    was accused wrongly. Writes kill-matrix.json."""
    known_profile(profile)
    names = chosen(only or [])
    folder = out or options.out_dir(None, "selftest")
    with results.progress("selftest", quiet=json_) as bar:
        task = bar.add_task("", total=None)

        def watch(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=name)

        matrix = kill_matrix.measure(profile, Suite.named(suite), names, watch)
    written = write(matrix, folder)
    if json_:
        print(json.dumps(matrix.record(), indent=1))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for line in kill_matrix.lines(matrix):
            console.print(line, markup=False)
        console.print(f"matrix: {written}", style="dim")
    return 0 if matrix.clean else 1


def chosen(patterns: list[str]) -> set[str] | None:
    """The deviations that a pattern matches, None for all. Raises ``UsageError`` for a pattern that matches none."""
    known = [each.name for each in all_deviations()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise UsageError(f"--only {pattern!r} matches no deviation; see `echosounder list deviations`")
    return {name for name in known for pattern in patterns if fnmatchcase(name, pattern)} or None


def write(matrix: kill_matrix.Matrix, folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "kill-matrix.json"
        path.write_text(json.dumps(matrix.record(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror}; give another folder with --out") from None
    return path
