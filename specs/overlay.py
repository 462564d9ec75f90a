"""Applies OpenAPI Overlay 1.0 documents.

Decision: our own applier. `oas-patch` 0.6 (PyPI, MIT) works, but brings jsonpath-ng, deepdiff, jinja2, rich and click into
a package that otherwise needs PyYAML alone, and skips a target that matches nothing; for us that is always a mistake in
the overlay, and must name its line. Our overlays need only names, indices and wildcards.

https://spec.openapis.org/overlay/v1.0.0.html
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from echosounder.specs.lines import YamlFile

Slot = tuple[Any, str | int]  # a container and the key in it: what can be removed or replaced

_NAMES = r"""'[^']*'(?:,'[^']*')*"""
_STEP = re.compile(rf"""\.(?P<name>[A-Za-z_][\w-]*)|\[(?P<names>{_NAMES})\]|\[(?P<index>\d+)\]|(?P<any>\[\*\])""")


def apply(document: Any, overlay: YamlFile) -> Any:
    """A new document: ``document`` with the overlay's actions applied in order. SpecError names the line of a bad action."""
    holder = {"$": copy.deepcopy(document)}
    for index, action in enumerate(overlay.value["actions"]):
        where = ("actions", index)
        slots = list(_select(holder, action["target"], overlay, where))
        for parent, key in reversed(slots):  # from the end: removing from a list must not shift what is still to come
            if action.get("remove"):
                del parent[key]
            else:
                parent[key] = merge(parent[key], action["update"])
    return holder["$"]


def merge(target: Any, update: Any) -> Any:
    """Objects are merged member by member, arrays are appended to, everything else is replaced."""
    if isinstance(target, dict) and isinstance(update, dict):
        return target | {key: merge(target[key], value) if key in target else value for key, value in update.items()}
    if isinstance(target, list):
        return [*target, *(update if isinstance(update, list) else [update])]
    return update


def _select(holder: dict[str, Any], target: str, overlay: YamlFile, where: tuple[str, int]) -> Iterator[Slot]:
    """What a target selects. A list of names selects all of them or is an error: it stands for as many targets."""
    steps = list(_STEP.finditer(target, 1))
    if target[:1] != "$" or sum(len(step[0]) for step in steps) != len(target) - 1:
        raise overlay.error(
            (*where, "target"), f"cannot read target {target!r}: use $.name, ['name','other'], [0] or [*]"
        )
    for keys in itertools.product(*map(_keys, steps)):
        slots: list[Slot] = [(holder, "$")]
        for key in keys:
            slots = [found for parent, name in slots for found in _children(parent[name], key)]
        if not slots:
            path = "".join("[*]" if key is None else f"[{key!r}]" for key in keys)
            raise overlay.error((*where, "target"), f"target ${path} matches nothing")
        yield from slots


def _keys(step: re.Match[str]) -> list[str | int | None]:
    """The keys that a step stands for; None is any."""
    if step["names"]:
        return [name[1:-1] for name in step["names"].split(",")]
    return [None if step["any"] else step["name"] or int(step["index"])]


def _children(node: Any, key: str | int | None) -> Iterator[Slot]:
    keys: Iterable[str | int] = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    yield from ((node, name) for name in keys if key is None or name == key)
