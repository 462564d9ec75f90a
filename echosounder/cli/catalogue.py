"""``echosounder list`` and ``echosounder explain``: show the catalogue."""

import difflib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import echosounder.conformance.probes  # noqa: F401  # importing it registers every probe
from echosounder import specs
from echosounder.cli import complete, options, printed
from echosounder.conformance.ask import Ask
from echosounder.conformance.client import scenarios as of_clients
from echosounder.conformance.probe import PROBES
from echosounder.conformance.proxy import probes as of_proxies
from echosounder.judgement.judged import judged_ids
from echosounder.load.experiments import EXPERIMENTS
from echosounder.load.scenarios import SCENARIOS
from echosounder.mock_server.deviations import Deviation, all_deviations
from echosounder.mock_server.deviations.selection import SELECTORS
from echosounder.specs import catalogue
from echosounder.wire.errors import UsageError


class CatalogueKind(StrEnum):
    REQUIREMENTS = "requirements"
    PROBES = "probes"
    DEVIATIONS = "deviations"
    SCENARIOS = "scenarios"
    PROFILES = "profiles"


def list_(
    kind: Annotated[CatalogueKind, typer.Argument(help="What to list.")] = CatalogueKind.REQUIREMENTS,
    profile: Annotated[
        str | None,
        typer.Option(help="Requirements: only those of this profile.", autocompletion=complete.names("profiles")),
    ] = None,
    feature: Annotated[str | None, typer.Option(help="Requirements and probes: only those of this feature.")] = None,
    json_: options.Json = False,
) -> None:
    """List requirements, probes, deviations, scenarios or profiles."""
    if profile is not None:
        options.known_profile(profile, judged=False)
    rows = [row for row in ROWS[kind](profile) if feature is None or feature in row.get("features", ())]
    if feature is not None and not rows:
        known = sorted({each for row in ROWS[kind](profile) for each in row.get("features", ())})
        raise UsageError(
            f"no {kind} have the feature {feature!r}; features are {', '.join(known) or 'not known of them'}"
        )
    if json_:
        print(json.dumps(rows, ensure_ascii=False, indent=1, default=str))
        return
    columns = COLUMNS[kind]
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    console = printed.console()
    console.print(table)
    Console(stderr=True).print(f"{len(rows)} {kind}", style="dim")


def explain(
    id: Annotated[str, typer.Argument(help="An id that `list` shows, of any kind.", autocompletion=complete.names())],
    json_: options.Json = False,
) -> None:
    """Show one requirement, probe, deviation, scenario or profile in full, with its source."""
    found = [(kind, row) for kind in CatalogueKind for row in ROWS[kind](None) if row["id"] == id]
    if not found:
        raise UsageError(f"nothing is called {id!r}{_near(id)}; `echosounder list KIND` shows the names")
    if json_:
        print(json.dumps(found[0][1], ensure_ascii=False, indent=1, default=str))
        return
    console = printed.console(soft_wrap=True)
    for kind, row in found:
        console.print(f"[bold]{id}[/] ({kind.removesuffix('s')})")
        for name, value in row.items():
            if name != "id" and value not in (None, "", (), [], {}):
                console.print(f"  {name}: ", style="dim", end="")
                console.print(_cell(value), markup=False)


def _requirements(profile: str | None) -> Iterable[dict[str, Any]]:
    judged = judged_ids()
    return [asdict(row) | {"state": catalogue.state(row, judged)} for row in specs.requirements(profile)]


def _probes(profile: str | None) -> Iterable[dict[str, Any]]:
    wanted = {
        name: [row.id for row in specs.requirements() if name in row.probes]
        for name in (*PROBES, *of_proxies.PROBES, *of_clients.families())
    }
    for probe in PROBES.values():
        yield {
            "id": probe.name,
            "title": probe.purpose,
            "suite": probe.suite.name.lower(),
            "requests": probe.requests,
            "tokens": probe.tokens,
            "features": sorted(probe.features),
            "requirements": wanted[probe.name],
        }
    ask = Ask(profile or specs.DEFAULT_PROFILE, specs.models(profile or specs.DEFAULT_PROFILE)[0])
    for name, steps in of_proxies.PROBES.items():
        yield {
            "id": name,
            "title": (steps.__doc__ or "").strip().splitlines()[0],
            "suite": "proxy",
            "requests": len(list(steps(ask))),
            "tokens": 0,  # the bundled mock answers
            "features": ["proxy"],
            "requirements": wanted[name],
        }
    for name, about in of_clients.families().items():
        mine = [each for each in of_clients.scenarios() if each.family == name]
        yield {
            "id": name,
            "title": about,
            "suite": "client",
            "requests": len(mine),  # runs of the client, which chooses the requests
            "tokens": 0,
            "features": ["client"],
            "requirements": wanted[name],
            "scenarios": [each.name for each in mine],
        }


def _deviations(_: str | None) -> Iterable[dict[str, Any]]:
    for row in all_deviations():
        breaks = sorted(row.breaks)
        yield {
            "id": row.name,
            "title": row.summary,
            "layer": row.layer,
            "format": row.format,
            "legal": not breaks,
            "breaks": breaks,
            "parameters": row.parameters,
            "selectors": {f"when.{name}": about for name, about in SELECTORS.items()},
            "usage": _usage_of(row),
        }


def _usage_of(row: Deviation) -> str:
    """How to select it, with every parameter."""
    pairs = ",".join(f"{name}={default}" for name, default in row.params.items())
    return f"echosounder mock --deviate {row.name}{':' if pairs else ''}{pairs}"


def _scenarios(_: str | None) -> Iterable[dict[str, Any]]:
    return [
        {"id": name, "title": (scenario.__doc__ or "").strip().splitlines()[0]}
        for name, scenario in (SCENARIOS | EXPERIMENTS).items()
    ]


def _profiles(_: str | None) -> Iterable[dict[str, Any]]:
    return [{"id": name, **asdict(specs.profile(name))} for name in specs.PROFILES]


ROWS: dict[CatalogueKind, Callable[[str | None], Iterable[dict[str, Any]]]] = {
    CatalogueKind.REQUIREMENTS: _requirements,
    CatalogueKind.PROBES: _probes,
    CatalogueKind.DEVIATIONS: _deviations,
    CatalogueKind.SCENARIOS: _scenarios,
    CatalogueKind.PROFILES: _profiles,
}
COLUMNS = {
    CatalogueKind.REQUIREMENTS: ("id", "level", "basis", "title"),
    CatalogueKind.PROBES: ("id", "suite", "requests", "title"),
    CatalogueKind.DEVIATIONS: ("id", "layer", "legal", "title"),
    CatalogueKind.SCENARIOS: ("id", "title"),
    CatalogueKind.PROFILES: ("id", "date", "vendor", "title"),
}


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {about}" for name, about in value.items())
    if isinstance(value, (list, tuple)):
        return (
            ", ".join(" ".join(map(str, item.values())) if isinstance(item, dict) else str(item) for item in value)
            or "-"
        )
    return str(value)


def _near(id: str) -> str:
    near = difflib.get_close_matches(id, [row["id"] for kind in CatalogueKind for row in ROWS[kind](None)], n=1)
    return f"; did you mean {near[0]}?" if near else ""
