"""One exchange of a log, sent again and judged again: FIXED, STILL or OTHER.

What is sent is what was recorded, byte for byte, with today's key in place of the redacted one. Requirements that compare
several exchanges are judged on the new one among the old ones of the same probe.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import StrEnum

from echosounder import specs
from echosounder.conformance.ask import Send
from echosounder.conformance.http_sender import Bounds, HttpSender
from echosounder.conformance.probe_choice import probes_of
from echosounder.judgement.agreed import BAD_KEY
from echosounder.judgement.assigned import checks
from echosounder.judgement.score import judge, rows
from echosounder.judgement.setting import RunSetting
from echosounder.judgement.smallest import extra
from echosounder.wire.access import DIRECT, Access
from echosounder.wire.errors import CannotJudge, UsageError
from echosounder.wire.exchange import NOT_SERVED, Exchange
from echosounder.wire.redact import MARK
from echosounder.wire.runlog import Run
from echosounder.wire.target import Target
from echosounder.wire.verdict import Finding, Result, Verdict

_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "user-agent", "accept", "authorization"}
)


NO_ANSWER = NOT_SERVED | {401, 403, 407}
JUDGED = frozenset({Verdict.PASS, Verdict.NONSTRICT, Verdict.FAIL})


class ReplayOutcome(StrEnum):
    """Result of replaying an exchange: the state of each of its findings."""

    FIXED = "FIXED"  # it had findings, and has none any more
    STILL = "STILL"  # what was found is found again, or nothing was and is not now
    OTHER = "OTHER"  # something else is found


@dataclass(frozen=True, slots=True)
class Replay:
    """The exchange as recorded and as replayed, with the violations of each."""

    change: ReplayOutcome
    before: Exchange
    after: Exchange
    findings_before: tuple[Finding, ...]
    findings_after: tuple[Finding, ...]


def replay(run: Run, id: str, target: Target, api_key: str | None, bounds: Bounds | None = None) -> Replay:
    """Sends exchange *id* of *run* once more to *target*. Raises ``UsageError`` where the run has no such exchange."""
    before = find(run, id)
    with HttpSender(target, api_key, bounds or Bounds()) as runner:
        after = runner.send(request_of(before, target.access), before.id, before.probe)
    setting = RunSetting.of(run)
    old = findings(results(run.exchanges, before, setting), before)
    judged = results(_with(run.exchanges, after), after, setting)
    new = findings(judged, after)
    if reason := _shows_nothing(before, after, old, new, judged):
        raise CannotJudge(f"{after.request.url}: {reason}, so the findings cannot be checked")
    return Replay(compare(old, new), before, after, old, new)


def _shows_nothing(
    before: Exchange, after: Exchange, old: Sequence[Finding], new: Sequence[Finding], judged: Sequence[Result]
) -> str:
    """Why *after* cannot tell whether something is fixed, empty where it can: a refusal on the way to the answer is not an answer, and what
    was broken is fixed only where the same check passes now."""
    told = f"it answers with status {after.status} now, and {before.status} was recorded"
    if new or (after.status is None and before.status is not None):  # which is told as what it is: no answer
        return ""
    if after.status is None:
        return f"it gives no answer ({after.error or after.end})"
    if after.status != before.status and (after.status in NO_ANSWER or 300 <= after.status < 400):
        return told
    if not old:
        return told if before.status is None or after.status // 100 != before.status // 100 else ""
    passed = {result.requirement for result in judged if result.verdict in JUDGED}
    missed = sorted({finding.requirement for finding in old} - passed)
    return f"{told}: {', '.join(missed[:3])} cannot be judged on that" if missed else ""


def find(run: Run, id: str) -> Exchange:
    for exchange in run.exchanges:
        if exchange.id == id:
            return exchange
    raise UsageError(f"the run has no exchange {id!r}; it has 1 to {len(run.exchanges)}")


def request_of(exchange: Exchange, access: Access = DIRECT) -> Send:
    """The request as it was sent; a redacted key is replaced by today's, other redacted headers by those of *access*."""
    request = exchange.request
    sent = {name.lower(): value for name, value in request.headers}
    today = {name.lower() for name, _ in access.headers}
    keyed = (name for name, value in exchange.reader.grammar.headers.items() if "{key}" in value)
    bare = next((name for name in keyed if name != "Authorization" and MARK in sent.get(name.lower(), "")), None)
    authorization = sent.get("authorization") or (
        "{key}" if bare else "Bearer {key}" if MARK in sent.get(access.auth[0].lower(), "") else None
    )
    return Send(
        method=request.method,
        path=request.path,
        body=request.body,
        step=exchange.step,
        headers=tuple((name, value) for name, value in request.headers if _kept(name.lower(), value, today)),
        authorization=authorization.replace(MARK, _key(exchange)) if authorization else None,
        key_header=bare or "Authorization",
        chunked="transfer-encoding" in sent,
        notes=exchange.notes,
    )


def _key(exchange: Exchange) -> str:
    """What was redacted: the key, or one that no server knows."""
    return BAD_KEY if "unknown key" in str(exchange.notes.get("fault")) else "{key}"


def _kept(name: str, value: str, today: Set[str]) -> bool:
    return name not in _OURS | today and MARK not in value


def results(exchanges: Sequence[Exchange], exchange: Exchange, setting: RunSetting) -> tuple[Result, ...]:
    """Results of every check that looks at *exchange*."""
    return tuple(
        _judged(row, exchanges, exchange, setting)
        for row in rows(setting)
        if row.admits(setting.subject.profile) and row.id in checks() and exchange.probe in _names(row)
    )


def findings(judged: Sequence[Result], exchange: Exchange) -> tuple[Finding, ...]:
    """All findings that point at *exchange*."""
    return tuple(finding for result in judged for finding in result.findings if finding.exchange == exchange.id)


def compare(before: Sequence[Finding], after: Sequence[Finding]) -> ReplayOutcome:
    """Compares the violated requirements, because messages and places may differ between answers."""
    old, new = {finding.requirement for finding in before}, {finding.requirement for finding in after}
    if old == new:
        return ReplayOutcome.STILL
    return ReplayOutcome.FIXED if not new else ReplayOutcome.OTHER


def _names(row: specs.Requirement) -> set[str]:
    return {probe.name for probe in probes_of(row)}


def _judged(row: specs.Requirement, exchanges: Sequence[Exchange], exchange: Exchange, setting: RunSetting) -> Result:
    """*exchange* alone where the check looks at one at a time, else among the others of its probe."""
    among = [each for each in exchanges if each.probe in _names(row) and not extra(each)]
    return judge(row, checks()[row.id], [exchange] if checks()[row.id].single else among, setting.case)


def _with(exchanges: Sequence[Exchange], after: Exchange) -> list[Exchange]:
    return [after if exchange.id == after.id else exchange for exchange in exchanges]
