"""The report for people at a terminal. Every colour is accompanied by a glyph and a word with the same meaning."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from echosounder.reports import bill, capacity, limiter, parts_of_load, precision, told, traffic, unserved
from echosounder.reports.answer import answer
from echosounder.reports.causes import Cause, to_fix, untested
from echosounder.reports.curl import replay
from echosounder.reports.figures import MET, cost, number, objective, outcome, percent, streams, usd
from echosounder.reports.kinds import kind
from echosounder.reports.part_table import PartTable
from echosounder.reports.text import line
from echosounder.reports.verdicts import FACES, face
from echosounder.wire.runlog import Run

STYLES = {"bad": "bold red", "warn": "yellow", "good": "green", "idle": "dim"}
MAX_CAUSES = 10
_COLUMNS = (0, 1, 2, 3, 4, 5, 10, 11)
_SHOWN = ("p50", "p90", "p99", "max")


def show(report: Mapping[str, Any], run: Run | None, console: Console) -> None:
    """Prints to *console*; everything that a target sent is printed literally."""
    _check(report, run, console) if kind(report) == "check" else _load(report, console)


def _check(report: Mapping[str, Any], run: Run | None, console: Console) -> None:
    if report.get("reason") and report["verdict"] == "inconclusive":  # then nothing else in the report is worth reading
        _print(console, _verdict(report["verdict"]), Text("  " + line(report["reason"], 400)))
        return
    target = report["target"]
    about = [target["url"], *(value for value in (target["model"], report["profile"], report["suite"]) if value)]
    accepted = len(report.get("baseline", {}).get("accepted", ()))
    _print(console, _verdict(report["verdict"], accepted), Text("  " + line(" · ".join(about))))
    for says in (*unserved.lines(report), *traffic.lines(report)):
        _print(console, Text(line(says, 400)))
    _print(console, _counts(report["counts"]))
    _traffic(report, console)
    causes = to_fix(report)
    for number_, cause in enumerate(causes[:MAX_CAUSES], 1):
        _cause(console, number_, cause, run)
    if len(causes) > MAX_CAUSES:
        _print(console, Text(f"   …and {len(causes) - MAX_CAUSES} more causes in report.html", "dim"))
    if says := untested(report):
        _print(console, Text("\n" + says, "dim"))
    _print(console, Text("\n" + _cost(report["cost"]), "dim"))


def _traffic(report: Mapping[str, Any], console: Console) -> None:
    """One line to a figure would be many lines; a terminal has room for the columns that most ask for."""
    table = _table([traffic.HEAD[each] for each in _COLUMNS])
    for row in traffic.rows(report):
        table.add_row(*(row[each] for each in _COLUMNS))
    if table.row_count:
        console.print(table)


def _cause(console: Console, number_: int, cause: Cause, run: Run | None) -> None:
    tone = "bad" if cause.level == "MUST" else "warn"
    _print(console, Text(f"\n{number_:2}. {cause.level} ", STYLES[tone]), Text(line(cause.title)))
    names = ", ".join(cause.requirements[:4]) + (
        f" and {len(cause.requirements) - 4} more" if len(cause.requirements) > 4 else ""
    )
    _print(console, Text(f"    breaks {names}", "dim"))
    finding = cause.finding
    for name, said in told.lines(finding["message"]) if finding and finding["message"] != cause.title else ():
        _print(console, Text(f"    {name:9}"), Text(line(said, 400)))
    if finding and finding["excerpt"]:
        _print(console, Text("    " + line(finding["excerpt"], 160), "cyan"))
    if finding and finding["exchange"]:
        _print(console, Text("    " + replay(finding["exchange"], run), "dim"))
    if says := told.remedy(cause.remedy):
        _print(console, Text("    fix      "), Text(line(says, 900)))


def _counts(counts: Mapping[str, int]) -> Text:
    parts = [
        Text(f"{look.glyph} {counts[name]} {name}", STYLES[look.tone])
        for name, look in FACES.items()
        if counts.get(name)
    ]
    return Text("   ").join(parts)


def _cost(cost: Mapping[str, Any]) -> str:
    tokens = f"{number(cost['prompt_tokens'])} + {number(cost['completion_tokens'])} tokens"
    return f"{cost['requests']} requests, {tokens}, {usd(cost['usd'])}"


def _load(report: Mapping[str, Any], console: Console) -> None:
    measurement = report["measurement"]
    if (answered := answer(report)) is not None:
        _print(console, Text(f"{answered.glyph} {answered.says}", STYLES[answered.tone]))
    _print(
        console,
        _verdict(measurement["verdict"]),
        Text(f"  {line(report['scenario'])}: {face(measurement['verdict']).says}"),
    )
    for reason in measurement["reasons"]:
        _print(console, Text("   " + line(reason), STYLES[face(measurement["verdict"]).tone]))
    for says in outcome(report):
        _print(console, Text(f"   {says}", STYLES["bad" if report["outcome"]["verdict"] == "broken" else "warn"]))
    for slo in report["slo"]:
        _print(console, _slo(slo))
    for said in (*capacity.lines(report), *bill.lines(report), *limiter.lines(report)):
        _print(console, Text("   " + said))
    _tried(report, console)
    _latencies(report, console)
    for part in parts_of_load.tables(report):
        _part(part, console)
    _print(console, Text(_throughput(report)))
    for said in streams(report):
        _print(console, Text(said))
    _print(console, Text(_outcome(report)))
    _print(console, Text(_money(report), "dim"))


def _slo(slo: Mapping[str, Any]) -> Text:
    tone = {True: "good", False: "bad", None: "warn"}[slo["met"]]
    return Text(f"   {MET[slo['met']]:11} {line(slo['expr'])}  (measured {objective(slo)})", STYLES[tone])


def _latencies(report: Mapping[str, Any], console: Console) -> None:
    """What the run is about with error bars, then everything else that was measured."""
    main = _table(precision.HEAD)
    for metric, row in precision.main(report):
        main.add_row(re.sub(r"\w+ (?=from schedule)", " ", metric.name), *precision.cells(row))  # below what it is of
    others = _table(("ms", *_SHOWN, "n"))
    for metric, row in precision.others(report):
        others.add_row(metric.name, *(precision.value(row, name) for name in _SHOWN), precision.counted(row))
    if main.row_count:
        console.print(main)
    for said in precision.legend(report):
        _print(console, Text("   " + line(said, 300), "dim"))
    if others.row_count:
        console.print(others)


def _tried(report: Mapping[str, Any], console: Console) -> None:
    """The levels of a search for the capacity."""
    table = _table([head.replace(" ", "\n") for head in capacity.HEAD])
    table.columns[-1].justify = "left"
    for row in capacity.rows(report):
        table.add_row(*row)
    if table.row_count:
        console.print(table)


def _part(part: PartTable, console: Console) -> None:
    """The objectives stand below: they are too wide for a column."""
    table = _table([head.replace(" ", "\n") for head in part.head[: part.figures]])
    for row in part.rows:
        table.add_row(*map(line, row[: part.figures]))
    _print(console, Text(f"\n{part.title} (latencies in ms)", "dim"))
    console.print(table)
    for row in part.rows if part.judged else ():
        _print(console, Text(f"   {line(row[0])}: {line(row[-1], 300)}"))


def _table(heads: Sequence[str]) -> Table:
    """No name is broken; of a figure too wide for its column the error stands below."""
    table = Table(*heads, box=None, pad_edge=False, header_style="dim")
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _throughput(report: Mapping[str, Any]) -> str:
    rate = report["throughput"]
    return (
        f"{number(rate['requests_per_s'])} requests/s, {number(rate['output_tokens_per_s'])} output tokens/s, "
        f"{number(rate['goodput_per_s'])} good requests/s"
    )


def _outcome(report: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in report["counts"].items() if value)
    failures = ", ".join(f"{count} x {line(name)}" for name, count in report["failures"].items() if count)
    return counts + (f"; failures: {failures}" if failures else "")


def _money(report: Mapping[str, Any]) -> str:
    money, hits = report["cost"], percent(report["cache"]["hit_ratio"])
    plain = usd(money["usd_without_cache"], money.get("currency", "USD"))
    return f"{cost(report)}; without the cache {plain}; cache hits {hits}"


def _verdict(name: str, accepted: int = 0) -> Text:
    look, but = face(name), f", {accepted} accepted" if accepted else ""
    return Text(f"{look.glyph} {name.upper()}{but}", STYLES[look.tone])


def _print(console: Console, *parts: Text) -> None:
    console.print(Text.assemble(*parts), soft_wrap=True)
