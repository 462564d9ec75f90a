"""ShareGPT's conversations: an array of ``{"conversations": [{"from": "human", "value": text}, …]}``, or such an object
a line.

They have no times, so they are used as sessions, not as a trace: the user's texts are sent one after another, with the
answers received now.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from echosounder.load.trace_error import Line, TraceError

USERS = frozenset({"human", "user"})
LISTS = ("conversations", "conversation")
"""Names of the list of turns: in the original, and in copies."""
_LISTED = re.compile(r'"conversations?"\s*:')


def recognised(lines: Sequence[Line]) -> bool:
    """Whether a file contains conversations, judging by its first lines."""
    head = "".join(text for _, text in lines[:20])[:4000]
    return head.lstrip().startswith(("[", "{")) and _LISTED.search(head) is not None


def talks(lines: Sequence[Line]) -> Iterator[tuple[str, ...]]:
    """The user's texts of each conversation. Raises :class:`TraceError` for an invalid row."""
    for number, row in _rows(lines):
        found = tuple(_asked(number, row))
        if not found:
            raise TraceError(number, "a conversation in which no user asks anything; delete it")
        yield found


def _rows(lines: Sequence[Line]) -> Iterator[tuple[int, Any]]:
    """Each conversation with the number of the line on which it begins."""
    if not lines[0][1].lstrip().startswith("["):
        yield from ((number, _parsed(number, text)) for number, text in lines)
        return
    first = lines[0][0]
    text = "\n".join(_gapless(lines))
    decoder, place = json.JSONDecoder(), text.index("[") + 1
    while True:
        place = _past(text, place, ",")
        number = first + text.count("\n", 0, place)
        if text.startswith("]", place):
            return
        try:
            row, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            raise TraceError(number, f"not JSON: {error}") from None
        yield number, row


def _gapless(lines: Sequence[Line]) -> Iterator[str]:
    """All lines, including the empty ones, so that line numbers are right."""
    expected = lines[0][0]
    for number, text in lines:
        yield from [""] * (number - expected)
        yield text
        expected = number + 1


def _past(text: str, place: int, mark: str) -> int:
    """The position after white space and at most one *mark*."""
    found = re.compile(rf"\s*{mark}?\s*").match(text, place)
    return found.end() if found else place


def _asked(number: int, row: Any) -> Iterator[str]:
    for speaker, text in _turns(number, row):
        if not isinstance(text, str):
            raise TraceError(number, f"a turn of {speaker!r} has no text")
        if speaker in USERS and text.strip():
            yield text


def _turns(number: int, row: Any) -> Iterator[tuple[Any, Any]]:
    """``(speaker, text)`` of each turn."""
    listed = [row[name] for name in LISTS if isinstance(row.get(name), list)] if isinstance(row, dict) else []
    if not listed:
        raise TraceError(number, "not a conversation: it has no list of conversations")
    for turn in listed[0]:
        if not isinstance(turn, dict) or "from" not in turn:
            raise TraceError(number, f"a turn is an object with 'from' and 'value', not {str(turn)[:60]!r}")
        yield turn["from"], turn.get("value")


def _parsed(number: int, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TraceError(number, f"not JSON: {error}") from None
