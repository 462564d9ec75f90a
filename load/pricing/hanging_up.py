"""Disconnects from streams, and reads the balance before and after."""

from dataclasses import replace
from decimal import Decimal

from echosounder.load.experiment.script import Outcome, Script
from echosounder.load.pricing.account import FIRST
from echosounder.load.pricing.chains import BASE
from echosounder.load.pricing.hang_ups import HangUps
from echosounder.load.pricing.lab import BillRequest, BillState, close_entry, job, one, open_entry, rest
from echosounder.load.pricing.ledger import Entry, money
from echosounder.load.pricing.prompts import Message, Prompt, joined, user
from echosounder.wire.prices import bill
from echosounder.wire.stream import StreamEnd

TIMES = 3  # number of streams from which the client disconnects
SEEN, TOKENS = 8, 64  # tokens before disconnecting; tokens of the whole answer
QUIET = 0.3  # s without a change of the balance, in addition to the observed delay of charges
CLEAR = 2  # minimum difference of two ways to bill, in smallest units of the balance
LONG = Message("user", "now tell a long story", 5)


def read_whole(lab: BillState) -> Script[None]:
    """Read the answer to its end, twice; the second has the same cache hits as the later streams from which the client disconnects."""
    for number in (1, 2):
        lab.tell("long answer")
        yield from open_entry(lab, f"long answer {number}")
        yield from one(lab, _request(lab))
        yield from close_entry(lab)
        yield from rest(lab)
    lab.whole = lab.entries[-1]


def hang_up(lab: BillState) -> Script[None]:
    """Disconnect from streams, between separate balances and at the end, because the correct charge is unknown."""
    whole = lab.whole
    if whole is None or not whole.charges or not lab.accountant.available:
        return
    lab.tell("hang-ups")
    missing = _too_small(lab, whole)
    lab.hung = HangUps(whole.charges[0], lab.tariff.currency, missing=missing)
    if not missing:
        lab.hung = yield from _measured(lab, whole)


def _too_small(lab: BillState, whole: Entry) -> str:
    """Why the balance would not show a difference; empty if it would."""
    [charge] = whole.charges
    if charge.output < 2 * SEEN:
        return f"an answer of {charge.output} tokens is too short to hang up on"
    if not whole.explained:
        return "the same answer read to its end is not billed at the known prices"
    least = bill(0, 0, charge.output - 2 * SEEN, charge.rates[0]).total * TIMES
    if least >= CLEAR * lab.accountant.unit:
        return ""
    return f"the balance shows nothing below {lab.accountant.unit:f}, and the remainders of {TIMES} answers cost {money(least)}"


def _measured(lab: BillState, whole: Entry) -> Script[HangUps]:
    [charge] = whole.charges
    before = yield from lab.accountant.read()
    outcomes: list[Outcome] = []
    for _ in range(TIMES):
        request = lab.book.ask(job(lab, _request(lab), "hang-up"), keep=True, hang_up=SEEN)
        outcomes += yield from lab.book.ended([request])
    samples = [each.sample for each in outcomes if each.sample]
    seen = tuple(each.token_events for each in samples)
    made = HangUps(charge, lab.tariff.currency, seen, unit=lab.accountant.unit)
    if any(each.end is not StreamEnd.CLIENT_CANCELLED for each in samples):
        return replace(made, missing="an answer was over before it could be hung up on")
    fell = yield from _fallen(lab, Entry("hang-ups", before=before), made.due)
    return replace(made, missing="the balance could not be read") if fell is None else replace(made, taken=fell)


def _fallen(lab: BillState, entry: Entry, most: Decimal) -> Script[Decimal | None]:
    """The decrease of the balance, once it has not changed for the observed delay of charges plus the duration of an answer."""
    answers = [each.outcome for each in lab.answers if each.send.tokens == TOKENS]
    lasted = max(((each.closed or each.sent) - each.sent for each in answers), default=0.0)
    quiet = QUIET + lasted + 2 * max(lab.accountant.settled_after, default=0.0)
    changed, fell = lab.book.now, None
    while lab.book.now - changed < quiet and (fell is None or fell < most):
        entry.after = yield from lab.accountant.read()
        if entry.fell != fell:
            changed, fell = lab.book.now, entry.fell
        yield from lab.book.wait(lab.book.now + FIRST)
    return fell


def _request(lab: BillState) -> BillRequest:
    prompt = Prompt((joined(user(BASE, f"{lab.goal.salt} long answer"), LONG),))
    return BillRequest("long answer", prompt, TOKENS, stream=True)
