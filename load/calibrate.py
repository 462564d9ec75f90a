"""Measures this machine's accuracy: the client against a server with known write times, over a grid of streams × rate.

Both run on one machine and read one clock, so any difference of two stamps is an error.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from echosounder.load.calibration import Calibration, Cell, machine
from echosounder.load.engine import run
from echosounder.load.figures.histogram import Histogram
from echosounder.load.options import Options
from echosounder.load.preflight import get
from echosounder.wire.errors import CannotJudge
from echosounder.wire.runlog import records
from echosounder.wire.strict_json import at

STREAMS = (16, 64, 256, 1024)
RATES = (10.0, 50.0)  # events per second and stream
MOST = 256 * 1024 * 1024

# Context manager that yields the URL of a mock with a journal, whose events are the given number of ms apart.
Serve = Callable[[float], AbstractContextManager[str]]


def calibrate(
    serve: Serve,
    options: Options,
    streams: tuple[int, ...] = STREAMS,
    rates: tuple[float, ...] = RATES,
    seconds: float = 4.0,
    progress: Callable[[Cell], None] = lambda cell: None,
) -> Calibration:
    """Measure every cell; *options* give the key, the folder for the runs and the number of processes."""
    cells = []
    for rate in rates:
        for count in streams:
            with serve(1000 / rate) as url:
                cells.append(_cell(replace(options, url=url), count, rate, seconds))
            progress(cells[-1])
    return Calibration(machine(), datetime.now(UTC).isoformat(timespec="seconds"), tuple(cells))


def _cell(options: Options, streams: int, rate: float, seconds: float) -> Cell:
    tokens = max(round(seconds * rate), 2)
    options = replace(
        options,
        scenario="streaming",
        users=str(streams),
        rate=None,
        duration=seconds,
        prompt_tokens="20",
        output_tokens=str(tokens),
        sample_limit=0,
        out=options.out / f"{streams}x{rate:g}",
    )
    outcome = run(options)
    truth = {entry["trace"]: entry for entry in journal(options)}
    ttft, gaps, late, used = Counter[int](), Counter[int](), 0, 0
    for sample in (record for record in records(outcome.log) if record["kind"] == "sample"):
        entry = truth.get(sample.get("trace"))
        if entry is None or sample["end"] != "done":
            continue
        used, late = used + 1, late + (not entry["timing_valid"])
        written = [stamp for stamp, count in zip(entry["written"], entry["tokens"], strict=True) if count]
        ttft[abs(sample["t_first_token"] - written[0]) // 1000] += 1
        gaps.update(_gap_errors(written, sample.get("gaps_us", ())))
    if not used:
        raise CannotJudge(
            f"no stream of {streams} could be compared with the server's journal; is {options.url} a mock with a journal?"
        )
    return _made(outcome.report, streams, rate, used, late, ttft, gaps)


def _gap_errors(written: list[int], gaps_us: list[int]) -> Iterator[int]:
    """Differences of true and measured gaps, µs; empty for a stream in which several events were read together."""
    true = [(b - a) // 1000 for a, b in pairwise(written)]
    return (abs(a - b) for a, b in zip(true, gaps_us, strict=True)) if len(true) == len(gaps_us) else iter(())


def _made(
    report: dict[str, Any], streams: int, rate: float, used: int, late: int, ttft: Counter[int], gaps: Counter[int]
) -> Cell:
    first, between = Histogram(ttft), Histogram(gaps)
    return Cell(
        streams=streams,
        rate=rate,
        requests=used,
        ttft_p50=first.quantile(0.5) or 0.0,
        ttft_p99=first.quantile(0.99) or 0.0,
        gap_p50=between.quantile(0.5) or 0.0,
        gap_p99=between.quantile(0.99) or 0.0,
        read_p50=at(report, "client_error_ms", "read_p50"),
        read_p99=at(report, "client_error_ms", "read_p99"),
        stamps=report["stamps"]["by"],
        cpu=at(report, "measurement", "signals", "cpu"),
        server_late=round(late / used, 4),
    )


def journal(options: Options) -> Iterator[dict[str, Any]]:
    """The mock's journal entries of streams."""
    answer = get(options, "/__mock/journal", MOST).json
    entries = at(answer, "entries")
    if not isinstance(entries, list):
        raise CannotJudge(f"{options.url} has no journal; calibrate against the bundled mock")
    yield from (entry for entry in entries if entry["stream"] and entry["complete"])
