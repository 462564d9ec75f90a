"""``echosounder report``: render a run again, in one format, on stdout."""

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
    """Render a run's report in another format, or write a load run's samples to a file. A load run that was killed gets its report."""
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
        tell(f"{run}: the log has no footer: it was cut, and bytes that the report names may be missing")
    sys.stdout.write(reports.render(format, document, log))
