"""Digest of the inputs of a strength measurement: it changes when the result may change.

Code counts as what it does: neither comments, docstrings, layout nor where it imports from. By whole modules, because a check leans
on its neighbours.
What everything rests on (the answers, the sender, the mock's sockets) is in no digest, or every edit would make every row stale:
that it still gives the same is what a tenth of the matrix, measured again at each commit, is for.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

from echosounder import specs
from echosounder.conformance.probe_choice import probes_of
from echosounder.judgement.assigned import checks
from echosounder.judgement.check import GroupJudge
from echosounder.mock_server.deviations import Deviation
from echosounder.selftest.laboratory import AS, everywhere, home, visible
from echosounder.wire.formats import FORMATS


def of_deviation(each: Deviation) -> str:
    """A fault depends on itself and on the checks of the requirements that it declares; a legal variant on every check that could
    raise a false alarm.
    """
    place = home(each, specs.DEFAULT_PROFILE)
    ids = each.breaks & checks().keys() or _judged(*place)
    return _digest([place, AS.get(each.name), _code(each.apply.__module__), _ground(frozenset(ids))])


def of_honest_runs() -> str:
    return _digest([everywhere(), _ground(frozenset(checks()))])


@cache
def _judged(profile: str, model: str) -> frozenset[str]:
    return frozenset(id for id in checks() if visible(specs.requirement(id), profile, model))


@cache
def _ground(ids: frozenset[str]) -> str:
    return _digest(list(_judges(ids)))


def _judges(ids: Iterable[str]) -> Iterator[Any]:
    """What says whether the requirements *ids* hold: their rows, checks and probes, and the formats that these read and send."""
    rows = [specs.requirement(id) for id in sorted(ids)]
    probes = [probe for row in rows for probe in probes_of(row)]
    yield from ([row.id, row.level, row.since, row.until, row.vendors, row.probes, row.excluded] for row in rows)
    yield from _codes(_module(checks()[row.id].judge) for row in rows)
    yield from _codes(probe.steps.__module__ for probe in probes)
    formats = sorted(FORMATS.keys() & {feature for probe in probes for feature in probe.features})
    yield from ([asdict(FORMATS[name].grammar), _code(type(FORMATS[name]).__module__)] for name in formats)


def _module(judge: GroupJudge) -> str:
    """Where a check is written; what judges one exchange at a time is wrapped."""
    return str((judge.args[0] if isinstance(judge, partial) else judge).__module__)


def _codes(modules: Iterable[str]) -> list[str]:
    return [_code(module) for module in sorted(set(modules))]


@cache
def _code(module: str) -> str:
    """The digest of a module by name."""
    return of_code(Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8"))


def of_code(text: str) -> str:
    return _digest(_plain(ast.parse(text)))


def _plain(node: Any) -> Any:
    """A syntax tree as lists, without docstrings, places and empty members, so that each Python gives the same."""
    if isinstance(node, list):
        return [_plain(each) for each in node if not _idle(each)]
    if not isinstance(node, ast.AST):
        return repr(node)
    members = [
        [name, _plain(value)] for name, value in ast.iter_fields(node) if value not in (None, []) and name != "ctx"
    ]
    return [type(node).__name__, *members]


def _idle(node: Any) -> bool:
    """An import, which moves whenever a module does, or a text that stands alone: a docstring, also one below an attribute."""
    said = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return said or isinstance(node, ast.Import | ast.ImportFrom)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, default=sorted).encode()).hexdigest()[:12]
