"""``echosounder history``: show verdicts and latency over a series of runs."""

from pathlib import Path
from typing import Annotated

import typer

from echosounder.cli.said import tell
from echosounder.reports import history as pages
from echosounder.wire.errors import UsageError


def history(
    folder: Annotated[Path, typer.Argument(help="Folder that contains the run folders.")] = Path("runs"),
    out: Annotated[Path | None, typer.Option(help="HTML output path; FOLDER/history.html by default.")] = None,
) -> None:
    """Index a folder of runs (rebuilt from the logs each time) and plot the trend of each target."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; create a run with `echosounder check --out {folder}/first`")
    database, page = folder / "history.sqlite", out or folder / "history.html"
    _writable(page)
    for complaint in pages.index(folder, database):
        tell(f"left out: {complaint}")
    page.write_text(pages.render(pages.entries(database)), encoding="utf-8")
    print(page)


def _writable(page: Path) -> None:
    """Raise :class:`UsageError` if the page cannot be written, before spending minutes on the index."""
    try:
        page.open("a", encoding="utf-8").close()
    except OSError as error:
        raise UsageError(f"cannot write {page}: {error.strerror}; give another file with --out") from None
