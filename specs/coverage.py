"""The two pages made from the data: docs/coverage.md and specs/SOURCES.md.

``write(ids)`` rewrites both; ``ids`` are the requirements that have a check. ``python -m echosounder.specs.coverage [FILE]`` does the same
with the ids of a file, one a line (``-`` is standard input), or, without a file, with those that name a probe.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from itertools import groupby
from pathlib import Path

from echosounder.specs.catalogue import Requirement, coverage, requirements, state
from echosounder.specs.clients import client_requests
from echosounder.specs.lines import load

ROOT = Path(__file__).resolve().parents[1]

HEAD = """\
# Coverage

What an endpoint is held to, and how much of it is tested. Made from `specs/requirements/` by `make docs`; do not edit.

**tested**: a check judges it on recorded exchanges. **load**: measured by `echosounder load`. **untested**: named, not yet checked.
**excluded**: knowingly not tested, for the reason given at the end. **passive**: what can also be judged on traffic that we did not ask
for, by `echosounder listen` and by `score` of what others recorded; the other checks need to know what was sent, and why.

| feature | requirements | tested | passive | load | untested | excluded |
|---|--:|--:|--:|--:|--:|--:|
"""
FOOT = "\nA requirement counts for each of its features; the last row counts each once.\n"
CLIENTS = """
## Requests of SDKs and agents

The suite `thorough` sends these requests as they were recorded (`specs/clients.json`), with the model of the run, at most 16 tokens, and
without thinking. What the profile documents must be served (`chat.sdks-served`), the rest served or refused (`request.open-answered`).

| client | requests | members, beside those of each request |
|---|--:|---|
"""
SOURCES = """\
# Sources

Every rule about the API names its source by the keys below. Made from `sources.yaml` by `make docs`; do not edit.
Dates next to a requirement are those of the copy that says so.

official: DeepSeek's documentation. recording: raw exchanges kept as test fixtures by others. probe: reports of live runs.
issue: public bug reports. third-party: surveys and documents by others; they never gate. norm: standards.

| key | what | kind | where | rules |
|---|---|---|---|--:|
"""


def pages(tested: Collection[str] | None = None, passive: Collection[str] = ()) -> dict[Path, str]:
    """Path -> text of each generated page. *passive*: the requirements that can be judged on traffic that was not asked for."""
    coverage_text = coverage_page(tested, passive)
    return {ROOT / "docs" / "coverage.md": coverage_text, ROOT / "specs" / "SOURCES.md": sources_page()}


def write(tested: Collection[str] | None = None, passive: Collection[str] = ()) -> None:
    for path, text in pages(tested, passive).items():
        path.write_text(text, encoding="utf-8")


def coverage_page(tested: Collection[str] | None = None, passive: Collection[str] = ()) -> str:
    rows = [*coverage(tested)]
    heard = {
        row.feature: sum(_about(each, row.feature) for each in requirements() if each.id in passive) for row in rows
    }
    table = "".join(
        f"| {r.feature} | {r.total} | {r.tested} | {heard[r.feature]} | {r.load} | {r.untested} | {r.excluded} |\n"
        for r in rows
    )
    return HEAD + table + FOOT + "".join(_clients()) + "".join(_parts(tested, passive)) + "".join(_reasons())


def _clients() -> Iterator[str]:
    """What of the requests of ordinary clients is asked: their members, those of the messages and the tools included."""
    yield CLIENTS
    everywhere = set.intersection(*({*row.members} for row in client_requests()))
    for client, rows in groupby(client_requests(), key=lambda row: row.client):
        each = [{*row.members} for row in rows]
        members = sorted(set.union(*each) - everywhere)
        yield f"| {client} | {len(each)} | {', '.join(f'`{name}`' for name in members)} |\n"


def _about(row: Requirement, feature: str) -> bool:
    return feature == "all" or feature in row.features


def sources_page() -> str:
    cited = [page for row in requirements() for page in {source.page for source in row.sources}]
    return SOURCES + "".join(
        f"| `{key}` | {source['title']} | {source['kind']} | {source['where']} | {cited.count(key)} |\n"
        for key, source in load("sources.yaml").value.items()
    )


def _parts(tested: Collection[str] | None, passive: Collection[str]) -> Iterator[str]:
    by_part = sorted(requirements(), key=_part)
    for part, rows in groupby(by_part, key=_part):
        yield f"\n## {part}\n\n| requirement | level | basis | holds for | state |\n|---|---|---|---|---|\n"
        for row in rows:
            how = state(row, tested) + (", passive" if row.id in passive else "")
            yield f"| `{row.id}` {row.title} | {row.level} | {row.basis} | {_span(row)} | {how} |\n"


def _part(row: Requirement) -> str:
    return row.id.partition(".")[0]


def _span(row: Requirement) -> str:
    dates = f"{row.since or ''} … {row.until or ''}".strip() if row.since or row.until else "all"
    return dates if len(row.vendors) > 1 else f"{dates} ({row.vendors[0]})"


def _reasons() -> Iterator[str]:
    yield "\n## Excluded, and why\n\n"
    yield from (f"- `{row.id}`: {row.excluded}\n" for row in requirements() if row.excluded)


def _ids(name: str) -> set[str]:
    return set((sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")).split())


if __name__ == "__main__":
    write(_ids(sys.argv[1]) if sys.argv[1:] else None)
