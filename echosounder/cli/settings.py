"""``echosounder.toml``: defaults for options, weaker than ``ECHOSOUNDER_*`` variables and the command line.

Top-level keys apply to every command with that option; a table applies to the command of that name.
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from echosounder.wire.errors import UsageError
from echosounder.wire.files import text

FILE = "echosounder.toml"
LINES = {"header": "ECHOSOUNDER_HEADER", "reference_header": "ECHOSOUNDER_REFERENCE_HEADER"}
"""Options whose values may contain spaces; their variables have one value per line."""


def defaults(path: Path, options: Mapping[str, frozenset[str]]) -> dict[str, dict[str, Any]]:
    """Defaults per command. ``options`` names the options of each command; an absent file gives no defaults.

    Raises :class:`UsageError` for broken TOML, and for a key that is not an option (which would otherwise do nothing, silently).
    """
    content = _load(path)
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    common = {name: value for name, value in content.items() if name not in tables}
    _check(path, "", common, frozenset().union(*options.values()))
    _check(path, "table ", tables, frozenset(options))
    for command, table in tables.items():
        _check(path, f"[{command}] ", table, options[command])
    shared = {
        command: {key: common[key] for key in common if _name(key) in names} for command, names in options.items()
    }
    return {command: _named({**shared[command], **tables.get(command, {})}) for command in options}


def with_lines(
    tables: Mapping[str, dict[str, Any]], options: Mapping[str, frozenset[str]], environment: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """*tables* of defaults, overridden by the variables of :data:`LINES`."""
    found = {
        name: [line for line in environment[variable].splitlines() if line.strip()]
        for name, variable in LINES.items()
        if environment.get(variable)
    }
    return {
        command: {**_listed(table), **{name: found[name] for name in found if name in options[command]}}
        for command, table in tables.items()
    }


def _listed(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: [value] if key in LINES and isinstance(value, str) else value for key, value in table.items()}


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text(path))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}; fix it, or start again with `echosounder init`") from None


def _check(path: Path, where: str, given: Mapping[str, Any], known: frozenset[str]) -> None:
    for key in given:
        if _name(key) not in known:
            near = difflib.get_close_matches(_name(key), known, n=1)
            hint = f"; did you mean {near[0].replace('_', '-')!r}?" if near else ""
            raise UsageError(f"{path}: unknown {where}key {key!r}{hint}")


def _named(table: Mapping[str, Any]) -> dict[str, Any]:
    return {_name(key): value for key, value in table.items()}


def _name(key: str) -> str:
    return key.replace("-", "_")
