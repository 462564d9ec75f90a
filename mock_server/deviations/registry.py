"""Definition of a deviation, and the registry of all."""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from random import Random
from typing import Any

from echosounder.mock_server.formats import NO_FORMAT, Edits
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.specs import DEFAULT_PROFILE
from echosounder.wire.errors import UsageError


class Layer(StrEnum):
    """Stage of a request at which a deviation acts, in order of processing."""

    REQUEST = "request"  # (Request, Context) -> Request: the request as the server reads it
    ADMISSION = "admission"  # (Request, Context) -> Response | None: a refusal of a valid request
    PLAN = "plan"  # (AnswerPlan, Context) -> AnswerPlan: the content of the answer; not in the proxy position
    JSON = "json"  # (frames, Context) -> frames: the JSON of a body or of each event
    SSE = "sse"  # (frames, Context) -> frames: bytes of each event
    HTTP = "http"  # (Reply, Context) -> Reply: status, headers, framing, the body as a whole
    TCP = "tcp"  # (frames, Context) -> frames: writes, their times, and the end of the connection


@dataclass(slots=True)
class Context:
    """Inputs of a deviation. ``rng`` is seeded by the server's seed, the deviation and the request's number."""

    request: HttpRequest
    body: dict[str, Any]  # the request's JSON; empty if it has none
    rng: Random
    number: int  # number of the request, from 1
    edits: Edits = NO_FORMAT  # access to the JSON of the wire format in use
    profile: str = DEFAULT_PROFILE  # the profile that the mock serves
    stream: bool = False  # the response is an event stream; known from JSON downwards
    status: int = 200  # status of the response; known from JSON downwards
    memory: dict[str, Any] = field(default_factory=dict)  # state of this selection, kept across requests


@dataclass(frozen=True, slots=True)
class Deviation:
    """A fault or legal variant. ``breaks`` lists the requirements that must fail because of it; empty for a legal
    variant.

    ``params`` are the keyword-only parameters of the function with their defaults. ``format`` is the only wire format
    that it affects, empty if it works on any.
    """

    name: str
    layer: Layer
    apply: Callable[..., Any]
    breaks: frozenset[str]
    params: Mapping[str, Any]
    format: str = ""

    @property
    def summary(self) -> str:
        return inspect.cleandoc(self.apply.__doc__ or "").partition("\n\n")[0].replace("\n", " ")

    @property
    def parameters(self) -> dict[str, str]:
        """Describe each parameter: its type or choices, and its default."""
        return {name: f"{_kind(default)}, {default} by default" for name, default in self.params.items()}

    @property
    def legal(self) -> bool:
        return not self.breaks

    def arguments(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """Parse parameters, which have the types of their defaults. Raises :class:`UsageError`."""
        for name in texts:
            if name not in self.params:
                known = ", ".join(self.params) or "it has none"
                raise UsageError(f"deviation {self.name} has no parameter {name!r}: {known}")
        return dict(self.params) | {name: self._typed(name, text) for name, text in texts.items()}

    def _typed(self, name: str, text: str) -> Any:
        kind = type(self.params[name])
        try:
            return text.lower() in ("1", "true", "yes") if kind is bool else kind(text)
        except ValueError:
            wanted = (
                f"choose from {', '.join(kind)}"
                if issubclass(kind, StrEnum)
                else f"give a value of type {kind.__name__}"
            )
            raise UsageError(f"{name}={text!r} of deviation {self.name}: {wanted}") from None


def _kind(default: object) -> str:
    if isinstance(default, StrEnum):
        return " or ".join(type(default))
    words = {bool: "true or false", int: "whole number", float: "number", str: "text"}
    return words.get(type(default), type(default).__name__)


_TABLE: dict[str, Deviation] = {}


def deviation(
    name: str, layer: Layer, breaks: Collection[str] = (), format: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as a deviation. Its docstring is the summary; users can set its keyword-only parameters."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if name in _TABLE:
            raise ValueError(f"deviation {name!r} exists twice")
        if not function.__doc__:
            raise ValueError(f"deviation {name!r} has no docstring, which users need as its summary")
        parameters = inspect.signature(function).parameters.values()
        params = {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
        _TABLE[name] = Deviation(name, layer, function, frozenset(breaks), params, format)
        return function

    return register


@cache
def _load() -> None:
    package = importlib.import_module("echosounder.mock_server.deviations")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("at_"):
            importlib.import_module(f"{package.__name__}.{module.name}")


def all_deviations() -> tuple[Deviation, ...]:
    """Every deviation and legal variant, by layer, then by name."""
    _load()
    order = list(Layer)
    return tuple(sorted(_TABLE.values(), key=lambda each: (order.index(each.layer), each.name)))


def find(name: str) -> Deviation:
    """Find a deviation by name. Raises :class:`UsageError` with the nearest name."""
    _load()
    if name not in _TABLE:
        near = difflib.get_close_matches(name, _TABLE, n=1)
        raise UsageError(f"unknown deviation {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
    return _TABLE[name]
