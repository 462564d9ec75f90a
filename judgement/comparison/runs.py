"""Comparison of two runs: fixed, broken and flapping requirements; faster and slower figures, and the sensitivity of the comparison."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any

from echosounder.judgement.comparison.latencies import difference, shares
from echosounder.wire.comparison import (
    BETTER,
    EQUAL,
    UNRESOLVED,
    WORSE,
    ComparedFigure,
    Comparison,
    Direction,
    VerdictChange,
)
from echosounder.wire.errors import LogError, UsageError
from echosounder.wire.latency import mean_gaps_ms, spans_ms, steps
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import BROKEN, worst_first

Report = Mapping[str, Any]
_SIDES = ("first", "second")


def checks(before: Sequence[Report], after: Sequence[Report], common: bool = False) -> Comparison:
    """Compares check reports; several reports of one side reveal flapping requirements.

    Raises :class:`UsageError` if they were made with different profiles or policies, or, unless *common*, judge different requirements.
    """
    reports = (*before, *after)
    if any("requirements" not in report or "metrics" in report for report in reports):
        raise UsageError("a check report can be compared with check reports only")
    for name in ("profile", "policy"):
        if len(said := {str(report[name]) for report in reports}) > 1:
            raise UsageError(
                f"the runs differ in their {name} ({', '.join(sorted(said))}): their verdicts mean different things"
            )
    ids = [{row["id"] for row in report["requirements"]} for report in reports]
    shared, every = set.intersection(*ids), set.union(*ids)
    if shared != every and not common:
        raise UsageError(
            f"{len(every - shared)} requirements are not in all of the runs: another version or suite made them; "
            "judge them again with `echosounder score`, or compare what they share with --common"
        )
    moves = tuple(move for name in _order(after[-1], shared) if (move := _move(name, before, after)))
    notes = (
        (f"{len(every - shared)} requirements are not in all of the runs and were left out",) if shared != every else ()
    )
    return Comparison(_check_verdict(moves), moves, len(shared) - len(moves), notes=notes)


def loads(before: tuple[Report, Run], after: tuple[Report, Run], threshold: float = 0.05) -> Comparison:
    """Compares two load runs by their samples. *threshold*: the change, as a share, from which a latency counts as changed; changes
    below the client's own error (``client_error_ms``, p99, of the worse run) in that figure do not count.

    Raises :class:`UsageError` if the runs are of different scenarios.
    """
    reports = (before[0], after[0])
    if any("metrics" not in report for report in reports):
        raise UsageError("a load report can be compared with a load report only")
    if len(said := {str(report["scenario"]) for report in reports}) > 1:
        raise UsageError(f"the runs are of different scenarios: {', '.join(sorted(said))}")
    samples = (_measured(before[1]), _measured(after[1]))
    try:
        rows = tuple(_rows(*samples, threshold, _floors(reports, samples)))
    except (TypeError, ValueError, KeyError, ArithmeticError) as error:
        raise LogError(f"a sample of one of the runs is not what a load writes ({error!r})") from None
    notes = tuple(_notes(*reports))
    invalid = any(report["measurement"]["verdict"] == "invalid" for report in reports)
    cut = [name for name, (_, run) in zip(_SIDES, (before, after), strict=True) if run.footer is None]
    notes += tuple(f"the log of the {name} run has no footer: it was cut, and samples are missing" for name in cut)
    return Comparison(UNRESOLVED if invalid or cut else _load_verdict(rows), rows=rows, notes=notes)


def _order(report: Report, shared: set[str]) -> list[str]:
    return [row["id"] for row in worst_first(report["requirements"]) if row["id"] in shared]


def _move(name: str, before: Sequence[Report], after: Sequence[Report]) -> VerdictChange | None:
    olds, news = ([_row(report, name) for report in side] for side in (before, after))
    was, now = (tuple(dict.fromkeys(row["verdict"] for row in side)) for side in (olds, news))
    if was == now and len(now) == 1:
        return None
    last = news[-1]
    why = (last["findings"] or [{}])[0].get("message") or last.get("note") or ""
    return VerdictChange(name, last["level"], last["title"], _kind(was, now), was, now, why)


def _kind(was: tuple[str, ...], now: tuple[str, ...]) -> str:
    if len(was) > 1 or len(now) > 1:
        return "flapping"
    if now[0] in BROKEN and was[0] not in BROKEN:
        return "broken"
    return "fixed" if was[0] in BROKEN and now[0] == "pass" else "changed"


def _row(report: Report, name: str) -> Mapping[str, Any]:
    return next(row for row in report["requirements"] if row["id"] == name)


def _check_verdict(moves: Sequence[VerdictChange]) -> str:
    kinds = {move.kind for move in moves}
    return WORSE if "broken" in kinds else BETTER if "fixed" in kinds else EQUAL


def _measured(run: Run) -> list[Mapping[str, Any]]:
    samples = [sample for sample in run.samples if sample.get("phase", "measured") == "measured" and "t_sent" in sample]
    return sorted(samples, key=lambda sample: int(sample["t_sent"]))


def _rows(
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    threshold: float,
    floors: Mapping[str, float],
) -> Iterator[ComparedFigure]:
    for name, values, share, decides, floor in (
        ("TTFT p50", partial(spans_ms, "ttft"), 0.5, True, "ttft"),
        ("TTFT p95", partial(spans_ms, "ttft"), 0.95, False, "ttft"),
        ("mean gap of an answer, p50", mean_gaps_ms, 0.5, True, "gap"),
        ("E2E p50", partial(spans_ms, "e2e"), 0.5, True, "ttft"),
        ("E2E p95", partial(spans_ms, "e2e"), 0.95, False, "ttft"),
    ):
        one, other = list(values(before)), list(values(after))
        if one or other:
            yield ComparedFigure(name, "ms", difference(one, other, share, threshold, floors[floor]), decides)
    yield ComparedFigure("failures", "share", shares(_failures(before), _failures(after)))


def _floors(reports: Sequence[Report], samples: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, float]:
    """What the client's clock may err by, ms, in the worse of the runs: for what counts from the request, and for the mean gap of
    an answer. That is the time from the first read to the last one by how many gaps there are, and only those two reads can be late."""
    errors = [report["client_error_ms"] for report in reports]
    gaps = [error["p99"] or 0.0 for error in errors]
    return {
        "gap": max(gap / _gaps_of_an_answer(each) for gap, each in zip(gaps, samples, strict=True)),
        "ttft": max(error.get("ttft_p99") or gap for error, gap in zip(errors, gaps, strict=True)),
    }


def _gaps_of_an_answer(samples: Sequence[Mapping[str, Any]]) -> float:
    """As most answers have them."""
    return median([steps(sample) for sample in samples if sample.get("gaps_us")] or [1])


def _failures(samples: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    return sum(bool(sample.get("failure")) for sample in samples), len(samples)


def _load_verdict(rows: Sequence[ComparedFigure]) -> str:
    """Of the medians and the failures: tails differ between any two runs, and have objectives (SLO) to watch them."""
    changes = {row.change for row in rows if row.decides}
    if Direction.SLOWER in changes:
        return WORSE
    if Direction.UNRESOLVED in changes:
        return UNRESOLVED
    return BETTER if Direction.FASTER in changes else EQUAL


def _notes(before: Report, after: Report) -> Iterator[str]:
    for name, report in zip(_SIDES, (before, after), strict=True):
        verdict = report["measurement"]["verdict"]
        if verdict != "valid":
            yield f"the measurement of the {name} run is {verdict}: {'; '.join(map(str, report['measurement']['reasons']))}"
    for name in ("load", "workers", "warmup_s"):
        if (was := _shown(before.get(name))) != (now := _shown(after.get(name))):
            yield f"the runs differ in {name}: {was} and {now}"


def _shown(value: object) -> str:
    """``users 8, arrival constant``: a setting without the members that are not given, nor the seed, which each run draws."""
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{name} {each}" for name, each in value.items() if each is not None and name != "seed")
