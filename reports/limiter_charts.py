"""The timeline of a limiter, and the fitted model over it."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from markupsafe import Markup

from echosounder.reports import charts

Found = Mapping[str, Any]
BARS = 60  # of a chart at most; the seconds of longer runs are put together
STEPS = 160  # points of a line


def figures(report: Mapping[str, Any]) -> Markup:
    """The run second by second, with the predictions of the fitted limiter."""
    found = report["rate_limit"] or {}
    curves, timeline = found.get("curves", []), found.get("timeline", [])
    made = [_offered(curves), _in_flight(found, curves), _model(timeline)] if len(curves) > 1 else []
    return Markup("").join(made)


def _offered(curves: Sequence[Found]) -> Markup:
    labels, sums = _together(curves, sum)
    columns = {
        "admitted": sums["admitted"],
        "refused": [refused - given_up for refused, given_up in zip(sums["rejected"], sums["abandoned"], strict=True)],
        "refused and given up": sums["abandoned"],
    }
    caption = f"Requests offered, in bars of {_width(curves)} s, and what became of them."
    return charts.stack("offered", caption, "requests", labels, columns)


def _in_flight(found: Found, curves: Sequence[Found]) -> Markup:
    if found["kind"] != "concurrency":
        return Markup("")
    labels, most = _together(curves, max)
    columns = {"most in flight": most["in_flight"], "cap found": [found["limit"]] * len(labels)}
    return charts.lines("in-flight", "Requests in flight, the most at once, and the cap.", "requests", labels, columns)


def _model(timeline: Sequence[Found]) -> Markup:
    """Sums from the beginning: a limiter's rate is a slope, its window a step, and a model that errs leaves the line for good."""
    if len(timeline) < 2:
        return Markup("")
    columns: dict[str, list[float]] = {"offered": [], "admitted": [], "model": []}
    offered = admitted = model = 0
    for point in timeline:
        offered += point["admitted"] + point["rejected"]
        admitted += point["admitted"]
        model += point["model_admitted"]
        for name, value in (("offered", offered), ("admitted", admitted), ("model", model)):
            columns[name].append(value)
    labels, rows = _evenly([point["t_s"] for point in timeline], columns)
    caption = "Requests since the beginning, as long as the kind was being found out: offered, admitted, and admitted by the fitted model."
    return charts.lines("model", caption, "requests", labels, rows)


def _evenly(times: Sequence[float], columns: Mapping[str, list[float]]) -> tuple[list[str], dict[str, list[float]]]:
    """What holds at about STEPS even times: the last value until then."""
    step = next(charts.ticks(max(times[-1] / STEPS, 1e-3), 1e9))
    index, chosen = 0, []
    moments = [step * moment for moment in range(ceil(times[-1] / step) + 1)]
    for moment in moments:
        while index + 1 < len(times) and times[index + 1] <= moment + 1e-9:
            index += 1
        chosen.append(index)
    labels = [f"{moment:.4g} s" for moment in moments]
    return labels, {name: [column[at] for at in chosen] for name, column in columns.items()}


def _together(curves: Sequence[Found], how: Any) -> tuple[list[str], dict[str, list[float]]]:
    width = _width(curves)
    parts = [curves[index : index + width] for index in range(0, len(curves), width)]
    names = [name for name in curves[0] if name != "t_s"]
    return [f"{part[0]['t_s']} s" for part in parts], {
        name: [how(point[name] for point in part) for part in parts] for name in names
    }


def _width(curves: Sequence[Found]) -> int:
    return -(-len(curves) // BARS)
