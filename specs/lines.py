"""YAML with the position of each value, so that error messages can name file and line.

The loader follows the YAML 1.2 core schema where PyYAML would follow 1.1: ``no``, ``off`` and ``2024-07-25`` stay
strings, ``16:30`` is not a number in base sixty, and a key that occurs twice is refused instead of lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

ROOT: Traversable = files(__package__)
Path = tuple[str | int, ...]


class SpecError(ValueError):
    """The data under ``specs/`` is broken, or a name is unknown. One line; starts with ``file:line`` where there is one."""


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A parsed file: its value, and the line on which each path begins (paths are tuples of keys and indices)."""

    name: str
    value: Any
    lines: Mapping[Path, int]

    def at(self, path: Path = ()) -> str:
        """``specs/requirements/stream.yaml:12`` for a path; for an unknown one, the line of its nearest ancestor."""
        while path not in self.lines and path:
            path = path[:-1]
        return f"specs/{self.name}:{self.lines.get(path, 1)}"

    def error(self, path: Path, message: str) -> SpecError:
        return SpecError(f"{self.at(path)}: {message}")


_SCALARS = (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+0123456789."),
)


def loader_of(base: type) -> type:
    """A safe loader of PyYAML with the scalars of YAML 1.2's core schema in place of its own."""
    made: Any = type("Loader", (base,), {"yaml_implicit_resolvers": {}})
    for tag, pattern, first in _SCALARS:
        made.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), list(first))
    return made  # type: ignore[no-any-return]


PURE = loader_of(yaml.SafeLoader)
FASTEST = loader_of(getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # libyaml may be absent


def load(name: str, root: Traversable = ROOT, loader_class: Any = FASTEST) -> YamlFile:
    """Parse ``specs/<name>``; the result is shared: read only.

    Raises SpecError with file and line on bad YAML and on duplicate keys.
    """
    return _parsed(name, root.joinpath(name).read_text(encoding="utf-8"), loader_class)


@lru_cache(maxsize=64)  # the profiles extend one document, and the lint asks for most files several times
def _parsed(name: str, text: str, loader_class: Any) -> YamlFile:
    loader = loader_class(text)
    try:
        node = loader.get_single_node()
        lines = dict(_lines(node, (), name))
        return YamlFile(name, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SpecError(f"specs/{name}:{mark.line + 1 if mark else 1}: {error.problem}") from None
    finally:
        loader.dispose()


def _lines(node: yaml.Node, path: Path, name: str) -> Iterator[tuple[Path, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*path, index), name)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, item in node.value:
            if key.value in seen:
                raise SpecError(f"specs/{name}:{key.start_mark.line + 1}: key {key.value!r} occurs twice")
            seen.add(key.value)
            yield (*path, key.value), key.start_mark.line + 1
            yield from list(_lines(item, (*path, key.value), name))[1:]
