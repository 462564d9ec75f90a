"""The selected deviations of a running mock: those of the command line and the control interface apply to every
request, those in a header or key only to that request.
"""

import json
from collections.abc import Iterator
from itertools import chain
from random import Random
from typing import Any

from echosounder.mock_server.deviations.applied import One
from echosounder.mock_server.deviations.armed import Armed
from echosounder.mock_server.deviations.registry import Context
from echosounder.mock_server.deviations.selection import Selection, selections
from echosounder.mock_server.formats import edits_at
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.specs import DEFAULT_PROFILE

HEADER = "x-mock-deviate"
KEY = "sk-mock-"
REMEMBERED = 1024  # maximum number of header and key texts whose counters are kept


class Armoury:
    """The selected deviations. Raises :class:`wire.errors.UsageError` for a text that names no deviation."""

    def __init__(self, texts: tuple[str, ...] = (), seed: int = 0, profile: str = DEFAULT_PROFILE) -> None:
        self.standing = [selection for text in texts for selection in selections(text)]
        self._passing: dict[str, list[Selection]] = {}
        self._seed, self._profile = seed, profile

    def replace(self, texts: tuple[str, ...]) -> None:
        """Replace the deviations that apply to every request; if one is invalid, none is replaced."""
        self.standing = [selection for text in texts for selection in selections(text)]

    def forget(self) -> None:
        self.standing = []
        self._passing.clear()

    def record(self) -> list[dict[str, Any]]:
        return [selection.record() for selection in chain(self.standing, *self._passing.values())]

    def arm(self, request: HttpRequest, number: int) -> Armed | None:
        """Return the deviations of this request; None if there are none."""
        named = request.headers.get(HEADER, "")
        key = request.headers.get("authorization", "").removeprefix("Bearer ") or request.headers.get("x-api-key", "")
        if key.startswith(KEY):
            named = ";".join(filter(None, (named, key.removeprefix(KEY).replace("+", ";"))))
        if not self.standing and not named:
            return None
        body = _body(request)
        found = [*self.standing, *(self._named(named) if named else ())]
        return Armed(list(self._chosen(found, request, body, number)))

    def _chosen(self, found: list[Selection], request: HttpRequest, body: dict[str, Any], number: int) -> Iterator[One]:
        edits = edits_at(self._profile, request.path)
        for selection in found:
            rng = Random(f"{self._seed} {selection.deviation.name} {number}")
            if selection.chooses(request, body, rng):
                context = Context(request, body, rng, number, edits, self._profile, memory=selection.memory)
                yield One(selection, context)

    def _named(self, text: str) -> list[Selection]:
        if text not in self._passing:
            if len(self._passing) >= REMEMBERED:
                del self._passing[next(iter(self._passing))]
            self._passing[text] = list(selections(text))
        return self._passing[text]


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
