"""Measurement error of the client in a figure, and its direction: a read can be late, never early."""

from typing import Any

from echosounder.load.calibration import Calibration
from echosounder.load.figures.tally import Tally
from echosounder.wire.latency import SPANS

# Stamps of received bytes. All others are of the client's own actions and are exact.
READS = frozenset({"t_headers", "t_first_keepalive", "t_kept_alive", "t_first_reasoning", "t_first_token", "t_closed"})


def client_error(tally: Tally, calibration: Calibration | None) -> dict[str, Any]:
    """Errors of stamps, ms: ``p50`` and ``p99`` of gaps, ``ttft_p99`` of latencies that begin with the request, and their ``source``.

    Taken from a calibration under at least this load, with stamps of the same kind. Without a calibration: with kernel stamps, the time
    that data waited to be read, which is an ample upper bound; with our own stamps, the lag of the event loop.
    """
    waited = {"read_p50": tally.delays.quantile(0.5), "read_p99": tally.delays.quantile(0.99)}
    cell = calibration.nearest(*demand(tally)) if calibration else None
    by_kernel = tally.stamps["kernel"] > tally.stamps["user"]
    if calibration and cell:
        user = cell.stamps == "kernel" and not by_kernel  # the calibration is for another kind of stamp
        gaps = (cell.read_p50, cell.read_p99) if user else (cell.gap_p50, cell.gap_p99)
        source = f"calibration of {calibration.measured} at {cell.streams} streams of {cell.rate:g} events/s"
        first = cell.read_p99 if user else cell.ttft_p99
        return {"p50": gaps[0], "p99": gaps[1], "ttft_p99": first, "source": source, "calibrated": True, **waited}
    found = tally.delays if by_kernel else tally.lags
    source = "the time that bytes waited to be read, an upper bound" if by_kernel else "the lag of the event loop"
    p99 = found.quantile(0.99)
    return {"p50": found.quantile(0.5), "p99": p99, "ttft_p99": p99, "source": source, "calibrated": False, **waited}


def demand(tally: Tally) -> tuple[int, float]:
    """The maximum number of concurrent streams, and the events per second of a typical stream."""
    gap = tally.histograms["gap"].quantile(0.5)
    return tally.most_in_flight, 1000 / gap if gap else 0.0


def of_metric(name: str, error: dict[str, Any]) -> dict[str, float] | None:
    """Maximum error of a latency above (``plus``) and below (``minus``), ms, in 99 of 100 cases; None if unknown.

    A latency from an event of ours to a read can only be overestimated. Between two reads, either may be the delayed one.
    """
    between_reads = name == "gap" or (name in SPANS and SPANS[name].since in READS)
    if error["p99"] is None or not (between_reads or (name in SPANS and SPANS[name].until in READS)):
        return None
    if between_reads:
        return {"plus": error["p99"], "minus": error["p99"]}
    return {"plus": 0.0, "minus": error["ttft_p99"] if error["ttft_p99"] is not None else error["p99"]}
