"""``echosounder baseline write``: accept the findings of a run one by one, each with a reason and a date."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from echosounder.cli import analysed, options, results
from echosounder.judgement.acceptance import missing, toml
from echosounder.judgement.baseline import Baseline
from echosounder.listening import again
from echosounder.wire.errors import UsageError
from echosounder.wire.header import Header
from echosounder.wire.runlog import read
from echosounder.wire.verdict import Result

FILE = Path("baseline.toml")
DAYS = 90


class BaselineAction(StrEnum):
    WRITE = "write"


def baseline(
    action: Annotated[BaselineAction, typer.Argument(help="write: add an entry for each finding of RUN.")],
    run: options.Run,
    file: Annotated[Path, typer.Option("--file", help="Baseline file; its existing entries are kept.")] = FILE,
    reason: Annotated[str, typer.Option(help="Reason why these findings are accepted.")] = "to be reviewed",
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="DATE", help=f"Last day on which the findings are accepted; {DAYS} days after the run by default."
        ),
    ] = None,
) -> None:
    """Accept the findings of a run, so that only others fail. Afterwards: `check --baseline baseline.toml`."""
    day = _date(expires)
    if not reason.strip():
        raise UsageError("--reason is empty; state why these findings are accepted")
    if analysed.is_load(run):
        raise UsageError(f"{run} is a load run; a baseline accepts findings of a check")
    header, found, probes = _judged(run)
    known = Baseline.load(file) if file.exists() else Baseline()
    today = datetime.fromisoformat(header.started).date()
    new = missing(found, known, header.target.url, today, probes, reason, day or today + timedelta(days=DAYS))
    _append(file, "".join(map(toml, new)))
    kept = f", {len(known.entries)} were there already" if known.entries else ""
    print(f"{file}: {len(new)} {'entry' if len(new) == 1 else 'entries'} added{kept}; review each entry and its reason")


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise UsageError(f"--expires {text!r} is not a date; write it like 2026-12-31") from None


def _judged(run: Path) -> tuple[Header, tuple[Result, ...], dict[str, str]]:
    """The header, the verdicts by the current checks, and the probe of each exchange."""
    if again.known(run):
        header, found = again.verdicts(run if run.is_dir() else run.parent, "interop")
        return header, found, {}
    log = read(run)
    log.finished()
    return log.header, results.scored(log), {exchange.id: exchange.probe for exchange in log.exchanges}


def _append(file: Path, text: str) -> None:
    try:
        with file.open("a", encoding="utf-8") as baseline:
            baseline.write(text)
    except OSError as error:
        raise UsageError(f"cannot write the baseline {file}: {error.strerror}") from None
