"""Applies OpenAPI Overlay 1.0 documents.

Decision: our own applier. `oas-patch` (PyPI, MIT) does the job, but brings a JSONPath engine, a diff and a command line
into a package that otherwise needs PyYAML alone, and a target that matches nothing passes silently there; for us that
is always a mistake in the overlay and must name its line. Our overlays need only names, indices and wildcards.

https://spec.openapis.org/overlay/v1.0.0.html
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from specs.lines import YamlFile

Slot = tuple[Any, str | int]  # a container and the key in it: what can be removed or replaced

_STEP = re.compile(
    r"""\.(?P<name>[A-Za-z_][\w-]*)|\[(?P<q>['"])(?P<quoted>.*?)(?P=q)\]|\[(?P<index>\d+)\]|(?P<any>\.\*|\[\*\])"""
)


def apply(document: Any, overlay: YamlFile) -> Any:
    """A new document: ``document`` with the overlay's actions applied in order. SpecError names the line of a bad action."""
    holder = {"$": copy.deepcopy(document)}
    for index, action in enumerate(overlay.value["actions"]):
        where = ("actions", index)
        slots = list(_select(holder, action["target"], overlay, where))
        if not slots:
            raise overlay.error((*where, "target"), f"target {action['target']} matches nothing")
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
    steps = list(_STEP.finditer(target, 1))
    if target[:1] != "$" or sum(len(step[0]) for step in steps) != len(target) - 1:
        raise overlay.error((*where, "target"), f"cannot read target {target!r}: use $.name, ['name'], [0] or [*]")
    slots: list[Slot] = [(holder, "$")]
    for step in steps:
        slots = [found for parent, key in slots for found in _children(parent[key], step)]
    yield from slots


def _children(node: Any, step: re.Match[str]) -> Iterator[Slot]:
    if step["any"]:
        keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        yield from ((node, key) for key in keys)
    elif step["index"] is not None:
        if isinstance(node, list) and int(step["index"]) < len(node):
            yield node, int(step["index"])
    elif isinstance(node, dict) and (name := step["name"] or step["quoted"]) in node:
        yield node, name
