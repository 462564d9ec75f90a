"""Twenty faults of a bill, alone and in pairs, and a hundred honest bills: ledgers made here, with prices of our own arithmetic."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import combinations
from random import Random

import pytest

from echosounder.load.pricing.diagnose import causes
from echosounder.load.pricing.ledger import Balance, Charge, Entry
from echosounder.specs import Rates
from echosounder.wire.usage import Usage

NOON = datetime(2026, 8, 17, 12, tzinfo=UTC)
HIT, MISS, OUTPUT = Decimal("0.007"), Decimal("0.22"), Decimal("0.66")
PEAK = tuple(Decimal("1.5") * price for price in (HIT, MISS, OUTPUT))
UNIT = Decimal("1e-12")


def price(hit, miss, output, prices=(HIT, MISS, OUTPUT)):
    return sum(count * each for count, each in zip((hit, miss, output), prices, strict=True)) / 10**6


FAULTS = {  # name of the cause -> what is taken beyond the bill, of (hit, miss, output, streamed)
    "hit-billed-as-miss": lambda h, m, o, s: price(-h, h, 0),
    "miss-billed-as-hit": lambda h, m, o, s: price(m, -m, 0),
    "output-billed-as-miss": lambda h, m, o, s: price(0, o, -o),
    "miss-billed-as-output": lambda h, m, o, s: price(0, -m, m),
    "hit-billed-twice": lambda h, m, o, s: price(0, h, 0),
    "output-billed-twice": lambda h, m, o, s: price(0, 0, o),
    "output-not-billed": lambda h, m, o, s: price(0, 0, -o),
    "miss-not-billed": lambda h, m, o, s: price(0, -m, 0),
    "off-by-one-token": lambda h, m, o, s: price(0, 0, 1),
    "off-by-one-token ": lambda h, m, o, s: price(0, -1, 0),
    "off-by-one-token  ": lambda h, m, o, s: price(1, 0, 0),
    "wrong-price-window": lambda h, m, o, s: price(h, m, o, PEAK) - price(h, m, o),
    "stream-charged-twice": lambda h, m, o, s: price(h, m, o) if s else 0,
    "document-not-charged": lambda h, m, o, s: 0 if s else -price(h, m, o),
    "stream-hit-billed-as-miss": lambda h, m, o, s: price(-h, h, 0) if s else 0,
    "other-price": lambda h, m, o, s: price(h, m, o) / 8,
    "stream-other-price": lambda h, m, o, s: price(h, m, o) / 4 if s else 0,
    "fee": lambda h, m, o, s: Decimal("0.00013"),
    "document-fee": lambda h, m, o, s: 0 if s else Decimal("0.00007"),
    "drift": lambda h, m, o, s: UNIT,
}


ALIKE = {  # pairs that come to the same amounts as something simpler, for any bill
    ("output-billed-twice", "output-not-billed"): [],
    ("off-by-one-token", "fee"): ["fee"],
    ("off-by-one-token ", "fee"): ["fee"],
    ("off-by-one-token  ", "fee"): ["fee"],
    ("fee", "drift"): ["fee"],
    ("wrong-price-window", "other-price"): ["other-price"],
    ("stream-charged-twice", "stream-other-price"): ["stream-other-price"],
    ("fee", "document-fee"): ["fee", "stream-fee"],
}


def ledger(seed, *faults, unit=UNIT):
    """Entries as an experiment makes them: a few requests each, streamed and not, with hits and without."""
    random, left, entries = Random(seed), Decimal(10), []
    for number in range(9):
        charges, taken = [], Decimal(0)
        for _ in range(random.choice((1, 1, 2, 3, 5))):
            hit, miss = random.choice((0, 128, 256, 896)), random.randrange(30, 700)
            output, stream = random.randrange(1, 40), random.random() < 0.5
            usage = Usage(hit + miss, output, hit + miss + output, hit, miss, hit)
            charges.append(Charge("chat", usage, stream, NOON, (Rates(HIT, MISS, OUTPUT),)))
            taken += price(hit, miss, output) + sum(FAULTS[fault](hit, miss, output, stream) for fault in faults)
        after = left - taken
        entry = Entry(f"group {number}", charges, unit=unit)
        entry.before, entry.after = (Balance("USD", total.quantize(unit), unit) for total in (left, after))
        entries.append(entry)
        left = after
    return entries


def others(charge):
    return [("peak", Rates(*PEAK))]


def named(*faults, seed=1):
    return sorted(cause.name for cause in causes(ledger(seed, *faults), others))


def test_what_cannot_be_told_apart_is_said_with_both_names():
    """Where the peak costs twice as much, a request that is charged twice and one at the peak's price look the same."""
    entries = ledger(1, "stream-charged-twice")
    [cause] = causes(entries, lambda charge: [("peak", Rates(*(2 * price for price in (HIT, MISS, OUTPUT))))])
    assert "charged twice" in cause.says
    assert "peak prices" in cause.says


def wanted(*faults):
    return sorted(fault.strip() for fault in faults)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_is_named(fault):
    assert len(FAULTS) >= 20
    assert named(fault) == wanted(fault)


@pytest.mark.field
def test_of_all_pairs_95_of_100_are_named():
    pairs = list(combinations(FAULTS, 2))
    missed = {pair: found for pair in pairs if (found := named(*pair)) not in (wanted(*pair), ALIKE.get(pair))}
    print(missed)
    assert len(missed) <= 0.05 * len(pairs)


@pytest.mark.parametrize("unit", [UNIT, Decimal("1e-9"), Decimal("1e-4"), Decimal("0.01")])
def test_a_hundred_honest_bills_accuse_nobody(unit):
    assert [seed for seed in range(100) if causes(ledger(seed, unit=unit), others)] == []
