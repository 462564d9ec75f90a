"""Sanitizes untrusted text for display: whatever a target sent, it changes no terminal, no markup and no reading order."""

import json
import re
from typing import Any

from echosounder.wire.visible import ELLIPSIS, UNSAFE, line, spelt, visible

__all__ = ["ELLIPSIS", "block", "code", "dumps", "fenced", "line", "markdown", "shown", "visible"]

_MARKDOWN = re.compile(r"[\\`*_\[\]|~]|^(?:[#+>-]|\d+(?=[.)]))")  # inline everywhere; block markers where a line begins
_LINKS = {"://": ":&#47;/", "www.": "www&#46;", "@": "&#64;"}  # what GitHub makes links of without being asked


def block(text: str, limit: int = 4_000) -> str:
    """*text* with its line breaks, visible, cut at *limit* characters with a note on the omitted part."""
    if len(text) <= limit:
        return visible(text)
    return f"{visible(text[:limit])}{ELLIPSIS} [{len(text) - limit:,} more characters]"


def shown(data: bytes, limit: int = 4_000) -> str:
    """Bytes as text, as :func:`block`: bytes that are not UTF-8 stay visible."""
    if len(data) <= limit:
        return visible(data.decode("utf-8", "surrogateescape"))
    return f"{visible(data[:limit].decode('utf-8', 'surrogateescape'))}{ELLIPSIS} [{len(data) - limit:,} more bytes]"


def markdown(text: str, limit: int = 300) -> str:
    """One line of Markdown that shows *text* literally: no markup, no link, no table cell of its own."""
    escaped = _MARKDOWN.sub(_escaped, line(text, limit).replace("&", "&amp;").replace("<", "&lt;"))
    for bare, harmless in _LINKS.items():
        escaped = escaped.replace(bare, harmless)
    return escaped


def code(text: str, limit: int = 300) -> str:
    """A Markdown code span of one line that *text* cannot close (CommonMark, 6.1), in a table neither."""
    body = line(text, limit).replace("|", "\u2502")
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", body)), default=0))
    pad = " " if body.startswith("`") or body.endswith("`") else ""
    return f"{ticks}{pad}{body}{pad}{ticks}"


def fenced(text: str, limit: int = 1_000) -> str:
    """A Markdown code block that *text* cannot close."""
    body = block(text, limit)
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
    return f"{ticks}text\n{body}\n{ticks}"


def dumps(value: Any) -> str:
    """JSON that every parser accepts and every terminal can display: no NaN, no lone surrogates (RFC 8259, 8.2: their handling is
    unpredictable), no cursor movements.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
    return UNSAFE.sub(_in_json, text) + "\n"


def _in_json(match: re.Match[str]) -> str:
    found = match.group()
    return f"\\{spelt(found)}" if "\ud800" <= found <= "\udfff" else json.dumps(found)[1:-1]


def _escaped(match: re.Match[str]) -> str:
    found = match.group()
    return f"{found}\\" if found.isdigit() else f"\\{found}"
