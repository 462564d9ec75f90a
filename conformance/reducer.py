"""Makes a wrongly answered generated request smaller against the live target, within a bounded number of further calls.

The same request is never asked twice for another opinion: its first answer counts, so that a moody target cannot lead the
search in circles. Only the request as it was, at first, and the smallest one, at last, are repeated, to say how surely they fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from echosounder.conformance.ask import Send
from echosounder.conformance.budget import REDUCTION_BYTES, REDUCTION_CALLS
from echosounder.conformance.generate.reduction import Reduction, reduction
from echosounder.conformance.probe_choice import probes_of
from echosounder.conformance.replay import request_of
from echosounder.judgement.assigned import checks
from echosounder.judgement.score import judge, rows
from echosounder.judgement.setting import RunSetting
from echosounder.judgement.smallest import extra
from echosounder.specs import Requirement
from echosounder.wire.exchange import Exchange
from echosounder.wire.runlog import Run
from echosounder.wire.strict_json import compact

REPEATS = 2


@dataclass
class Reducer:
    """``send`` sends, debits and records, and raises if the budget is exhausted; ``calls`` and ``room`` (bytes) are what remains."""

    send: Callable[[Send, str], Exchange]
    setting: RunSetting
    calls: int = REDUCTION_CALLS
    room: int = REDUCTION_BYTES
    _answers: dict[tuple[str, str, str], Exchange] = field(default_factory=dict)

    def run(self, run: Run) -> None:
        """Reduces one request of *run* per requirement, if only generated requests show its finding."""
        for row, exchange in suspects(run, self.setting):
            if self._allows(len(exchange.request.body)):
                self._reduce(row, exchange)

    def _allows(self, size: int) -> bool:
        """Is there room for one more request of *size* bytes, and for those of a proof behind it?"""
        return self.calls > REPEATS and self.room > (1 + REPEATS) * size

    def _reduce(self, row: Requirement, exchange: Exchange) -> None:
        whole = request_of(exchange)
        if not sum(self._fails(row, self._ask(row, exchange, whole, "repeat")) for _ in range(REPEATS)):
            return
        least = self._search(row, exchange, whole, reduction(exchange.request.json, whole.path, self.setting.subject))
        for _ in range(REPEATS if least is not whole else 0):
            self._ask(row, exchange, least, "proof")

    def _search(self, row: Requirement, exchange: Exchange, whole: Send, search: Reduction) -> Send:
        """The smallest request that was found to fail while calls were left; those of the proof are kept back."""
        least = whole
        try:
            candidate = next(search)
            while True:
                send = whole.but(body=compact(candidate).encode())
                fails = self._remembered(row, exchange, send)
                if fails is None:
                    return least
                least = send if fails else least
                candidate = search.send(fails)
        except StopIteration:
            return least

    def _remembered(self, row: Requirement, exchange: Exchange, send: Send) -> bool | None:
        """Does it fail? None where no call is left to find out. One answer per distinct request and requirement."""
        key = (row.id, send.path, send.body.decode())
        if key not in self._answers:
            if not self._allows(len(send.body)):
                return None
            self._answers[key] = self._ask(row, exchange, send, "candidate")
        return self._fails(row, self._answers[key])

    def _ask(self, row: Requirement, exchange: Exchange, send: Send, role: str) -> Exchange:
        self.calls, self.room = self.calls - 1, self.room - len(send.body)
        return self.send(send.but(notes={"reduces": row.id, "of": exchange.id, "role": role}), exchange.probe)

    def _fails(self, row: Requirement, exchange: Exchange) -> bool:
        return alone(row, exchange, self.setting)


def alone(row: Requirement, exchange: Exchange, setting: RunSetting) -> bool:
    """Whether *exchange* alone violates the requirement."""
    return bool(judge(row, checks()[row.id], [exchange], setting.case).findings)


def suspects(run: Run, setting: RunSetting) -> Iterator[tuple[Requirement, Exchange]]:
    """Each requirement that only generated requests violate, with the shortest request that violates it by itself."""
    for row in rows(setting):
        names = {probe.name for probe in probes_of(row)} if row.id in checks() and checks()[row.id].single else set()
        named = [exchange for exchange in run.exchanges if exchange.probe in names]
        drawn = [exchange for exchange in named if generated(exchange) and not extra(exchange)]
        if not drawn or not row.admits(setting.subject.profile):
            continue
        told = {finding.exchange for finding in judge(row, checks()[row.id], named, setting.case).findings}
        failing = [exchange for exchange in drawn if exchange.id in told and alone(row, exchange, setting)]
        written = [exchange for exchange in named if not generated(exchange)]
        if failing and not any(alone(row, exchange, setting) for exchange in written):
            yield row, min(failing, key=lambda exchange: len(exchange.request.body))


def generated(exchange: Exchange) -> bool:
    return exchange.probe.startswith("generated.") and isinstance(exchange.request.json, dict)
