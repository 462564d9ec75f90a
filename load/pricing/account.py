"""Reads balances repeatedly, because a charge may be settled after the answer."""

from dataclasses import dataclass, field
from decimal import Decimal

from echosounder.load.experiment.script import Book, Script
from echosounder.load.pricing.ledger import CENT, Balance, Entry, balance, merged
from echosounder.load.pricing.prompts import PromptJobs

FIRST, LONGEST = 0.05, 2.0  # s between two readings
PENDING = 3  # factor of the patience for missing charges


@dataclass(slots=True)
class Accountant:
    """Reads the balance. ``status`` of the last reading; ``available``: the response contained a balance. ``settled_after``: seconds
    until charges appeared.
    """

    book: Book
    asking: PromptJobs
    patience: float
    currency: str
    available: bool = True
    status: int | None = None
    unit: Decimal = CENT
    settled_after: list[float] = field(default_factory=list)

    def read(self, key: int = 0) -> Script[Balance | None]:
        if not self.available:
            return None
        [outcome] = yield from self.book.ended([self.book.ask(self.asking.balance(), key=key, keep=True)])
        found = balance(outcome, self.currency)
        self.available, self.status = found is not None, outcome.status
        if found is not None:
            # Trailing zeros may be omitted, so the account has at least as many decimals as any balance shows.
            self.unit = min(self.unit, found.unit)
        return found

    def settle(self, entry: Entry) -> Script[None]:
        """Fill in ``after``: read the balance until it matches the bill, or patience is exhausted."""
        patience = self.patience if entry.charges else 0.0
        if not (yield from self._until_explained(entry, patience)):
            self.patience /= 4  # do not wait as long for the next missing charge

    def settle_all(self, entries: list[Entry], patience: float) -> Script[None]:
        """Final reading for the whole run: the last entry's ``after`` is read again until the sum is correct. A missing charge may
        still arrive, so it gets more patience than a surplus one.
        """
        whole = merged(entries, "all") if entries else None
        if whole is not None and whole.explained is False:
            yield from self._until_explained(whole, patience * (PENDING if (whole.remainder or 0) < 0 else 1))
            entries[-1].after = whole.after

    def _until_explained(self, entry: Entry, patience: float) -> Script[bool]:
        begin, wait = self.book.now, FIRST
        entry.after = yield from self.read()
        entry.unit = self.unit
        while entry.explained is False and self.book.now - begin < patience:
            yield from self.book.wait(self.book.now + wait)
            wait = min(2 * wait, LONGEST)
            entry.after = yield from self.read()
            entry.unit = self.unit
        if entry.explained:
            self.settled_after.append(self.book.now - begin)
        return entry.explained is not False
