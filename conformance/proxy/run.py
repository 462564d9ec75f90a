"""One run in the proxy position: is the mock reached, what do the probes bring home, and what do both sides say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from echosounder.conformance import engine, provenance
from echosounder.conformance.ask import Ask
from echosounder.conformance.engine import Options, Outcome, Progress, Watch
from echosounder.conformance.proxy import gate
from echosounder.conformance.proxy.probes import HELLO, PROBES
from echosounder.conformance.proxy.session import Session, beside, write
from echosounder.conformance.proxy.upstream import Upstream
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.pairs.pair import Pair
from echosounder.judgement.pairs.report import report
from echosounder.judgement.pairs.score import rows, score
from echosounder.wire.errors import BudgetSpent, CannotJudge, UsageError
from echosounder.wire.header import Clock, RunKind
from echosounder.wire.runlog import RunWriter, read

FIRST = "proxy.first"
"""The probe that only asks whether the proxy forwards to us."""
SLOW = frozenset({"proxy.cancel", "proxy.failures"})
"""Probes whose requests wait, for us to give up or for a gateway to try again; two at a time are under way."""


def check(options: Options, upstream: str, watch: Watch = engine.quiet) -> Outcome:
    """Judges the proxy at ``options.target`` whose upstream is the mock at *upstream* (its URL, control interface included).

    Raises ``UsageError`` for options that make no sense, before anything is sent; KeyboardInterrupt passes through once the
    log is finished. A proxy that gives nothing to judge is an outcome with ``stopped`` set, not an exception.
    """
    if not planned(options.profile, options.only):
        raise UsageError(
            "--only matches no requirement of the proxy position; see `echosounder list requirements --feature proxy`"
        )
    options = replace(options, position="proxy")
    baseline = Baseline.load(options.baseline) if options.baseline else Baseline()
    with Upstream(upstream) as control:
        stopped = _send(options, control, watch)
    run = read(options.out / "run.jsonl")
    results = score(run)
    document = report(run, results, baseline)
    return Outcome(document, results, options.out / "run.jsonl", engine.exit_code(document, stopped), stopped)


def planned(profile: str, only: Sequence[str] = ()) -> tuple[str, ...]:
    """The probes that the requirements of this position need, in the order of sending."""
    wanted = {name for row in rows(profile, only) for name in row.probes}
    return tuple(name for name in PROBES if name in wanted)


def _send(options: Options, control: Upstream, watch: Watch) -> CannotJudge | None:
    clock = Clock(time.time(), time.monotonic_ns())
    with Session(options.target, options.api_key, options.bounds, control, f"{clock.unix:.3f}") as session:
        ask = Ask(options.profile, options.target.model or session.model(options.profile), options.seed)
        header = provenance.header(options, ask.model, clock, RunKind.PROXY, control.url)
        with RunWriter(options.out / "run.jsonl", header) as log:
            return _within(options, ask, session, log, watch)


def _within(options: Options, ask: Ask, session: Session, log: RunWriter, watch: Watch) -> CannotJudge | None:
    unsent = log.footer["unsent"] = dict.fromkeys(planned(options.profile, options.only), "the run was stopped")
    try:
        _first(ask, session, log)
        _all(options, ask, session, log, watch, unsent)
    except CannotJudge as reason:
        unsent.update(dict.fromkeys(unsent, str(reason)))
        log.footer["stopped"] = str(reason)
        return reason
    finally:
        session.rest()
    return None


def _first(ask: Ask, session: Session, log: RunWriter) -> None:
    """Raises ``CannotJudge`` where the proxy does not forward to us. The request has nothing that a proxy could refuse."""
    plainest: dict[str, Any] = {"thinking": ...}
    pair = session.send(ask.chat(HELLO, max_tokens=1, step="first", **plainest), FIRST)
    write(pair, log)
    reason = gate.verdict(pair, session.upstream)
    if reason is not None:
        raise reason


def _all(options: Options, ask: Ask, session: Session, log: RunWriter, watch: Watch, unsent: dict[str, str]) -> None:
    plans = {name: list(PROBES[name](ask)) for name in unsent}
    total, done, silent = 1 + sum(map(len, plans.values())), 1, 0
    for name, sends in plans.items():
        for group in beside(sends) if name in SLOW else ([send] for send in sends):
            watch(Progress(done, total, name))
            _within_budget(options, done + len(group) - 1)
            for pair in session.send_all(group, name):
                write(pair, log)
                done, silent = done + 1, silent + 1 if _gone(pair) else 0
            if silent >= engine.GIVE_UP_AFTER:
                raise CannotJudge(
                    f"the proxy stopped answering: {silent} requests in a row got none ({pair.client.error})"
                )
        del unsent[name]
    for late in session.stragglers():
        log.exchange(late)


def _within_budget(options: Options, done: int) -> None:
    if options.budget_requests is not None and done >= options.budget_requests:
        raise BudgetSpent(f"the budget of {options.budget_requests} requests is spent; raise --budget-requests")


def _gone(pair: Pair) -> bool:
    """No answer although the upstream was honest: with a failing one, silence may be what the proxy makes of it."""
    return pair.client.status is None and not pair.behaviour and not pair.arrived
