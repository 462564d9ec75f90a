"""``echosounder report``: print a run's report in another format."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from echosounder import reports
from echosounder.cli import analysed, options
from echosounder.cli.said import tell
from echosounder.load.export import export
from echosounder.reports import source
from echosounder.wire.errors import UsageError


def _formats(incomplete: str) -> list[str]:
    return [name for name in reports.FORMATS if name.startswith(incomplete)]


def report(
    run: options.Run,
    format: Annotated[str, typer.Option(help=", ".join(reports.FORMATS), autocompletion=_formats)] = "md",
    samples: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the samples of a load run as .csv or .jsonl.")
    ] = None,
) -> None:
    """Render a run's report in another format, or write a load run's samples to a file. The report of a load run that
    was killed is written first.
    """
    analysed.write_if_missing(run)
    if samples:
        count = export(run, samples)
        if not count:
            samples.unlink()
            raise UsageError(f"{run} has no samples: only load runs have them")
        print(f"{count} samples in {samples}")
        return
    document, log = source.load(run)
    if log.footer is None:
        tell(f"{run}: the log has no footer: it was truncated, and exchanges named in the report may be missing")
    sys.stdout.write(reports.render(format, document, log))
