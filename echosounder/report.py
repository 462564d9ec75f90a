"""``echosounder report``: render a run again, in one format, on stdout."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import reports
from echosounder import options
from load.export import export
from reports.source import read
from wire.errors import LogError
from wire.runlog import Run


def report(
    run: options.Run,
    format: Annotated[str, typer.Option(help=", ".join(reports.FORMATS))] = "md",
    samples: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the samples of a load run as .csv or .jsonl.")
    ] = None,
) -> None:
    """Render a run's report in another format, or write a load run's samples to a file."""
    if samples:
        print(f"{export(run, samples)} samples in {samples}")
        return
    document, log = load(run)
    sys.stdout.write(reports.render(format, document, log))


def load(run: Path) -> tuple[dict[str, Any], Run]:
    """The report.json and the log of a run. Raises :class:`LogError` where either is missing or broken."""
    folder = run if run.is_dir() else run.parent
    try:
        document: Any = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LogError(f"{folder} has no report.json; make it with `echosounder score {folder}`") from None
    except (OSError, ValueError) as error:
        raise LogError(
            f"{folder / 'report.json'} is no report: {error}; make it anew with `echosounder score {folder}`"
        ) from None
    if not isinstance(document, dict):
        raise LogError(f"{folder / 'report.json'} is no report; make it anew with `echosounder score {folder}`")
    return document, read(folder, document)
