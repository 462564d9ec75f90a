"""A scenario of the user's own: a YAML list of items, or a mapping with the list under ``items``."""

import difflib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from echosounder.load.options import MAX_SECONDS, MAX_TOKENS
from echosounder.load.worker.workload import KINDS, Item
from echosounder.wire.errors import UsageError
from echosounder.wire.files import text
from echosounder.wire.formats import FORMATS

_FIELDS = {each.name: each.type for each in fields(Item) if each.name != "talks"}


def read_scenario(path: Path) -> tuple[Item, ...]:
    """Read a scenario. Raises :class:`UsageError` that names the file, the item and the member that is unknown or of the wrong type."""
    try:
        content = yaml.safe_load(text(path))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UsageError(f"cannot read {path}: {' '.join(str(error).split())}") from None
    if isinstance(content, dict):
        _only_items(path, content)
    rows = content.get("items") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows:
        raise UsageError(f"{path}: a scenario is a list of items, each with a name")
    return tuple(_item(path, number, row) for number, row in enumerate(rows, 1))


def _only_items(path: Path, content: dict[Any, Any]) -> None:
    """Refuse keys without effect."""
    for key in content:
        if key != "items":
            raise UsageError(
                f"{path}: unknown key {key!r}: a scenario has only items; give --rate, --warmup and the like with the command"
            )


def _item(path: Path, number: int, row: Any) -> Item:
    where = f"{path}, item {number}"
    if not isinstance(row, dict) or "name" not in row:
        raise UsageError(f"{where}: an item is a mapping with a name")
    for key in row:
        if key not in _FIELDS:
            near = difflib.get_close_matches(str(key), _FIELDS, n=1)
            raise UsageError(f"{where}: unknown key {key!r}" + (f"; did you mean {near[0]}?" if near else ""))
    item = Item(**{key: _value(f"{where}, {key}", key, value) for key, value in row.items()})
    if item.kind not in item.asked_in.grammar.kinds:
        kinds = ", ".join(item.asked_in.grammar.kinds)
        raise UsageError(f"{where}: kind {item.kind} cannot be asked in the format {item.format}; choose from {kinds}")
    _of_a_session(where, row, item)
    return item


def _of_a_session(where: str, row: dict[str, Any], item: Item) -> None:
    """Refuse keys without effect."""
    tools = ("tool_rounds", "tool_time", "tool_tokens", "subagents")
    if item.session and item.kind not in {"chat", "tools"}:
        raise UsageError(f"{where}: a session is of kind chat, or of kind tools, not {item.kind}")
    for key in ("think", *tools):
        if key in row and not (item.session and (key == "think" or item.kind == "tools")):
            needs = "session: true" if key == "think" else "session: true and kind: tools"
            raise UsageError(f"{where}: {key} needs {needs}")
    if item.session and "conversations" in row:
        raise UsageError(f"{where}: --users or --rate say how many sessions there are; leave conversations out")


def _value(where: str, key: str, value: Any) -> Any:
    if key in {"prompt_tokens", "tool_tokens"}:
        return _range(value, _count, f"{where}: write a number of tokens, or a range like [100, 400]")
    if key in {"think", "tool_time"}:
        return _range(value, _seconds, f"{where}: write a number of seconds, or a range like [0.5, 3]")
    if key == "kind" and value not in KINDS:
        raise UsageError(f"{where}: {value!r} is none of {', '.join(KINDS)}")
    if key == "format" and value not in FORMATS:
        raise UsageError(f"{where}: {value!r} is none of {', '.join(FORMATS)}")
    if key == "prompts" and isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return tuple(value)
    wanted = _FIELDS[key]
    fits = isinstance(value, bool) if wanted is bool else _count(value, key) if wanted is int else True
    fits = fits and (
        wanted is not float or (isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0)
    )
    fits = fits and (wanted is not str or isinstance(value, str)) and key != "prompts"
    if not fits:
        raise UsageError(f"{where}: {value!r} makes no sense here")
    return value


def _range(value: Any, fits: Callable[[Any], bool], advice: str) -> tuple[Any, Any]:
    low, high = value if isinstance(value, list) and len(value) == 2 else (value, value)
    if not fits(low) or not fits(high) or low > high:
        raise UsageError(advice)
    return low, high


def _seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_SECONDS


def _count(value: Any, key: str = "") -> bool:
    low = 0 if key in {"shared_prefix", "subagents"} else 1
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= MAX_TOKENS
