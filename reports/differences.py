"""Two targets side by side, for people (terminal, Markdown): a function of ``echosounder/differences/1``."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from echosounder.reports import page
from echosounder.reports.terminal import STYLES
from echosounder.reports.text import line, markdown

Record = Mapping[str, Any]
SHOWN = 3
"""Places that are named; the others are counted."""


def show(record: Record, console: Console) -> None:
    tone, glyph = _look(record)
    console.print(Text(f"{glyph} {_verdict(record)}", style=STYLES[tone]))
    for row in record["differences"]:
        console.print(Text(f"  {_fact(row)}"), soft_wrap=True)
        console.print(Text(f"      {_places(row)}", style=STYLES["idle"]), soft_wrap=True)
    console.print(Text(_asked(record), style=STYLES["idle"]), soft_wrap=True)


def to_html(record: Record) -> str:
    """A self-contained page."""
    tone, glyph = _look(record)
    return page.render(
        "differences.html.j2", report=record, verdict=_verdict(record), tone=tone, glyph=glyph, places=_places
    )


def to_markdown(record: Record) -> str:
    return "\n".join(_markdown(record)) + "\n"


def _markdown(record: Record) -> Iterator[str]:
    yield f"# {markdown(_verdict(record))}\n\n{markdown(_asked(record), 500)}"
    if record["differences"]:
        yield "\n| fact | reference | candidate | where |\n|---|---|---|---|"
    for row in record["differences"]:
        sides = (" or ".join(row[side]) for side in ("reference", "candidate"))
        yield f"| {' | '.join(map(markdown, (row['fact'], *sides, _places(row))))} |"


def _look(record: Record) -> tuple[str, str]:
    return ("bad", "▼") if record["differences"] else ("good", "=")


def _verdict(record: Record) -> str:
    count = len(record["differences"])
    return f"{count} difference{'s' if count != 1 else ''}" if count else "no difference"


def _fact(row: Record) -> str:
    candidate, reference = (line(" or ".join(row[side])) for side in ("candidate", "reference"))
    return f"{line(row['fact'])} is {candidate}, the reference has {reference}"


def _places(row: Record) -> str:
    more = len(row["where"]) - SHOWN
    return ", ".join(row["where"][:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _asked(record: Record) -> str:
    sides = (
        f"{record[name]['url']} ({record[name]['model']}, {record[name]['requests']} requests)"
        for name in ("reference", "candidate")
    )
    return f"{' against '.join(sides)}; profile {record['profile']}, suite {record['suite']}, {record['times']} times"
