"""Writes the pages that are made from data: coverage, commands, deviations, scenarios. ``make docs`` runs it, a test compares."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer.main
from rich.console import Console

from echosounder.__main__ import registered
from echosounder.judgement.judged import judged_ids
from echosounder.judgement.passive import listens
from echosounder.load.experiments import EXPERIMENTS
from echosounder.load.scenarios import SCENARIOS
from echosounder.mock_server.deviations import Deviation, all_deviations
from echosounder.mock_server.deviations.selection import SELECTORS
from echosounder.reports import summary, terminal
from echosounder.reports.source import read
from echosounder.selftest.kill_matrix import recorded
from echosounder.specs import coverage

HERE = Path(__file__).parent
NOTE = "Made from the program by `make docs`; do not edit.\n"


def commands() -> Iterator[str]:
    """Every command with every option, its variable and its default."""
    yield f"# Commands\n\n{NOTE}"
    yield "Options win over `ECHOSOUNDER_*` variables, which win over `echosounder.toml`.\n"
    yield "| exit code | means |\n|--:|---|"
    yield from (f"| {code} | {meaning} |" for code, meaning in EXIT_CODES)
    group: Any = typer.main.get_command(registered([], HERE))
    for name, command in group.commands.items():
        yield f"\n## echosounder {name}\n\n{(command.help or '').strip()}\n"
        rows = [row for parameter in command.params if (row := _parameter(parameter))]
        if rows:
            yield "| option | what | variable | default |\n|---|---|---|---|"
            yield from rows


def sample_output() -> Iterator[str]:
    """What a check prints and writes, of the run that is kept in reports/samples/check."""
    folder = HERE.parent / "reports/samples/check"
    report, run = json.loads((folder / "report.json").read_text(encoding="utf-8")), read(folder)
    run = replace(run, place="runs/wrong/run.jsonl")
    screen = Console(file=io.StringIO(), width=110, color_system=None, legacy_windows=False)
    terminal.show(report, run, screen)
    yield f"# What the output looks like\n\n{NOTE}"
    yield "A check of a mock with several faults. On the terminal:\n"
    yield "```text\n" + "\n".join(map(str.rstrip, screen.file.getvalue().rstrip().splitlines())) + "\n```\n"
    yield "The first finding in `report.json`:\n"
    broken = next(row for row in report["requirements"] if row["verdict"] == "fail")
    yield "```json\n" + json.dumps(broken, ensure_ascii=False, indent=1) + "\n```\n"
    yield "The head of `summary.md`, for the job summary of a CI:\n"
    yield "```markdown\n" + summary.render(report, run).partition("<details>")[0].rstrip() + "\n```\n"
    yield "`report.html` begins with the verdict and what to fix first:\n"
    yield "![The report of a check](pictures/check.png)"


EXIT_CODES = (
    (0, "clean"),
    (1, "deviations found, an SLO missed, or worse than before"),
    (2, "wrong usage or configuration"),
    (3, "could not judge: unreachable, key refused, budget spent before the required probes, unfinished run, Ctrl-C"),
    (4, "measurement invalid (load only)"),
)


def _parameter(parameter: Any) -> str:
    if parameter.name == "help":
        return ""
    names = (
        ", ".join(f"`{name}`" for name in parameter.opts)
        if parameter.param_type_name == "option"
        else f"`{parameter.name.upper()}`"
    )
    default = (
        parameter.default
        if isinstance(parameter.default, (str, int, float, Path)) and parameter.default is not False
        else ""
    )
    variable = f"`{parameter.envvar}`" if parameter.envvar else ""
    return _cells(names, parameter.help or "", variable, f"`{default}`" if str(default) else "")


def deviations() -> Iterator[str]:
    """Every fault and every legal variant of the mock."""
    yield f"# Deviations\n\n{NOTE}"
    yield "`echosounder mock --deviate NAME` commits one; `NAME:k=v,k=v` sets its parameters; several stand in a row with `;`."
    yield "A legal variant breaks nothing, and no check may complain.\n"
    yield "Which requests it is for, with any of them (`stream-cut:after=3,when.path=/v1/*,when.nth=2`):\n"
    yield "| selector | selects |\n|---|---|"
    yield from (_cells(f"`when.{name}`", about) for name, about in SELECTORS.items())
    for title, legal in (("Faults", False), ("Legal variants", True)):
        rows = [row for row in all_deviations() if row.legal is legal]
        yield f"\n## {title}: {len(rows)}\n\n| name | layer | what happens | parameters | breaks |\n|---|---|---|---|---|"
        yield from (
            _cells(f"`{row.name}`", row.layer, row.summary, _parameters(row), ", ".join(sorted(row.breaks)))
            for row in rows
        )


def _parameters(row: Deviation) -> str:
    return "; ".join(f"`{name}`: {about}" for name, about in row.parameters.items())


def _cells(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def scenarios() -> Iterator[str]:
    """Every built-in load scenario."""
    yield f"# Load scenarios\n\n{NOTE}"
    for name, scenario in (SCENARIOS | EXPERIMENTS).items():
        yield f"\n## {name}\n\n{' '.join((scenario.__doc__ or '').partition(chr(10) * 2)[0].split())}"


def strength() -> Iterator[str]:
    """How strong the suite is, as `echosounder selftest` measured it: the README holds the table too."""
    yield f"# Strength\n\n{NOTE}"
    yield "Measured by `echosounder selftest`: the suite against the bundled mock, honest, with each fault and with each legal variant."
    yield "`tests/golden/kill_matrix.json` holds which requirement each of them broke.\n"
    yield strength_table()
    yield "\n## By layer\n\n| layer of the mock | found | of |\n|---|--:|--:|"
    yield from (
        _cells(layer, str(found), str(count)) for layer, (found, count) in _golden()["figures"]["by_layer"].items()
    )
    yield from _levels()


LEVELS = {
    "MUST": "a MUST is broken: exit code 1",
    "SHOULD": "only a SHOULD is, which nothing says is open: told, exit code 0",
    "silent": "nothing, by the usual probes and profile",
}


def _levels() -> Iterator[str]:
    """How loudly each fault is told, which of them not by a MUST, and why not."""
    matrix = recorded(_golden())
    found, tolerated = matrix.by_level(), matrix.tolerated
    total, names = sum(map(len, found.values())), {row.name for row in tolerated}
    found["SHOULD"] = [name for name in found["SHOULD"] if name not in names]
    yield "\n## By level\n\n| what a run says | faults | of |\n|---|--:|--:|"
    yield from (_cells(LEVELS[level], str(len(found[level])), str(total)) for level in found)
    yield _cells("a SHOULD or MAY that the contract tolerates: told, exit code 0", str(len(tolerated)), str(total))
    yield f"\nOf the {total - len(tolerated)} faults that break the contract, {matrix.at_exit_1:.1%} end a run with exit code 1."
    for level in ("SHOULD", "silent"):
        yield f"\n{level}: {', '.join(f'`{name}`' for name in found[level]) or 'none'}."
    yield "\n## Tolerated\n\nEach requirement that such a fault breaks says why a target may do otherwise (its member `tolerated`).\n"
    yield "| fault | breaks | why that is no deviation |\n|---|---|---|"
    for row in tolerated:
        yield from (_cells(f"`{row.name}`", f"`{id}`", why) for id, why in row.tolerated.items())


def strength_table() -> str:
    figures = _golden()["figures"]
    faults = figures["deviations"]
    rows = (
        ("faults of the mock that the suite finds", f"**{figures['killed']} of {faults}**"),
        ("by validation against the OpenAPI document alone", f"{figures['killed_by_schema_alone']} of {faults}"),
        ("the first finding names what the fault declares to break", f"{figures['first_finding_right']:.1%}"),
        (
            f"false alarms in {figures['evaluations']:,} verdicts on honest and legal answers",
            str(len(figures["false_alarms"])),
        ),
        ("rate of false alarms, upper 95 % bound", f"{figures['false_alarm_rate_at_most']:.3%}"),
    )
    return "\n".join(["| strength, measured | |", "|---|--:|", *(_cells(*row) for row in rows)])


def _golden() -> Any:
    return json.loads((HERE.parent / "tests/golden/kill_matrix.json").read_text(encoding="utf-8"))


def readme() -> str:
    """The README with today's table between its marks."""
    head, begin, rest = (HERE.parent / "README.md").read_text(encoding="utf-8").partition("<!-- strength -->\n")
    _, end, tail = rest.partition("<!-- /strength -->")
    return f"{head}{begin}{strength_table()}\n{end}{tail}"


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "deviations": deviations,
    "scenarios": scenarios,
    "strength": strength,
}


def pages() -> dict[Path, str]:
    """The text of each page by its path."""
    made = {HERE / "reference" / f"{name}.md": "\n".join(page()) + "\n" for name, page in PAGES.items()}
    sample = {HERE / "sample-output.md": "\n".join(sample_output()) + "\n"}
    return made | sample | {HERE.parent / "README.md": readme()}


def main() -> int:
    coverage.write(judged_ids(), listens())
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
