"""A cap on the requests of a run, enforced before sending: worst-case cost of a request, a probe and a run.

``plan``, the budget and the report have this one figure. A request that must be refused may be served all the same: it counts
with what it costs then. Where ``max_tokens`` itself is what is wrong, a stop text ends the answer after its first word.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from echosounder import specs
from echosounder.conformance.ask import Send
from echosounder.wire.errors import BudgetSpent, UsageError
from echosounder.wire.prices import bill, dearest
from echosounder.wire.tokens import TEMPLATE

STOPPED = 64
"""Tokens before the first blank or line feed of an answer, at most: a longer word ends nothing but our patience."""
IMAGE = 1024
"""The most prompt tokens that an image is billed."""
SHOWN = re.compile(rb'"type": ?"(?:image_url|file)"')
CHOICES = 128
"""The most answers to one request that any format has."""
ASKED = {"messages", "prompt", "input", "instructions"}
"""A body without any of them asks for no answer, in no format."""
BOUNDS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
"""The names of the bound of the output; the first that a body has counts."""
MOST = 393_216
"""The longest output of any model that is described: where the model's own is not known."""
REDUCTION_CALLS = 40
REDUCTION_BYTES = 100_000
"""What making wrongly answered requests smaller may take in all, in a run of the suite `thorough`."""


def prompt_ceiling(send: Send) -> int:
    """Maximum number of prompt tokens that can be billed for a request: zero if the body is not a JSON object."""
    return len(send.body) + TEMPLATE + IMAGE * len(SHOWN.findall(send.body)) if _object(send) is not None else 0


def completion_ceiling(send: Send, most: int | None = None) -> int:
    """Maximum number of completion tokens that can be billed for a request, by a server that keeps within *most*, its longest output.

    The limit is ``max_tokens`` of the body or an equivalent member; if that is unlimited, the server may use its own, or end at the
    stop text.
    """
    body = _object(send)
    if body is None or not ASKED & body.keys():
        return 0
    longest = most or MOST
    bound = _positive(next((body[name] for name in BOUNDS if name in body), None))
    each = min(bound or longest, longest)
    if stopped(body) and (each != bound or "fault" in send.notes):
        each = min(each, STOPPED)
    return each * min(_positive(body.get("n")) or 1, CHOICES)


def _positive(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None


def stopped(body: dict[str, Any]) -> bool:
    """Whether a stop text ends the answer within its first line."""
    stop = body.get("stop")
    return "\n" in (stop if isinstance(stop, list) else [stop])


def _object(send: Send) -> dict[str, Any] | None:
    try:
        body = json.loads(send.body)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def price_ceiling(
    model: str, prompt: int, completion: int, at: datetime, fixed: specs.Rates | None = None
) -> Decimal | None:
    """Worst-case price in US dollars, nothing cached, at the highest price of the day; None if no price is known for *model*."""
    rates = dearest(model, at, fixed)
    return None if rates is None else bill(0, prompt, completion, rates).total


@dataclass
class Budget:
    """The remaining budget. ``requests`` and ``usd`` None mean no cap; ``fixed`` are given prices, ``most`` is the model's longest
    output. Raises :class:`UsageError` if there is a cap in dollars but no price is known.
    """

    model: str
    at: datetime
    requests: int | None = None
    usd: Decimal | None = None
    fixed: specs.Rates | None = None
    most: int | None = None
    spent_requests: int = field(default=0, init=False)
    spent_usd: Decimal = field(default=Decimal(0), init=False)

    def __post_init__(self) -> None:
        if self.usd is not None and self.price(0, 0) is None:
            raise UsageError(
                f"no price of {self.model!r} is known, so --budget-usd cannot be kept; "
                "give prices with --price HIT,MISS,OUTPUT, or use --budget-requests"
            )

    def price(self, prompt: int, completion: int) -> Decimal | None:
        return price_ceiling(self.model, prompt, completion, self.at, self.fixed)

    def debit(self, send: Send) -> None:
        """Raises :class:`BudgetSpent`, and debits nothing, if *send* could exceed a cap."""
        self.take(1, prompt_ceiling(send), completion_ceiling(send, self.most))

    def count(self, requests: int) -> None:
        """Count *requests* without a price that were sent before there was a budget."""
        self.spent_requests += requests

    def take(self, requests: int, prompt: int, completion: int) -> None:
        """Debit this many requests and tokens; raises :class:`BudgetSpent`, and debits nothing, if they could exceed a cap."""
        price = self.price(prompt, completion) or Decimal(0)
        if self.requests is not None and self.spent_requests + requests > self.requests:
            raise BudgetSpent(f"the budget of {self.requests} requests is spent; raise --budget-requests")
        if self.usd is not None and self.spent_usd + price > self.usd:
            raise BudgetSpent(f"the next request could pass the budget of ${self.usd}; raise --budget-usd")
        self.spent_requests += requests
        self.spent_usd += price
