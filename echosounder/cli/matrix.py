"""``echosounder matrix``: write a page that compares targets side by side."""

from pathlib import Path
from typing import Annotated

import typer

from echosounder.reports import matrix as page
from echosounder.reports import source
from echosounder.wire.errors import UsageError


def matrix(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Folders of check runs, or NAME=FOLDER.")],
    out: Annotated[Path, typer.Option(help="Folder for index.html.")] = Path("matrix"),
    reference: Annotated[
        str | None, typer.Option(help="Name of the run to compare the others with; the first by default.")
    ] = None,
    issues: Annotated[
        Path | None, typer.Option(help="YAML list of known issues: requirement, target, link, note.")
    ] = None,
) -> None:
    """Write a page with requirements as rows and targets as columns; each cell links to its findings."""
    known = page.known_issues(issues) if issues else ()
    text = page.render([_column(run) for run in runs], known, reference)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "index.html").write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write into {out}: {error.strerror}; give another folder with --out") from None
    print(out / "index.html")


def _column(run: str) -> page.Column:
    name, named, folder = run.partition("=")
    path = Path(folder if named and not Path(run).exists() else run)
    report, log = source.load(path)
    return page.Column(name if path != Path(run) else path.name, report, log)
