"""Finds what is broken in the data: one line per problem, ``file:line: message``.

Not imported by the accessors: the row schema needs jsonschema, and they need nothing but PyYAML.
The OpenAPI documents themselves are linted by the tests (openapi-spec-validator) and by ``specs/redocly.yaml``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from importlib.resources.abc import Traversable

import jsonschema

from echosounder.specs import bounds, catalogue, overlay, prices
from echosounder.specs.documents import BASE, PROFILES
from echosounder.specs.lines import ROOT, SpecError, YamlFile, load


def problems(root: Traversable = ROOT) -> Iterator[str]:
    """Every problem of the data under ``root``, which has the layout of ``specs/``."""
    for check in (_requirements, _sources, _overlays, _prices, _limits):
        yield from _caught(check, root)


def _caught(check: Callable[[Traversable], Iterator[str]], root: Traversable) -> Iterator[str]:
    try:
        yield from check(root)
    except SpecError as error:
        yield str(error)


def _requirements(root: Traversable) -> Iterator[str]:
    validator = jsonschema.Draft202012Validator(
        json.loads(root.joinpath("requirements.schema.json").read_text(encoding="utf-8"))
    )
    pages = load("sources.yaml", root).value
    first: dict[str, str] = {}
    for table in catalogue.files(root):
        for error in validator.iter_errors([]) if not isinstance(table.value, list) else ():
            yield f"{table.at()}: {error.message}"
        for index, row in enumerate(table.value):
            errors = [f"{table.at((index, *e.absolute_path))}: {e.message}" for e in validator.iter_errors(row)]
            yield from errors or _row(table, index, first, pages)


def _row(table: YamlFile, index: int, first: dict[str, str], pages: dict[str, object]) -> Iterator[str]:
    row = table.value[index]
    if row["id"] in first:
        yield f"{table.at((index, 'id'))}: requirement {row['id']} exists already at {first[row['id']]}"
    first.setdefault(row["id"], table.at((index, "id")))
    for at, source in enumerate(row["sources"]):
        if source["page"] not in pages:
            yield f"{table.at((index, 'sources', at))}: source {source['page']!r} is not in specs/sources.yaml"
    for key in ("since", "until"):
        if key in row and row[key] not in PROFILES:
            yield f"{table.at((index, key))}: {key} names no profile: {row[key]!r}"
    if row.get("since", "") > row.get("until", "9999"):
        yield f"{table.at((index, 'since'))}: since is later than until"


def _sources(root: Traversable) -> Iterator[str]:
    table = load("sources.yaml", root)
    rows = (row for file in catalogue.files(root) for row in file.value)
    used = {source["page"] for row in rows for source in row.get("sources", ())}
    used |= {row["source"] for row in load("prices.yaml", root).value["prices"]}
    for key, source in table.value.items():
        if set(source) != {"title", "kind", "where"}:
            yield f"{table.at((key,))}: a source has title, kind and where"
        if key not in used:
            yield f"{table.at((key,))}: source {key!r} is used by nothing"


def _overlays(root: Traversable) -> Iterator[str]:
    base = load(BASE, root).value
    for name in PROFILES:
        try:
            overlay.apply(base, load(f"profiles/{name}.yaml", root))
        except SpecError as error:
            yield str(error)


def _prices(root: Traversable) -> Iterator[str]:
    table, pages = load("prices.yaml", root), load("sources.yaml", root).value
    prices.read_aliases(table)
    rows = prices.read_prices(table)
    for index, row in enumerate(rows):
        if row.source not in pages:
            yield f"{table.at(('prices', index))}: source {row.source!r} is not in specs/sources.yaml"
    for (_, one), (index, other) in itertools.combinations(enumerate(rows), 2):
        same = (one.model, one.currency) == (other.model, other.currency)
        if same and (one.covers(other.since) or other.covers(one.since)):
            yield f"{table.at(('prices', index))}: two {other.currency} prices of {other.model} at the same time"


def _limits(root: Traversable) -> Iterator[str]:
    table = load("limits.yaml", root)
    if list(table.value) != list(PROFILES):
        yield f"{table.at()}: the profiles are {', '.join(PROFILES)}, in this order"
    for name in table.value:
        bounds.check(table, name)
