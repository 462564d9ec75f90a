"""One run in the proxy position: check that the mock is reached, send the probes, compare both sides."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from echosounder.conformance.ask import Ask, Send
from echosounder.conformance.check_run import CheckOutcome, exit_code
from echosounder.conformance.options import CheckOptions, Progress, Watch, quiet
from echosounder.conformance.probe_sender import ProbeSender, probe_sender
from echosounder.conformance.proxy.probes import HELLO, PROBES
from echosounder.conformance.proxy.sender import FIRST, PairSender, beside
from echosounder.conformance.proxy.upstream import UpstreamControl
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.pairs.checks.formats import absent
from echosounder.judgement.pairs.pair import Pair
from echosounder.judgement.pairs.report import report
from echosounder.judgement.pairs.score import in_one_of, rows, score
from echosounder.wire.errors import CannotJudge, UsageError
from echosounder.wire.formats import CHAT, FORMATS, Question, Turn
from echosounder.wire.header import RunKind
from echosounder.wire.runlog import read

SLOW = frozenset({"proxy.cancel", "proxy.failures"})
"""Probes whose requests wait, for us to give up or for a gateway to try again; two at a time are under way."""


TOGETHER = frozenset({"proxy.together"})
"""Probes whose requests are all under way at one time."""


def check(options: CheckOptions, upstream: str, watch: Watch = quiet) -> CheckOutcome:
    """Judges the proxy at ``options.target`` whose upstream is the mock at *upstream* (its URL, including the control interface).

    Raises ``UsageError`` for invalid options before anything is sent; KeyboardInterrupt propagates once the log is finished. A proxy
    that cannot be judged is an outcome with ``stopped`` set, not an exception.
    """
    if not planned(options):
        raise UsageError(
            "--only matches no requirement of the proxy position; see `echosounder list requirements --feature proxy`"
        )
    options = replace(options, position="proxy")
    baseline = Baseline.load(options.baseline) if options.baseline else Baseline()
    with UpstreamControl(upstream) as control:
        stopped = _send(options, control, watch)
    run = read(options.out / "run.jsonl")
    results = score(run)
    document = report(run, results, baseline)
    return CheckOutcome(document, results, options.out / "run.jsonl", exit_code(document, stopped), stopped)


def planned(options: CheckOptions) -> tuple[str, ...]:
    """The probes that the requirements of this position need, in the requested formats and in the order of sending."""
    wanted = {name for row in rows(options.profile, options.only) for name in row.probes}
    return tuple(in_one_of(options.formats, (name for name in PROBES if name in wanted)))


def _send(options: CheckOptions, control: UpstreamControl, watch: Watch) -> CannotJudge | None:
    with PairSender(options.target, options.api_key, options.bounds, control, f"{time.time():.3f}") as position:
        if options.target.model is None:
            options = replace(options, target=replace(options.target, model=position.model(options.profile)))
        with probe_sender(options, RunKind.PROXY, position, salted=False, upstream=control.url) as sender:
            try:
                _all(options, sender, watch)
                sender.record(position.stragglers())
            except CannotJudge as reason:
                return sender.stop(reason)
            finally:
                position.rest()
    return None


def _all(options: CheckOptions, sender: ProbeSender, watch: Watch) -> None:
    """Raises ``CannotJudge`` where going on makes no sense: after the first request, where the proxy does not forward to us."""
    names, ask = planned(options), sender.ask(0)
    sender.due(names)
    plans = {name: list(PROBES[name](ask)) for name in names}
    total, done = 1 + sum(map(len, plans.values())), 1
    sender.send_together([_plainest(ask, options.formats)], FIRST)
    for name, sends in plans.items():
        for group in _groups(name, sends):
            watch(Progress(done, total, name))
            answers = sender.send_together(group, name)
            done += len(answers)
            if absent([Pair(answers[0].exchanges[0])]):  # the others would say no more
                break
        sender.done(name)


def _groups(name: str, sends: list[Send]) -> Iterator[list[Send]]:
    if name in TOGETHER:
        return iter([sends])
    return beside(sends) if name in SLOW else ([send] for send in sends)


def _plainest(ask: Ask, formats: Sequence[str]) -> Send:
    """A request that has nothing that a proxy could refuse, in chat where that is asked for at all."""
    form = CHAT if CHAT.name in formats else next((FORMATS[name] for name in formats if name in FORMATS), CHAT)
    return ask.within(form, form.ask(ask.model, Question((Turn("user", HELLO),), 1)), step="first")
