"""``report.html``: the verdict, the first things to fix, everything else, and the bytes as evidence."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import escape

from echosounder.reports import accepted as sentences
from echosounder.reports import (
    bill,
    capacity,
    heatmap,
    limiter,
    limiter_charts,
    load_charts,
    page,
    parts_of_load,
    precision,
    series,
    told,
    traffic,
    wireview,
)
from echosounder.reports.answer import answer
from echosounder.reports.causes import to_fix, untested
from echosounder.reports.curl import curl, replay
from echosounder.reports.figures import (
    METRICS,
    PERCENTILES,
    heading,
    measured,
    number,
    outcome,
    percent,
    percentile,
    streams,
)
from echosounder.reports.kinds import api, kind, started
from echosounder.reports.text import line, visible
from echosounder.reports.verdicts import FACES, area
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import LEVELS, worst_first

MAX_FINDINGS = 8  # of one requirement; report.json has them all
MAX_TOTAL = 500_000  # characters of all findings once escaped
MAX_CAUSES = 40
MAX_EXCERPT = 1_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding on the page: ``href`` links to its bytes, ``curl`` and ``replay`` repeat it; empty if impossible."""

    finding: Mapping[str, Any]
    href: str
    curl: str
    replay: str

    @property
    def size(self) -> int:
        texts = (self.finding["message"][:500], self.finding["excerpt"][:MAX_EXCERPT], self.curl, self.replay)
        return 500 + sum(len(escape(visible(text))) for text in texts)


def render(report: Mapping[str, Any], run: Run | None = None) -> str:
    context = _check(report, run) if kind(report) == "check" else _load(report, run)
    return page.render(
        f"{kind(report)}.html.j2",
        report=report,
        started=started(report, run),
        version=run.header.version if run else None,
        **context,
    )


def _check(report: Mapping[str, Any], run: Run | None) -> dict[str, Any]:
    requirements = worst_first(report["requirements"])
    views = wireview.views(_findings(requirements), run)
    shown = _within(
        {row["id"]: [_shown(one, views, run) for one in row["findings"][:MAX_FINDINGS]] for row in requirements}
    )
    return {
        "requirements": requirements,
        "causes": to_fix(report),
        "untested": untested(report),
        "told": told.lines,
        "api": api(report["profile"]),
        "accepted": sum(bool(row.get("accepted")) for row in requirements),
        "baseline": list(sentences.lines(report)),
        "max_causes": MAX_CAUSES,
        "max_excerpt": MAX_EXCERPT,
        "shown": shown,
        "views": views.values(),
        "facets": _facets(requirements),
        "passed": list(traffic.lines(report)),
        "traffic_head": traffic.HEAD,
        "traffic_rows": traffic.rows(report),
        "faces": [look for name, look in FACES.items() if report["counts"].get(name)],
    }


def _findings(requirements: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for requirement in requirements:
        yield from requirement["findings"][:MAX_FINDINGS]


def _within(shown: dict[str, list[Shown]]) -> dict[str, list[Shown]]:
    """One finding of each requirement first, then the others, as long as there is room on the page."""
    room = MAX_TOTAL
    kept: dict[str, list[Shown]] = {name: [] for name in shown}
    for place in range(MAX_FINDINGS):
        for name, findings in shown.items():
            if place < len(findings) and room > 0:
                kept[name].append(findings[place])
                room -= findings[place].size
    return kept


def _shown(finding: Mapping[str, Any], views: Mapping[str, wireview.View], run: Run | None) -> Shown:
    name = finding["exchange"]
    command = curl(views[name].exchange) if name in views else None
    return Shown(finding, wireview.link(finding, views), command or "", replay(name, run) if name else "")


def _facets(requirements: list[Mapping[str, Any]]) -> dict[str, list[tuple[str, int]]]:
    """What can be filtered by: each value with its number of requirements, in reading order."""
    verdicts = Counter(row["verdict"] for row in requirements)
    levels = Counter(row["level"] for row in requirements)
    areas = Counter(area(row["id"]) for row in requirements)
    return {
        "verdict": [(name, verdicts[name]) for name in FACES if name in verdicts],
        "level": [(name, levels[name]) for name in LEVELS if name in levels],
        "area": sorted(areas.items()),
    }


def _load(report: Mapping[str, Any], run: Run | None) -> dict[str, Any]:
    samples = run.samples if run else ()
    rows = measured(report)
    points = report.get("series") or series.points(samples)
    heads = list(dict.fromkeys(name for point in points for name in point))
    return {
        "target": (report.get("target") or {}).get("url"),
        "answer": answer(report),
        "missed": sum(slo["met"] is False for slo in report["slo"]),
        "unserved": list(outcome(report)),
        "broken": (report.get("outcome") or {}).get("verdict") == "broken",
        "undecided": sum(slo["met"] is None for slo in report["slo"]),
        "definitions": _definitions(report),
        "load": _load_of(report),
        "precision": precision,
        "trusted": precision.main(report),
        "legend": list(precision.legend(report)),
        "streams": list(streams(report)),
        "heads": [percentile(name) for name in PERCENTILES],
        "latencies": [
            (metric.name, precision.counted(row), *(precision.value(row, name) for name in PERCENTILES))
            for metric, row in rows
        ],
        "latency": load_charts.latency(report),
        "parts": list(parts_of_load.tables(report)),
        "by_level": load_charts.by_level(report.get("levels") or ()),
        "timeline": load_charts.timeline(points),
        "point_heads": [heading(name) for name in heads],
        "point_rows": [[number(point.get(name)) for name in heads] for point in points],
        "heatmap": heatmap.render(gaps) if (gaps := series.heat(samples)) else None,
        "failures": [(name, number(count)) for name, count in Counter(report["failures"]).most_common()],
        "bill": bill.section(report),
        "capacity": list(capacity.lines(report)),
        "capacity_rows": capacity.rows(report),
        "capacity_head": capacity.HEAD,
        "knee": capacity.knee(report),
        "limiter": limiter.facts(report),
        "limiter_figures": limiter_charts.figures(report),
        "retries": limiter.policies(report),
        "failing": _failing(report["conformance"]),
    }


def _definitions(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The report's own words where it has them: it knows how it measured."""
    own = dict(report.get("definitions") or {})
    known = [
        (metric.name, own.pop(metric.key, metric.definition)) for metric in METRICS if metric.key in report["metrics"]
    ]
    return known + [(heading(name), definition) for name, definition in own.items()]


def _load_of(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the target was loaded, as far as the report says."""
    facts = {**(report.get("load") or {}), **{name: report.get(name) for name in ("duration_s", "warmup_s", "workers")}}
    names = {"warmup_s": "Warm-up (s)"}
    return [(names.get(name, heading(name)), _plain(value)) for name, value in facts.items() if value is not None]


def _failing(conformance: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    sampled = conformance["sampled"]
    worst = Counter(conformance["failing"]).most_common()
    return [(name, number(count), percent(count / sampled if sampled else None)) for name, count in worst]


def _plain(value: Any) -> str:
    return number(value) if isinstance(value, int | float | str) else line(str(value))
