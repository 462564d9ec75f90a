"""Selects the requests to which a deviation applies.

Text form: ``name``, ``name:after=3``, ``name:after=3,when.path=/beta/*,when.nth=2``; several are separated by ``;``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from echosounder.mock_server.deviations.registry import Deviation, find
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.wire.errors import UsageError

SELECTORS = {
    "path": "requests whose path matches this glob",
    "model": "requests for a model whose name matches this glob",
    "stream": "true: only requests for a stream; false: only others",
    "nth": "only the N-th request that matches path, model and stream, from 1",
    "every": "every K-th of these",
    "p": "a random share of these, such as 1/10, drawn with the seed",
    "times": "at most this many of these",
}
"""Meaning of ``when.<name>=value`` by name. All conditions given must hold."""


@dataclass(frozen=True, slots=True)
class When:
    """Conditions on a request, all of which must hold. ``nth`` and ``every`` count the requests that match ``path``,
    ``model`` and ``stream``.
    """

    path: str | None = None  # glob
    model: str | None = None  # glob
    stream: bool | None = None
    nth: int | None = None  # only the N-th, from 1
    every: int | None = None  # every k-th
    p: tuple[int, int] | None = None  # n of d on average, drawn with the seed
    times: int | None = None  # maximum number of times

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> "When":
        """Raises :class:`UsageError`."""
        for name in texts:
            if name not in SELECTORS:
                raise UsageError(f"unknown selector when.{name}: choose from {', '.join(SELECTORS)}")
        return cls(**{name: _selector(name, text) for name, text in texts.items()})

    def admits(self, request: HttpRequest, body: Mapping[str, Any]) -> bool:
        return (
            (self.path is None or fnmatchcase(request.path, self.path))
            and (self.model is None or fnmatchcase(str(body.get("model")), self.model))
            and (self.stream is None or bool(body.get("stream")) == self.stream)
        )


def _selector(name: str, text: str) -> Any:
    try:
        if name == "stream":
            return {"true": True, "false": False}[text.lower()]
        if name == "p":
            part, _, whole = text.partition("/")
            if not 0 <= int(part) <= int(whole):
                raise ValueError
            return int(part), int(whole)
        if name in ("nth", "every", "times"):
            if int(text) < 1:
                raise ValueError
            return int(text)
    except (KeyError, ValueError):
        wanted = {"stream": "true or false", "p": "a fraction such as 1/10"}.get(name, "a whole number from 1")
        raise UsageError(f"when.{name}={text!r}: give {wanted}") from None
    return text


@dataclass(slots=True)
class Selection:
    """A deviation with its parameters and selectors, and a record of its effects."""

    deviation: Deviation
    arguments: dict[str, Any]
    when: When = field(default_factory=When)
    text: str = ""
    matched: int = 0  # requests that match path, model and stream
    armed: int = 0  # matched requests that were chosen
    applied: int = 0  # chosen requests that it changed
    memory: dict[str, Any] = field(default_factory=dict)

    def chooses(self, request: HttpRequest, body: Mapping[str, Any], rng: Random) -> bool:
        """Whether the deviation applies to this request; also counts requests."""
        when = self.when
        if not when.admits(request, body):
            return False
        self.matched += 1
        chosen = (
            (when.nth is None or self.matched == when.nth)
            and (when.every is None or self.matched % when.every == 0)
            and (when.p is None or rng.randrange(when.p[1]) < when.p[0])
            and (when.times is None or self.armed < when.times)
        )
        self.armed += chosen
        return chosen

    def record(self) -> dict[str, Any]:
        return {
            "name": self.deviation.name,
            "layer": self.deviation.layer,
            "breaks": sorted(self.deviation.breaks),
            "parameters": self.arguments,
            "text": self.text,
            "matched": self.matched,
            "armed": self.armed,
            "applied": self.applied,
        }


def selections(text: str) -> Iterator[Selection]:
    """Raises :class:`UsageError`."""
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, rest = part.partition(":")
        pairs = dict(_pair(part, pair) for pair in rest.split(",") if pair)
        when = {key.removeprefix("when."): value for key, value in pairs.items() if key.startswith("when.")}
        found = find(name.strip())
        arguments = found.arguments({key: value for key, value in pairs.items() if not key.startswith("when.")})
        yield Selection(found, arguments, When.of(when), part)


def _pair(part: str, pair: str) -> tuple[str, str]:
    key, separator, value = pair.partition("=")
    if not separator:
        raise UsageError(f"{part!r}: {pair!r} is not of the form name=value")
    return key.strip(), value.strip()
