"""Converts a run to the evidence by which the requirements on usage, cache and bill are judged."""

from dataclasses import dataclass

from echosounder.judgement.bill import BalanceStep, BillEvidence, Told
from echosounder.judgement.metered import Known, Metered
from echosounder.load.pricing.evidence import Evidence
from echosounder.load.pricing.lab import ServedRequest
from echosounder.load.pricing.ledger import Entry, merged
from echosounder.load.pricing.oracle import Expectation
from echosounder.load.pricing.verifiable import unverified
from echosounder.wire.formats import named


@dataclass(frozen=True, slots=True)
class RequestId:
    """Identifies a request by the id of its exchange in the log, if the exchange was kept."""

    id: str


def billed(evidence: Evidence) -> BillEvidence:
    lab = evidence.lab
    return BillEvidence(
        answers=[_told(each, known, evidence) for each, known in zip(evidence.answers, evidence.expected, strict=True)],
        entries=[_spent(entry) for entry in evidence.entries],
        whole=_spent(merged(evidence.entries, "all")) if evidence.entries else None,
        causes=evidence.causes,
        unit=evidence.unit,
        unverified=unverified(evidence),
        skew_s=None if lab.clocks_agree or lab.skew is None else lab.skew.total_seconds(),
        same_account=lab.same_account,
    )


def _told(answer: ServedRequest, known: Expectation, evidence: Evidence) -> Told:
    promised = known.promised[evidence.model] if evidence.model else 0
    send = answer.send
    metered = _metered(answer, known, promised)
    return Told(metered, answer.hit is not None, bool(send.user_id), known.shared, promised, send.role)


def _metered(answer: ServedRequest, known: Expectation, promised: int) -> Metered | None:
    if answer.usage is None:
        return None
    again = bool(promised) and known.shared >= answer.send.prompt.size
    return Metered(
        source=RequestId(f"0-{answer.outcome.ask.id}"),
        usage=answer.usage,
        grammar=named(answer.outcome.ask.job.format).grammar,
        finish=answer.outcome.sample.finish if answer.outcome.sample else None,
        bound=answer.send.tokens,
        streamed=answer.send.stream,
        prompt=answer.send.prompt,
        known=Known(known.anyone, not known.shared, again, known.most, known.account),
        name=answer.name,
    )


def _spent(entry: Entry) -> BalanceStep:
    charges = entry.charges
    return BalanceStep(
        name=entry.name,
        fell=entry.fell,
        billed=entry.billed,
        explained=entry.explained,
        requests=len(charges),
        hits=any(charge.hit for charge in charges),
        modes=frozenset(charge.stream for charge in charges),
        roles=entry.roles,
        coarse=entry.coarse,
    )
