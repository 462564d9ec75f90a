"""A client's command in one scenario: its output and exit status, and the requests that reached the mock.

In the log each is a record of its own: a ``client`` record (:class:`wire.command.ClientRun`), and an exchange for each request, whose
``probe`` is the scenario's family, whose ``step`` is the scenario, and whose reads are what the mock wrote. In the notes of an
exchange: ``deviations`` (what the mock did on purpose, and whether it took effect), ``closed`` (when the client hung up, ns),
``price`` (what the request cost, None where it was free), ``connection`` (its number), ``key_in`` (where the key stood).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from echosounder.wire.command import ClientRun
from echosounder.wire.exchange import Exchange

HONEST = "client.honest"


@dataclass(frozen=True)
class Scene:
    """``exchanges`` in the order of their arrival; ``honest`` is the run of the same use against an honest mock, None for that run
    itself.
    """

    command: ClientRun
    exchanges: tuple[Exchange, ...] = ()
    honest: Scene | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        """The exchange for findings: the last one, because earlier ones were retried."""
        return self.exchanges[-1].id if self.exchanges else ""

    @property
    def first(self) -> Exchange:
        """The first exchange. Raises IndexError if none arrived."""
        return self.exchanges[0]

    @cached_property
    def asked(self) -> tuple[Exchange, ...]:
        """The requests to a model, in a known format."""
        return tuple(each for each in self.exchanges if each.reader.grammar.paths)

    @property
    def made(self) -> bool:
        """Whether the command used the API as intended."""
        return not self.command.declined and occurs(self.command.use, self.asked)

    @property
    def took_effect(self) -> bool:
        """Whether any requested deviation reached the client. Some of several deviations may find nothing to change."""
        told = [one for each in self.exchanges for one in each.notes.get("deviations", ())]
        return not self.command.deviations or any(one["applied"] for one in told)

    @property
    def judgeable(self) -> bool:
        return bool(self.asked) and self.made and self.took_effect

    @property
    def reference(self) -> ClientRun | None:
        """The honest run of the same feature, if it had a result."""
        return self.honest.command if self.honest and self.honest.command.succeeded else None

    @property
    def same(self) -> bool:
        """Success, with the result of the honest run."""
        return self.command.succeeded and self.reference is not None and result(self.command) == result(self.reference)


def result(command: ClientRun) -> Any:
    """The result of a command: its last line if that is a JSON object, else all of its output."""
    return command.told or command.stdout.strip()


def occurs(use: str, exchanges: Iterable[Exchange]) -> bool:
    """Whether *exchanges*, requests for answers, make this *use* of the API."""
    exchanges = tuple(exchanges)
    match use:
        case "chat":
            return any(not each.wants_stream for each in exchanges)
        case "stream" | "abort":
            return any(each.wants_stream for each in exchanges)
        case "tools":
            return any("tools" in each.asked for each in exchanges)
        case "tools-stream":
            return any("tools" in each.asked and each.wants_stream for each in exchanges)
        case "parallel":
            return sum(each.wants_stream for each in exchanges) > 1
    return bool(exchanges)


def scenes(clients: Iterable[ClientRun], exchanges: Iterable[Exchange]) -> tuple[Scene, ...]:
    """The scenes of a log, in the order of its exchanges' ids."""
    reached: dict[tuple[str, str], list[Exchange]] = {}
    for exchange in exchanges:
        reached.setdefault((exchange.probe, exchange.step), []).append(exchange)
    alone = [Scene(each, tuple(reached.get((each.family, each.scenario), ()))) for each in clients]
    honest = {scene.command.use: scene for scene in alone if scene.command.family == HONEST}
    return tuple(_beside(scene, honest.get(scene.command.use)) for scene in alone)


def _beside(scene: Scene, honest: Scene | None) -> Scene:
    return scene if scene is honest else Scene(scene.command, scene.exchanges, honest)
