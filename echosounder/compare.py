"""``echosounder compare``: what got fixed, broke, flaps, got slower."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from echosounder import options
from reports import compare as comparing
from reports import compare_text, source
from reports.kinds import kind
from wire.errors import UsageError

More = Annotated[
    list[Path] | None, typer.Option(metavar="RUN", help="Another run of that side, to see what flaps; may be repeated.")
]


def compare(
    before: Annotated[Path, typer.Argument(help="The run to compare with.")],
    after: Annotated[Path, typer.Argument(help="The run to judge.")],
    also_before: More = None,
    also_after: More = None,
    common: Annotated[
        bool, typer.Option("--common", help="Checks: compare only the requirements that all runs judged.")
    ] = False,
    threshold: Annotated[
        float, typer.Option(min=0.0, max=10.0, help="Loads: the change, as a share, that counts.")
    ] = 0.05,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, for a job summary.")] = False,
    json_: options.Json = False,
) -> int:
    """Compare two runs; exit 0 when nothing got worse, 1 when something did, 3 when that cannot be told."""
    sides = (
        [source.load(path) for path in (before, *(also_before or ()))],
        [source.load(path) for path in (after, *(also_after or ()))],
    )
    result = _compared(*sides, common=common, threshold=threshold)
    if json_:
        print(json.dumps(compare_text.record(result), indent=1))
    elif markdown:
        print(compare_text.to_markdown(result))
    else:
        compare_text.show(result, Console(highlight=False))
    return result.exit_code


def _compared(before: list[Any], after: list[Any], common: bool, threshold: float) -> comparing.Comparison:
    if kind(before[0][0]) == "check":
        return comparing.checks([report for report, _ in before], [report for report, _ in after], common)
    if len(before) + len(after) > 2:
        raise UsageError("load runs are compared two at a time; give no --also-before or --also-after")
    return comparing.loads(before[0], after[0], threshold)
