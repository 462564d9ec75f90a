"""The spending cap of a run: each request is debited at its ceiling before it is sent, and settled when it has ended."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from echosounder.load.client.call import Job
from echosounder.wire.prices import Rated, bill, bill_usage
from echosounder.wire.usage import Usage


def share(total: int, worker: int, workers: int) -> int:
    """Number of *total* requests for *worker*; the shares of all workers add up, and differ by at most one."""
    return total // workers + (worker < total % workers)


@dataclass(slots=True)
class LoadBudget:
    """Money and requests of one worker. ``usd`` or ``requests`` None means no cap.

    The ceiling is the price of a request at ``rates``, the highest during the run, if nothing is cached and the model uses all of its
    ``max_tokens``. Answers are charged at the current prices, which ``paid`` returns; without it at ``rates``.
    """

    rates: Rated | None = None
    usd: Decimal | None = None
    requests: int | None = None
    reserved: Decimal = Decimal(0)
    sent: int = 0
    paid: Callable[[], Rated | None] | None = None

    def ceiling(self, job: Job) -> Decimal:
        if self.rates is None or self.usd is None:  # without a cap, skip the expensive decimals
            return Decimal(0)
        return bill(0, job.most_tokens, job.max_tokens or 0, self.rates).total

    def debit(self, job: Job) -> bool:
        """Reserve the job's ceiling. Returns False, and reserves nothing, if that would exceed the cap."""
        amount = self.ceiling(job)
        if self.requests is not None and self.sent >= self.requests:
            return False
        if self.usd is not None and self.reserved + amount > self.usd:
            return False
        self.reserved += amount
        self.sent += 1
        return True

    def settle(self, job: Job, counts: Usage | None, refused: bool) -> None:
        """Replace the ceiling by what the answer reports. Without a report the ceiling stays: better to stop early."""
        if self.rates is None or self.usd is None or (counts is None and not refused):
            return
        rates = (self.paid and self.paid()) or self.rates
        actual = max(bill_usage(counts, rates).total, Decimal(0)) if counts is not None else Decimal(0)
        self.reserved += actual - self.ceiling(job)
