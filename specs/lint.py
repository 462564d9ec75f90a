"""Finds errors in the data: one line per problem, ``file:line: message``.

Not imported by the accessors: the row schema needs jsonschema, and they need nothing but PyYAML.
The OpenAPI documents themselves are linted by the tests (openapi-spec-validator) and by ``specs/redocly.yaml``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from importlib.resources.abc import Traversable
from typing import Any

import jsonschema

from echosounder.specs import attaching, behaviours, bounds, catalogue, documents, grammar, prices
from echosounder.specs.lines import ROOT, SpecError, YamlFile, load
from echosounder.specs.vendors import PROFILES, VENDOR_OF, about


def problems(root: Traversable = ROOT) -> Iterator[str]:
    """Every problem of the data under ``root``, which has the layout of ``specs/``."""
    for check in (_requirements, _sources, _overlays, _prices, _tables, _attachments, _formats):
        yield from _caught(check, root)


def _caught(check: Callable[[Traversable], Iterator[str]], root: Traversable) -> Iterator[str]:
    try:
        yield from check(root)
    except SpecError as error:
        yield str(error)


def _requirements(root: Traversable) -> Iterator[str]:
    validator = jsonschema.Draft202012Validator(_schema(root))
    pages = load("sources.yaml", root).value
    first: dict[str, str] = {}
    for table in catalogue.files(root):
        for error in validator.iter_errors([]) if not isinstance(table.value, list) else ():
            yield f"{table.at()}: {error.message}"
        for index, row in enumerate(table.value):
            errors = [f"{table.at((index, *e.absolute_path))}: {e.message}" for e in validator.iter_errors(row)]
            yield from errors or _row(table, index, first, pages)


def _schema(root: Traversable) -> dict[str, Any]:
    """Of a requirement. Each wire format is a feature, beside those that the file names."""
    schema: dict[str, Any] = json.loads(root.joinpath("requirements.schema.json").read_text(encoding="utf-8"))
    schema["properties"]["features"]["items"]["enum"] += [grammar.name_of(table) for table in grammar.files(root)]
    return schema


def _row(table: YamlFile, index: int, first: dict[str, str], pages: dict[str, object]) -> Iterator[str]:
    row = table.value[index]
    if row["id"] in first:
        yield f"{table.at((index, 'id'))}: requirement {row['id']} exists already at {first[row['id']]}"
    first.setdefault(row["id"], table.at((index, "id")))
    for at, source in enumerate(row["sources"]):
        if source["page"] not in pages:
            yield f"{table.at((index, 'sources', at))}: source {source['page']!r} is not in specs/sources.yaml"
    yield from _span(table, index)


def _span(table: YamlFile, index: int) -> Iterator[str]:
    """Whom a row is about, and from when to when."""
    row = table.value[index]
    for key in ("since", "until"):
        if key in row and row[key] not in PROFILES:
            yield f"{table.at((index, key))}: {key} names no profile: {row[key]!r}"
    span = [row[key] for key in ("since", "until") if row.get(key) in PROFILES]
    if span != sorted(span, key=PROFILES.index):
        yield f"{table.at((index, 'since'))}: since is later than until"
    if len({VENDOR_OF[name] for name in span}) > 1:
        yield f"{table.at((index, 'since'))}: since and until name profiles of one vendor"
    for vendor in row.get("vendors", ()):
        if vendor not in VENDOR_OF.values():
            yield f"{table.at((index, 'vendors'))}: there is no vendor {vendor!r} in specs/vendors"


def _sources(root: Traversable) -> Iterator[str]:
    table = load("sources.yaml", root)
    rows = (row for file in catalogue.files(root) for row in file.value)
    used = {source["page"] for row in rows for source in row.get("sources", ())}
    used |= {page for table_of in grammar.files(root) for page in table_of.value["sources"]}
    for table_of in prices.tables(root):
        used |= {row["source"] for part in ("prices", "uses") for row in table_of.value.get(part, ())}
    for key, source in table.value.items():
        if set(source) != {"title", "kind", "where"}:
            yield f"{table.at((key,))}: a source has title, kind and where"
        if key not in used:
            yield f"{table.at((key,))}: source {key!r} is used by nothing"


def _overlays(root: Traversable) -> Iterator[str]:
    days: dict[str, str] = {}
    for name in PROFILES:
        overlay = load(f"vendors/{VENDOR_OF[name]}/profiles/{name}.yaml", root)
        try:
            day = about(overlay)["date"]
            documents.made(overlay, root)
        except SpecError as error:
            yield str(error)
            continue
        if day <= days.get(VENDOR_OF[name], ""):
            yield f"{overlay.at(('x-profile', 'date'))}: the date {day} is not later than that of the vendor's profile before"
        days[VENDOR_OF[name]] = day


def _prices(root: Traversable) -> Iterator[str]:
    pages = load("sources.yaml", root).value
    placed: list[tuple[YamlFile, int, prices.Price]] = []
    for table in prices.tables(root):
        prices.read_aliases(table)
        placed += [(table, index, row) for index, row in enumerate(prices.read_prices(table, root))]
        for index, use in enumerate(prices.read_uses(table)):
            if use.source not in pages:
                yield f"{table.at(('uses', index))}: source {use.source!r} is not in specs/sources.yaml"
    for table, index, row in placed:
        if row.source not in pages:
            yield f"{table.at(('prices', index))}: source {row.source!r} is not in specs/sources.yaml"
    for (_, _, one), (table, index, other) in itertools.combinations(placed, 2):
        same = (one.model, one.currency) == (other.model, other.currency)
        if same and (one.covers(other.since) or other.covers(one.since)):
            yield f"{table.at(('prices', index))}: two {other.currency} prices of {other.model} at the same time"


def _tables(root: Traversable) -> Iterator[str]:
    """The files with a row for each profile of a vendor."""
    for vendor in dict.fromkeys(VENDOR_OF.values()):
        names = [name for name in PROFILES if VENDOR_OF[name] == vendor]
        limits, behaviour = (load(f"vendors/{vendor}/{file}", root) for file in (bounds.FILE, behaviours.FILE))
        for table in (limits, behaviour):
            if missing := [(name, names[at - 1]) for at, name in enumerate(names) if name not in table.value]:
                yield from (f"{table.at()}: no row {name}: add one, `{name}: {{like: {old}}}`" for name, old in missing)
            elif list(table.value) != names:
                yield f"{table.at()}: the profiles are {', '.join(names)}, in this order"
        for name in limits.value:
            bounds.check(limits, name)
        for name in behaviour.value:
            behaviours.read(behaviour, name)


def _attachments(root: Traversable) -> Iterator[str]:
    """The files with rows for some profiles of a vendor."""
    for vendor in dict.fromkeys(VENDOR_OF.values()):
        name = f"vendors/{vendor}/{attaching.FILE}"
        table = load(name, root) if root.joinpath(name).is_file() else YamlFile(name, {}, {})
        for profile in table.value:
            attaching.read(table, profile)
            if VENDOR_OF.get(profile) != vendor:
                yield f"{table.at((profile,))}: {vendor} has no profile {profile}"
        names = [each for each in PROFILES if VENDOR_OF[each] == vendor]
        for old, new in itertools.pairwise(names):
            if old in table.value and new not in table.value:
                yield f"{table.at()}: no row {new}, which would keep no files and read no images: add one, `{new}: {{like: {old}}}`"


def _formats(root: Traversable) -> Iterator[str]:
    pages = load("sources.yaml", root).value
    first: dict[str, str] = {}
    for table in grammar.files(root):
        for index, path in enumerate(grammar.read(table).paths):
            where = table.at(("paths", index))
            if first.setdefault(path, where) != where:
                yield f"{where}: {path} is served in another format already, see {first[path]}"
        for index, page in enumerate(table.value["sources"]):
            if page not in pages:
                yield f"{table.at(('sources', index))}: source {page!r} is not in specs/sources.yaml"
