"""From a run to its verdicts: pure, so that an old log can be judged by today's checks.

How a requirement gets its verdict, first match wins:

    the profile does not admit it, or the model has no such feature   not-applicable
    it is excluded, with a reason                                     not-applicable, and the note begins "not tested:"
    observed only, under the policy `documented`                      not-applicable
    its probes are not in the suite, nor in a format that was asked in, or it has no check               left out; counted as `unchecked`
    its probes were not sent                                          inconclusive (budget, interruption)
    the check raised an exception that is ours                        error
    the check found something                                         fail (MUST), nonstrict (SHOULD)
    the check found something, and the requirement is a MAY           unsupported, told in a note: no finding, nothing is broken
    nothing that it could judge: refused for money, room or load       inconclusive
    nothing that it could judge: the prompt is too long for it        inconclusive
    nothing that it could judge: all served, but the model did not    inconclusive
    nothing that it could judge: an optional feature plainly refused  unsupported
    nothing that it could judge: otherwise                            untestable
    the check says that no exchange could have shown a breach         inconclusive, or untestable where another MUST is broken
    else                                                              pass

A run deviates when a MUST failed or was untestable. It is inconclusive when it did not deviate but was interrupted, ran
out of budget, hit an error of ours, or passed nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from echosounder import specs
from echosounder.judgement.absence import absent, named
from echosounder.judgement.answers import completion
from echosounder.judgement.assigned import checks, matching
from echosounder.judgement.check import (
    Case,
    Check,
    Controls,
    Subject,
)
from echosounder.judgement.checks.outcomes import ASKS_FOR_NONE
from echosounder.judgement.checks.served import FEATURES, NEEDED, excused, plainly_refused, too_long, unauthorized
from echosounder.judgement.rule import MAX_FINDINGS, decide, tripped
from echosounder.judgement.setting import RunSetting, Sendable, Suite
from echosounder.judgement.shares import BROKEN, rounds, share, together
from echosounder.judgement.smallest import extra, sharpened
from echosounder.wire.exchange import HEAVIEST, NOT_SERVED, Exchange
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import Result, Verdict

OPTIONAL = frozenset(
    {"balance", "cache", "fim", "json", "logprobs", "prefix", "thinking", "tools", "files", "vision", "search"}
)


def score(run: Run, probes: Mapping[str, Sendable]) -> tuple[Result, ...]:
    """A result for each requirement that the run could have judged, in the order of the catalogue.

    *probes* are those that a run could have sent, by name.
    """
    setting = RunSetting.of(run)
    results = (_result(row, setting, run.exchanges, probes) for row in rows(setting))
    return tuple(result for result in results if result is not None)


def _asked(probe: Sendable, setting: RunSetting) -> bool:
    return probe.suite <= setting.suite and probe.format in setting.formats


def rows(setting: RunSetting) -> tuple[specs.Requirement, ...]:
    """Every requirement that the run was asked about, including those outside its profile."""
    every = specs.requirements()
    wanted = set(matching(setting.only, [row.id for row in every])) if setting.only else {row.id for row in every}
    return tuple(row for row in every if row.id in wanted)


def _inapplicable(subject: Subject) -> str:
    return f"the model {subject.model} does not have this feature" if subject.keyed else "asked without an API key"


def _result(
    row: specs.Requirement, setting: RunSetting, exchanges: Sequence[Exchange], probes: Mapping[str, Sendable]
) -> Result | None:
    if reason := not_held(row, setting):
        return Result(row.id, Verdict.NOT_APPLICABLE, note=reason)
    if row.id not in checks():
        return None
    in_suite = {name for name in matching(row.probes, probes) if _asked(probes[name], setting)}
    if not in_suite:
        return None
    if not any(probes[name].applies(setting.subject) for name in in_suite):
        return Result(row.id, Verdict.NOT_APPLICABLE, note=_inapplicable(setting.subject))
    if reason := next((why for name in row.features if (why := absent(name, exchanges)) and not named(row, name)), ""):
        return Result(row.id, Verdict.NOT_APPLICABLE, note=reason)
    mine = tuple(exchange for exchange in exchanges if exchange.probe in in_suite and not extra(exchange))
    if not mine:
        why = next(
            (setting.unsent[name] for name in sorted(in_suite) if name in setting.unsent), "the run stopped before"
        )
        return Result(row.id, Verdict.INCONCLUSIVE, note=f"not sent: {why}")
    check = checks()[row.id]
    result = _often(row, check, mine, setting)
    return sharpened(result, exchanges, lambda exchange: judge(row, check, [exchange], setting.case).findings)


def _often(row: specs.Requirement, check: Check, mine: Sequence[Exchange], setting: RunSetting) -> Result:
    """The verdict over all rounds, each judged for itself; what is broken only sometimes is told with its share."""
    each = [judge(row, check, group, setting.case) for group in rounds(mine)]
    result = together(each, MAX_FINDINGS)
    repeated = len(each) > 1 and result.verdict is Verdict.PASS
    if not repeated and (result.verdict not in BROKEN or (len(each) == 1 and setting.suite is not Suite.THOROUGH)):
        return result
    tries = [judge(row, check, [exchange], setting.case) for exchange in mine] if check.single else each
    seen = share(tries, "exchanges" if check.single else "rounds")
    return replace(result, note=seen.sentence) if seen.judged > max(seen.failed, 1) else result


def not_held(row: specs.Requirement, setting: RunSetting) -> str:
    if not row.admits(setting.subject.profile):
        return f"profile {setting.subject.profile} does not have it"
    if row.excluded:
        return f"not tested: {row.excluded}"
    if setting.policy == "documented" and row.basis == "observed":
        return "observed only: the documentation does not ask for it"
    return ""


def judge(row: specs.Requirement, check: Check, exchanges: Sequence[Exchange], case: Case) -> Result:
    """The verdict of one requirement on *exchanges*. An exception of a check is a fault of this program, and reported as such."""
    try:
        picked = [exchange for exchange in exchanges if check.pick(exchange)]
        if not picked:
            return _unpicked(row, check, exchanges, case.controls)
        picked, heavy = [each for each in picked if each.weight <= HEAVIEST], picked
        if not picked:
            return Result(
                row.id, Verdict.INCONCLUSIVE, note=_too_large(heavy[0]), exchanges=tuple(each.id for each in heavy)
            )
    except Exception as error:
        return tripped(row, check.name, error, [exchange.id for exchange in exchanges])
    seen = [exchange for exchange in picked if check.rests.isdisjoint(exchange.lacks)]
    if not seen:
        return _unobserved(row, check, picked)
    return decide(row, lambda: check.judge(seen, case), check.name, [exchange.id for exchange in seen])


def _unobserved(row: specs.Requirement, check: Check, exchanges: Sequence[Exchange]) -> Result:
    missing = ", ".join(sorted(check.rests.intersection(*(exchange.lacks for exchange in exchanges))))
    note = f"the recording does not hold what this rests on: {missing}"
    return Result(row.id, Verdict.INCONCLUSIVE, note=note, exchanges=tuple(exchange.id for exchange in exchanges))


def _too_large(exchange: Exchange) -> str:
    return f"too large to judge: an answer of some {exchange.weight:,} values; at most {HEAVIEST:,} are looked at"


def _unpicked(row: specs.Requirement, check: Check, exchanges: Sequence[Exchange], known: Controls) -> Result:
    """None of the exchanges could be judged: whose doing is that?"""
    ids = tuple(exchange.id for exchange in exchanges)
    what = _outcomes(exchanges)
    if all(exchange.status in NOT_SERVED for exchange in exchanges):
        return Result(row.id, Verdict.INCONCLUSIVE, note=f"not served: {what}", exchanges=ids)
    if known.keyless and all(unauthorized(exchange) for exchange in exchanges):
        return Result(row.id, Verdict.INCONCLUSIVE, note=ASKS_FOR_NONE, exchanges=ids)
    if all(too_long(exchange) for exchange in exchanges):
        return Result(row.id, Verdict.INCONCLUSIVE, note=f"too long for the target: {what}", exchanges=ids)
    if check.model and all(completion(exchange) for exchange in exchanges):
        return Result(row.id, Verdict.INCONCLUSIVE, note="the model did not give what the check needs", exchanges=ids)
    if all(excused(exchange, known.absent or frozenset()) for exchange in exchanges):
        return Result(row.id, Verdict.UNSUPPORTED, note=f"refused: {what}", exchanges=ids)
    if _optional(row) and all(_not_here(exchange, known.absent) for exchange in exchanges):
        return Result(row.id, Verdict.UNSUPPORTED, note=f"refused: {what}", exchanges=ids)
    wanted = f" (needed: {check.needs})" if check.needs else ""
    return Result(row.id, Verdict.UNTESTABLE, note=f"nothing to judge: {what}{wanted}", exchanges=ids)


def _optional(row: specs.Requirement) -> bool:
    """Who refuses the prompt of a plain chat does not say that there is no cache."""
    return bool(OPTIONAL & set(row.features)) and set(row.features) != {"chat", "cache"}


def _not_here(exchange: Exchange, missing: frozenset[str] | None) -> bool:
    """Plainly refused, and not as one request for a feature whose other requests are served."""
    asked = [name for name, about in FEATURES.items() if name not in NEEDED and about(exchange)]
    return plainly_refused(exchange) and (missing is None or not asked or excused(exchange, missing))


def _outcomes(exchanges: Sequence[Exchange]) -> str:
    """``2 of chat.stream got status 500``, the first few kinds of it."""
    kinds = Counter((exchange.probe, _said(exchange)) for exchange in exchanges)
    shown = [f"{count} of {probe} got {said}" for (probe, said), count in list(kinds.items())[:3]]
    return "; ".join(shown) + (f"; and {len(kinds) - 3} more" if len(kinds) > 3 else "")


def _said(exchange: Exchange) -> str:
    return f"status {exchange.status}" if exchange.status is not None else exchange.error or str(exchange.end)
