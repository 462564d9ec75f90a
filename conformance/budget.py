"""A cap on what a run may send. Every request is debited before it goes out, at the most it can cost."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from echosounder import specs
from echosounder.conformance.ask import Send
from echosounder.wire.errors import BudgetSpent
from echosounder.wire.prices import bill
from echosounder.wire.tokens import TEMPLATE

REDUCTION_CALLS = 40
REDUCTION_BYTES = 100_000
"""What making wrongly answered requests smaller may take in all, in a run of the suite `thorough`."""


def prompt_ceiling(send: Send) -> int:
    """The most prompt tokens that a request can be billed: none where the body is no JSON object."""
    return len(send.body) + TEMPLATE if _object(send) is not None else 0


def completion_ceiling(send: Send) -> int:
    """``max_tokens`` of the body, or its newer name; 0 where the body is none that a server would answer."""
    body = _object(send) or {}
    bound = body.get("max_tokens", body.get("max_completion_tokens"))
    return bound if isinstance(bound, int) and bound > 0 else 0


def _object(send: Send) -> dict[str, Any] | None:
    try:
        body = json.loads(send.body)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def price_ceiling(model: str, prompt: int, completion: int, at: datetime) -> Decimal | None:
    """US dollars at worst, nothing cached; None where no price is known for *model*."""
    try:
        return bill(0, prompt, completion, specs.price(model, at)).total
    except specs.UnknownPriceError:
        return None


@dataclass
class Budget:
    """What is left. ``requests`` and ``usd`` None are no cap. Requests that must be refused are debited like any other:
    whether the target refuses them is what the run finds out."""

    model: str
    at: datetime
    requests: int | None = None
    usd: Decimal | None = None
    spent_requests: int = field(default=0, init=False)
    spent_usd: Decimal = field(default=Decimal(0), init=False)

    def debit(self, send: Send) -> None:
        """Raises :class:`BudgetSpent`, and debits nothing, where *send* could pass a cap; a price that is not known cannot pass."""
        price = price_ceiling(self.model, prompt_ceiling(send), completion_ceiling(send), self.at)
        if self.requests is not None and self.spent_requests >= self.requests:
            raise BudgetSpent(f"the budget of {self.requests} requests is spent; raise --budget-requests")
        if self.usd is not None and price is None:
            raise BudgetSpent(
                f"no price is known for {self.model}, so --budget-usd cannot be kept; use --budget-requests"
            )
        if self.usd is not None and self.spent_usd + (price or 0) > self.usd:
            raise BudgetSpent(f"the next request could pass the budget of ${self.usd}; raise --budget-usd")
        self.spent_requests += 1
        self.spent_usd += price or 0
