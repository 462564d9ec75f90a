"""Sends probes from one position into one log: the same for a check, for either side of a comparison, and through a proxy.

    models ──> header ──> plan, budget ──> probes: each request debited, sent, recorded, looked at ──> footer

What differs between the positions is a :class:`Position`: how a request goes out, and what its answer says about going on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from echosounder.conformance import provenance
from echosounder.conformance.ask import Ask, Send
from echosounder.conformance.budget import Budget
from echosounder.conformance.detours import Detours
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.patience import Patience
from echosounder.conformance.planner import Plan, budget_of, plan
from echosounder.conformance.positions import Answered, Position, choose, chosen
from echosounder.conformance.probe import Probe
from echosounder.judgement.setting import MODELS
from echosounder.wire.errors import BudgetSpent, CannotJudge
from echosounder.wire.exchange import Exchange
from echosounder.wire.header import ClockReading, Header, RunKind
from echosounder.wire.runlog import RunWriter

TURNED_AWAY = "limiter.turned-away"
"""The probe that a refused request counts to, which was sent again."""
REFUSED = {"open": "turned away, and sent again"}
GIVE_UP_AFTER = 5
"""Legal requests in a row without any answer, and the target counts as gone."""


class ProbeSender:
    """The log of a run, its budget, and its patience with a silent target. :func:`probe_sender` opens one.

    ``exchanges`` are all that were recorded; the footer's ``unsent`` names the probes that were not sent, and why.
    """

    def __init__(self, options: CheckOptions, position: Position, log: RunWriter, header: Header, ask: Ask) -> None:
        self._options, self._position, self._log = options, position, log
        self._ask, self._silent, self._sent = ask, 0, 0
        self._detours = Detours() if header.kind_of_run is RunKind.CHECK else None
        self.header, self.exchanges = header, list[Exchange]()
        self._patience = Patience(options.patience)
        self._budget = Budget(self.model, datetime.now(UTC), options.budget_requests)
        self._unsent: dict[str, str] = {}
        self._left_out: Mapping[str, str] = {}
        log.footer["unsent"] = self._unsent

    @property
    def model(self) -> str:
        return self._ask.model

    def ask(self, round: int) -> Ask:
        """Each round uses a new question: a cached answer to a repeated one would not contain new text."""
        return replace(self._ask, salt=f"{self._ask.salt}-{round}") if round else self._ask

    def planned(self, times: int) -> Plan:
        """The probes of the suite, *times* times, as far as they fit the budget, which is enforced from now on."""
        options = self._options
        now = datetime.now(UTC)
        made = plan(self._ask, options.suite, now, options.only, times, options.caps, options.formats)
        self._budget = budget_of(self._ask, made.at, options.caps)
        self._budget.count(self._sent)
        self.due(probe.name for probe in made.probes)
        self._left_out = made.left_out
        self._unsent.update(made.left_out)
        return made

    def due(self, names: Iterable[str], why: str = "the run was stopped") -> None:
        """Probes to be sent, until :meth:`done`; *why* explains their absence unless another reason is known."""
        self._unsent.update(dict.fromkeys(names, why))

    def done(self, name: str) -> None:
        self._unsent.pop(name, None)

    def sent_before(self, exchange: Exchange) -> None:
        """Record the requests that were sent before the log existed."""
        self.record([exchange])
        self._sent += 1

    def send(self, probe: Probe, round: int = 0) -> None:
        """All requests of a probe, each built from the previous answers. Raises ``CannotJudge`` if continuing is pointless."""
        if probe.name == MODELS and round == 0:  # sent already
            return
        steps = probe.steps(self.ask(round))
        try:
            wanted = next(steps)
            while True:
                if isinstance(wanted, Send):
                    wanted = steps.send(self._answer(_in_round(wanted, round), probe.name))
                else:
                    first, *_ = self.send_together([_in_round(send, round) for send in wanted], probe.name)
                    wanted = steps.send(first.exchanges[0])
        except StopIteration:
            return

    def _answer(self, send: Send, probe: str) -> Exchange:
        """The answer to *send*, or to what had to be sent in its place."""
        answers: list[Answered] = []

        def ask(each: Send) -> Exchange:
            answers.extend(self._sent_together([each], probe))
            return answers[-1].exchanges[0]

        try:
            send = self._detours.around(send, probe) if self._detours else send
            exchange = ask(send)
            if self._detours and answers[0].dead_end is None:
                exchange = self._detours.search(send, exchange, probe, ask)
        finally:
            self.record(each for answered in answers for each in answered.exchanges)
        self._look(next(answered for answered in answers if answered.exchanges[0] is exchange))
        return exchange

    def send_together(self, sends: Sequence[Send], probe: str) -> Sequence[Answered]:
        """Concurrent requests. Raises ``CannotJudge`` like :meth:`send`."""
        answers = self.deliver(sends, probe)
        for answered in answers:
            self._look(answered)
        return answers

    def deliver(self, sends: Sequence[Send], probe: str) -> Sequence[Answered]:
        """Debit, send and record, even if the answers stop the run. Raises ``BudgetSpent``."""
        answers = self._sent_together(sends, probe)
        self.record(each for answered in answers for each in answered.exchanges)
        return answers

    def _sent_together(self, sends: Sequence[Send], probe: str) -> Sequence[Answered]:
        for send in sends:
            self._budget.debit(send)
        answers = list(self._position.send(sends, probe, self._sent + 1))
        self._sent += len(sends)
        if self.header.kind_of_run is not RunKind.PROXY:  # there we refuse ourselves, on purpose
            answers = [self._patiently(send, probe, answered) for send, answered in zip(sends, answers, strict=True)]
        return answers

    def _patiently(self, send: Send, probe: str, answered: Answered) -> Answered:
        """Sent again as long as it is turned away and there is patience; each refusal is recorded as what it is."""
        tries = 0
        while self._patience.again(answered.exchanges[0], tries):
            try:
                self._budget.debit(send)
            except BudgetSpent:
                break
            self.record(replace(each, probe=TURNED_AWAY, notes=each.notes | REFUSED) for each in answered.exchanges)
            [answered] = self._position.send([send], probe, self._sent + 1)
            self._sent, tries = self._sent + 1, tries + 1
        if (waited := self._patience.record()) is not None:
            self._log.footer["waited"] = waited
        return answered

    def record(self, exchanges: Iterable[Exchange]) -> None:
        for exchange in exchanges:
            self.exchanges.append(exchange)
            self._log.exchange(exchange)

    def _look(self, answered: Answered) -> None:
        if answered.dead_end is not None:
            raise answered.dead_end
        if answered.silent is not None:
            self._silent = self._silent + 1 if answered.silent else 0
        if self._silent >= GIVE_UP_AFTER:
            raise CannotJudge(
                f"{self._position.subject} stopped answering: {self._silent} requests in a row got no answer "
                f"({answered.exchanges[0].error}); is it still running? Its log says more"
            )

    def stop(self, reason: CannotJudge) -> CannotJudge:
        """Record why the run ends early; returns the reason."""
        self._unsent.update(dict.fromkeys(self._unsent.keys() - self._left_out.keys(), str(reason)))
        self._log.footer["stopped"], self._log.footer["stopped_by"] = str(reason), type(reason).__name__
        return reason

    def bill(self) -> None:
        """Record the maximum cost of all requests."""
        known = self._budget.price(0, 0) is not None
        self._log.footer["at_most_usd"] = format(self._budget.spent_usd, "f") if known else None


@contextmanager
def probe_sender(
    options: CheckOptions, kind: RunKind, position: Position, salted: bool = True, upstream: str | None = None
) -> Iterator[ProbeSender]:
    """A sender whose log always ends with a footer. The header names the model, so models are requested first.

    *salted*: prompts are new to every cache. *upstream* is the address of the mock behind a proxy.
    """
    clock = ClockReading(time.time(), time.monotonic_ns())
    model, before, interrupted = _first(position, options, trying=kind is RunKind.CHECK)
    header = provenance.header(options, model, clock, kind, upstream)
    with RunWriter(options.out / "run.jsonl", header) as log:
        if interrupted is not None:
            raise interrupted
        ask = Ask(options.profile, model, options.seed, keyed=bool(options.api_key))
        ask = replace(ask, salt=f"{clock.unix:.0f}") if salted else ask
        sender = ProbeSender(options, position, log, header, ask)
        for exchange in before:
            sender.sent_before(exchange)
        yield sender


def _first(
    position: Position, options: CheckOptions, *, trying: bool
) -> tuple[str, list[Exchange], KeyboardInterrupt | None]:
    """The model to ask for, and what was asked to know it; *trying* asks several whether they chat.

    Ctrl-C is held back until there is a log that can say so.
    """
    model = options.target.model or choose(None, options.profile)
    try:
        listed = position.first(options.profile)
        before = [listed] if listed else []
        if options.target.model is None:
            model = choose(listed, options.profile)
        if options.target.model is None and trying:
            model, trials = chosen(position, listed, options.profile)
            before += trials
        return model, before, None
    except KeyboardInterrupt as interrupt:
        return model, [], interrupt


def _in_round(send: Send, round: int) -> Send:
    return send.but(notes={"round": round}) if round else send
