"""Markdown: the summary of a CI job and of ``summary.md``. Bounded, because a GitHub step summary holds one MiB."""

from collections.abc import Iterator, Mapping
from typing import Any

from echosounder.reports import accepted as sentences
from echosounder.reports import bill, capacity, limiter, parts_of_load, precision, told, traffic, unserved
from echosounder.reports.answer import answer
from echosounder.reports.causes import Cause, to_fix, untested
from echosounder.reports.curl import replay
from echosounder.reports.figures import (
    MET,
    PERCENTILES,
    cost,
    measured,
    number,
    objective,
    outcome,
    percent,
    percentile,
    streams,
    usd,
)
from echosounder.reports.kinds import kind, started
from echosounder.reports.text import code, fenced, markdown
from echosounder.reports.verdicts import FACES, face
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import worst_first

MAX_CAUSES, MAX_ROWS = 20, 300


def render(report: Mapping[str, Any], run: Run | None = None) -> str:
    write = _check if kind(report) == "check" else _load
    return "\n".join(write(report, run)) + "\n"


def _check(report: Mapping[str, Any], run: Run | None) -> Iterator[str]:
    accepted = len(report.get("baseline", {}).get("accepted", ()))
    yield _heading("Conformance", report["verdict"]) + (f", {accepted} accepted" if accepted else "")
    yield ""
    if report.get("reason") and report["verdict"] == "inconclusive":
        yield markdown(report["reason"]) + "."
        yield ""
    yield f"{markdown(report['target']['url'])}, {_facts(report)}{_when(report, run)}."
    yield ""
    yield "| " + " | ".join(f"{look.glyph} {name}" for name, look in _present(report)) + " |"
    yield "|" + "--:|" * len(_present(report))
    yield "| " + " | ".join(str(report["counts"][name]) for name, _ in _present(report)) + " |"
    if lines := [*sentences.lines(report), *unserved.lines(report), *traffic.lines(report)]:
        yield ""
        yield from (f"- {markdown(says, 400)}" for says in lines)
    if rows := traffic.rows(report):
        yield "\n| " + " | ".join(traffic.HEAD) + " |\n|---|---|" + "--:|" * (len(traffic.HEAD) - 2)
        yield from ("| " + " | ".join(map(markdown, row)) + " |" for row in rows)
    yield from _causes(to_fix(report), run)
    if says := untested(report):
        yield f"\n{says}."
    yield from _requirements(report)
    yield ""
    yield f"Cost: {_cost(report['cost'])}."


def _facts(report: Mapping[str, Any]) -> str:
    names = ("profile", "policy", "suite")
    model = report["target"]["model"]
    facts = [f"model {markdown(model)}"] if model else []
    return ", ".join(facts + [f"{name} {markdown(report[name])}" for name in names])


def _present(report: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, look) for name, look in FACES.items() if report["counts"].get(name)]


def _causes(causes: list[Cause], run: Run | None) -> Iterator[str]:
    if not causes:
        return
    yield "\n## Fix first"
    for number_, cause in enumerate(causes[:MAX_CAUSES], 1):
        breaks = ", ".join(code(name) for name in cause.requirements[:8])
        yield f"\n{number_}. **{markdown(cause.title)}** ({markdown(cause.level)}, breaks {breaks})"
        if cause.finding and cause.finding["message"] != cause.title:
            yield ""
            yield from (f"   - {name}: {markdown(said)}" for name, said in told.lines(cause.finding["message"]))
        if cause.finding and cause.finding["excerpt"]:
            yield "\n" + fenced(cause.finding["excerpt"], 400)
        if cause.finding and cause.finding["exchange"]:
            yield f"\n   {code(replay(cause.finding['exchange'], run))}"
        yield from _remedy(cause.remedy)
    if len(causes) > MAX_CAUSES:
        yield f"\n…and {len(causes) - MAX_CAUSES} more causes in report.html."


def _remedy(remedy: Mapping[str, Any] | None) -> Iterator[str]:
    """The directives are links: the data that they come from is our own."""
    if not remedy:
        return
    yield f"\n   Fix: {markdown(remedy['server'], 500)}"
    if proxies := told.directives(remedy):
        named = (f"[{each['proxy']}]({each['link']}): {code(each['directive'])}" for each in proxies)
        yield f"\n   Behind a proxy: {'; '.join(named)}"


