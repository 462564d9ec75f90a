"""Whether the bill of a run can be compared with the balance, and why not."""

from echosounder.load.pricing.evidence import Evidence
from echosounder.load.pricing.ledger import merged, money

UNITS = 10  # minimum bill, in units of the balance's last digit


def unverified(evidence: Evidence) -> str:
    """Why the bill cannot be compared with the balance; empty if it can."""
    lab = evidence.lab
    if evidence.disturbed:
        return "the balance moved while no request was sent: another client uses the account, so the bill cannot be compared with it"
    if not lab.accountant.available:
        said = (
            f"tells no {lab.tariff.currency}"
            if lab.accountant.status == 200
            else f"is answered with {lab.accountant.status}"
        )
        return f"GET /user/balance {said}, so what was charged cannot be verified"
    if not evidence.told and any(entry.unknown for entry in evidence.entries):
        return "answers do not report usage, so there is no bill to compare with the balance"
    return _too_small(evidence) if evidence.told else "the run was over before anything was charged"


def _too_small(evidence: Evidence) -> str:
    """Why the bill is too small for the balance's resolution; empty if it is large enough, or if a fault shows nevertheless."""
    whole = merged(evidence.entries, "all")
    if evidence.causes or not whole.coarse or whole.billed >= UNITS * whole.unit:
        return ""
    unit, billed, least = (money(amount) for amount in (whole.unit, whole.billed, UNITS * whole.unit))
    return f"the balance shows nothing below {unit}, so a bill of {billed} cannot be compared with it; a bill of {least} is needed"
