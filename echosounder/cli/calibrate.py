"""``echosounder calibrate``: measure the error of this machine's figures."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from echosounder.cli import options, printed
from echosounder.cli.duration import duration
from echosounder.load import calibrate as grid
from echosounder.load.calibration import FRONTIERS_MS, Calibration, Cell
from echosounder.load.options import Options
from echosounder.mock_server.net.process import spawn


@contextmanager
def paced(gap_ms: float) -> Iterator[str]:
    with spawn(ttft_ms=200.0, itl_ms=gap_ms, journal_size=4096) as mock:
        yield mock.url


def calibrate(
    streams: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Number of concurrent streams; may be repeated; 16, 64, 256 and 1024 by default."),
    ] = None,
    rate: Annotated[
        list[float] | None,
        typer.Option(min=0.1, help="Events per second and stream; may be repeated; 10 and 50 by default."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(parser=duration(1), metavar="DURATION", help="Duration of each measurement.")
    ] = 4.0,
    processes: Annotated[int, typer.Option(min=1, help="Worker processes, as in `load`.")] = 1,
    save: Annotated[bool, typer.Option(help="Save the result, so that `load` reports can cite it.")] = True,
    json_: Annotated[bool, typer.Option("--json", help="Print only the calibration, as JSON, on stdout.")] = False,
) -> None:
    """Measure the client against the mock's true write times over a grid of streams × rate."""
    console = Console(stderr=True, highlight=False)
    with TemporaryDirectory() as folder:
        settings = Options(url="", api_key=options.BUNDLED_KEY, processes=processes, out=Path(folder))
        result = grid.calibrate(
            paced,
            settings,
            tuple(streams or grid.STREAMS),
            tuple(rate or grid.RATES),
            seconds,
            lambda cell: console.print(
                f"{cell.streams} streams at {cell.rate:g}/s: worst p99 error {cell.worst:.3f} ms", style="dim"
            ),
        )
    where = result.save() if save else None
    if json_:
        print(json.dumps(result.record(), indent=1))
        return
    _show(result)
    if where:
        console.print(f"saved to {where}; `echosounder load` cites it", style="dim", soft_wrap=True)


def _show(result: Calibration) -> None:
    console = printed.console()
    console.print(
        f"{result.machine}: error of the client's stamps against the server's write times, ms", soft_wrap=True
    )
    heads = (
        "streams",
        "events/s each",
        "stamps",
        "TTFT p50",
        "TTFT p99",
        "gap p50",
        "gap p99",
        "own stamps p99",
        "server late",
    )
    table = Table(*heads, box=None, pad_edge=False)
    for cell in result.cells:
        table.add_row(*_row(cell))
    console.print(table)
    for limit in FRONTIERS_MS:
        held = ", ".join(f"{count or 'none'} at {rate:g}/s" for rate, count in result.frontier(limit).items())
        console.print(f"p99 error stays within {limit:g} ms up to this many streams: {held}")


def _row(cell: Cell) -> tuple[str, ...]:
    errors = (cell.ttft_p50, cell.ttft_p99, cell.gap_p50, cell.gap_p99, cell.read_p99)
    shown = ("–" if error is None else f"{error:.3f}" for error in errors)
    return (str(cell.streams), f"{cell.rate:g}", cell.stamps, *shown, f"{cell.server_late:.0%}")