def _requirements(report: Mapping[str, Any]) -> Iterator[str]:
    rows = [row for row in worst_first(report["requirements"]) if row["verdict"] not in {"pass", "not-applicable"}]
    if not rows:
        return
    yield f"\n<details><summary>{len(rows)} requirements that did not pass</summary>\n"
    yield "| verdict | level | requirement | why |\n|---|---|---|---|"
    for row in rows[:MAX_ROWS]:
        why = (row["findings"] or [{}])[0].get("message") or row.get("note") or ""
        yield f"| {face(row['verdict']).glyph} {row['verdict']} | {markdown(row['level'])} | {code(row['id'])} | {markdown(why)} |"
    yield "\n</details>"


def _load(report: Mapping[str, Any], run: Run | None) -> Iterator[str]:
    measurement = report["measurement"]
    if (answered := answer(report)) is None:
        yield _heading(f"Load: {markdown(report['scenario'])}", measurement["verdict"])
        yield ""
    else:
        yield f"# {answered.glyph} {markdown(answered.says)}"
        yield ""
        yield f"Load: {markdown(report['scenario'])}: {face(measurement['verdict']).glyph} {measurement['verdict']}"
        yield ""
    missed, undecided = (sum(slo["met"] is met for slo in report["slo"]) for met in (False, None))
    said = f" **{missed} of {len(report['slo'])} objectives missed.**" if missed else ""
    said += f" {undecided} of {len(report['slo'])} objectives undecided." if undecided else ""
    yield f"{face(measurement['verdict']).says}{_when(report, run)}.{said}"
    yield from (f"- {markdown(reason)}" for reason in measurement["reasons"])
    yield from (f"- {markdown(said, 300)}" for said in outcome(report))
    yield from (f"- {markdown(said, 700)}" for said in _found(report))
    yield from _slo(report["slo"])
    if rows := precision.main(report):
        yield "\n| " + " | ".join(precision.HEAD) + " |\n|---|" + "--:|" * (len(precision.HEAD) - 1)
        yield from (f"| {metric.name} | " + " | ".join(precision.cells(row)) + " |" for metric, row in rows)
        yield ""
    yield from (f"- {markdown(said, 300)}" for said in precision.legend(report))
    for part in parts_of_load.tables(report):
        yield (
            f"\n{part.title} (latencies in ms)\n\n| "
            + " | ".join(part.head)
            + " |\n|---|"
            + "--:|" * (len(part.head) - 1)
        )
        yield from ("| " + " | ".join(map(markdown, row)) + " |" for row in part.rows)
    yield "\n<details><summary>Every latency and percentile</summary>\n"
    yield "| ms | n | " + " | ".join(percentile(name) for name in PERCENTILES) + " |"
    yield "|---|" + "--:|" * (len(PERCENTILES) + 1)
    for metric, row in measured(report):
        values = [precision.counted(row), *(precision.value(row, name) for name in PERCENTILES)]
        yield f"| {metric.name} | " + " | ".join(values) + " |"
    yield "\n</details>\n"
    yield from (f"- {said}" for said in streams(report))
    yield ""
    yield _outcome(report)
    yield _money(report)


def _found(report: Mapping[str, Any]) -> Iterator[str]:
    yield from (*capacity.lines(report), *bill.lines(report), *limiter.lines(report))


def _slo(slos: list[Mapping[str, Any]]) -> Iterator[str]:
    if not slos:
        return
    yield "\n| SLO | measured | met |\n|---|--:|---|"
    for slo in slos:
        yield f"| {markdown(slo['expr'])} | {objective(slo)} | {MET[slo['met']]} |"


def _outcome(report: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in report["counts"].items())
    failures = ", ".join(f"{markdown(name)} {count}" for name, count in report["failures"].items())
    return f"Requests: {counts}." + (f" Failures: {failures}." if failures else "")


def _money(report: Mapping[str, Any]) -> str:
    money, hits = report["cost"], percent(report["cache"]["hit_ratio"])
    plain = usd(money["usd_without_cache"], money.get("currency", "USD"))
    return f"\nCost: {cost(report)}; without the cache {plain}. Cache hits: {hits}."


def _cost(cost: Mapping[str, Any]) -> str:
    tokens = f"{number(cost['prompt_tokens'])} prompt and {number(cost['completion_tokens'])} completion tokens"
    return f"{cost['requests']} requests, {tokens}, {usd(cost['usd'])}"


def _heading(what: str, verdict: str) -> str:
    return f"# {what}: {face(verdict).glyph} {verdict}"


def _when(report: Mapping[str, Any], run: Run | None) -> str:
    return f", {markdown(when)}" if (when := started(report, run)) else ""
