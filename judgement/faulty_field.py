"""The excerpt of a long JSON text that a finding shows: around the member at fault, not the beginning and the end."""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder

LONGEST = 200_000
"""Characters of a text that is looked through."""
BEFORE, WIDTH = 40, 160
_DECODER = JSONDecoder(strict=False, parse_int=str, parse_float=str)  # numbers of any length: nobody looks at them
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_SPACE = re.compile(r"[ \t\n\r]*")


def around(text: str, pointer: str | None, message: str) -> str:
    """*text*, cut around the member at *pointer* (RFC 6901), or its nearest parent if it is missing, else around the first member that
    *message* names. Unchanged if it is short, or if neither can be located.
    """
    if not WIDTH < len(text) <= LONGEST:
        return text
    place = _at(text, pointer) if pointer else None
    place = _named(text, message) if place is None else place
    return text if place is None else _window(text, place)


def _window(text: str, place: int) -> str:
    start = max(0, min(place - BEFORE, len(text) - WIDTH + 4))
    end = start + WIDTH - 4
    return f"{'… ' if start else ''}{text[start:end]}{' …' if end < len(text) else ''}"


def _named(text: str, message: str) -> int | None:
    """Names of several words are members, those of one may be words of the sentence: they come second."""
    names = sorted(dict.fromkeys(_NAME.findall(message)), key=lambda name: "_" not in name)
    found = (re.search(rf'"{re.escape(name)}"\s*:', text) for name in names[:100])
    return next((match.start() for match in found if match), None)


def _at(text: str, pointer: str) -> int | None:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    place = known = text.find("{")
    if place < 0:
        return None
    try:
        for step in steps:
            if (below := _member(text, place, step)) is None:
                break
            known, place = below
    except (JSONDecodeError, IndexError, RecursionError):
        return None
    return known if steps else None


def _member(text: str, place: int, step: str) -> tuple[int, int] | None:
    """Where the member *step* of the object or array at *place* begins, with its name, and where its value does."""
    closing = {"{": "}", "[": "]"}.get(text[place])
    here, number = _skip(text, place + 1), 0
    while closing and text[here] != closing:
        start, name = here, str(number)
        if closing == "}":
            name, here = _DECODER.raw_decode(text, here)
            here = _skip(text, _skip(text, here) + 1)
        if name == step:
            return start, here
        _, here = _DECODER.raw_decode(text, here)
        here, number = _skip(text, here), number + 1
        if text[here] == ",":
            here = _skip(text, here + 1)
    return None


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place
