"""The charge for a stream that the client disconnects from, by the balance, compared with the same answer read to its
end.

The correct charge is not documented, so it is reported without a verdict; these requests are in no group of the bill.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from echosounder.load.pricing.ledger import ZERO, Charge, money
from echosounder.wire.prices import EXACT, bill


class HangUpBilling(StrEnum):
    WHOLE, PART, NOTHING, MORE, UNKNOWN = "whole", "part", "nothing", "more", "unknown"


@dataclass(frozen=True, slots=True)
class HangUps:
    """Streams from which the client disconnected after *seen* tokens each. ``taken``: decrease of the balance for all
    of them; ``whole``: the charge of the same answer read to its end; ``missing``: why there is no result.
    """

    whole: Charge
    currency: str
    seen: tuple[int, ...] = ()
    taken: Decimal = ZERO
    unit: Decimal = ZERO
    missing: str = ""

    @property
    def due(self) -> Decimal:
        """The cost of all of them if they are billed whole."""
        return self.whole.amount * len(self.seen)

    @property
    def tokens(self) -> Decimal:
        """Average number of output tokens charged per stream; negative if not even the whole prompt was charged."""
        rates = self.whole.rates[0]
        prompts = bill(self.whole.hit, self.whole.miss, 0, rates).total * len(self.seen)
        return EXACT.subtract(self.taken, prompts) / (bill(0, 0, 1, rates).total * len(self.seen))

    @property
    def billed(self) -> HangUpBilling:
        if self.missing:
            return HangUpBilling.UNKNOWN
        if abs(self.taken) < self.unit:
            return HangUpBilling.NOTHING
        if abs(rest := EXACT.subtract(self.taken, self.due)) < max(self.unit, bill(0, 0, 1, self.whole.rates[0]).total):
            return HangUpBilling.WHOLE
        return HangUpBilling.MORE if rest > 0 else HangUpBilling.PART

    @property
    def says(self) -> str:
        if self.missing:
            return f"What a client pays that hangs up in mid-stream cannot be told: {self.missing}"
        head = f"{len(self.seen)} of them, hung up on after {_range(self.seen)} of {self.whole.output} tokens, took"
        took, due = (f"{money(amount)} {self.currency}" for amount in (self.taken, self.due))
        part = (
            f"the prompt and {float(self.tokens):.3g} tokens of each" if self.tokens >= 0 else "less than the prompts"
        )
        return {
            HangUpBilling.WHOLE: f"A stream that the client hangs up on is billed whole: {head} {took}, as if read to the end",
            HangUpBilling.PART: f"A stream that the client hangs up on is billed in part: {head} {took}, {part}; whole: {due}",
            HangUpBilling.NOTHING: f"A stream that the client hangs up on is not billed: {head} nothing; whole: {due}",
            HangUpBilling.MORE: f"A stream that the client hangs up on is billed for more than the whole: {head} {took}; whole: {due}",
        }[self.billed]

    def member(self) -> dict[str, object]:
        """``cost.hang_ups`` of the report."""
        known = not self.missing
        return {
            "billed": str(self.billed),
            "says": self.says,
            "requests": len(self.seen),
            "seen_tokens": sum(self.seen),
            "billed_tokens": round(float(self.tokens) * len(self.seen), 3) if known else None,
            "answer_tokens": self.whole.output * len(self.seen),
            "taken": money(self.taken) if known else None,
            "whole": money(self.due) if known else None,
        }


def _range(seen: Sequence[int]) -> str:
    low, high = min(seen), max(seen)
    return f"{low}" if low == high else f"{low} to {high}"
