"""Whole units: what goes in comes out, to the last digit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder import specs
from echosounder.mock_server.admission.money import Account, PriceList, pico, text
from echosounder.wire.prices import bill

amounts = st.integers(-(10**20), 10**20)


@given(amounts)
def test_text_and_back(amount: int) -> None:
    assert pico(text(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "digits", "shown"),
    [
        (pico("110"), 12, "110.00"),
        (pico("0.000000000001"), 12, "0.000000000001"),
        (pico("9.999"), 2, "9.99"),
        (-1, 12, "-0.000000000001"),
    ],
)
def test_how_it_is_shown(amount: int, digits: int, shown: str) -> None:
    assert text(amount, digits) == shown


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.lists(st.integers(0, 10**13), max_size=20))
def test_a_balance_falls_by_exactly_the_bill_and_gifts_go_first(
    granted: int, topped_up: int, charges: list[int]
) -> None:
    account = Account(granted, topped_up)
    for charge in charges:
        account.charge(charge)
        assert account.granted == 0 or account.topped_up == topped_up
    assert account.total == granted + topped_up - sum(charges)


@pytest.mark.parametrize("profile", [name for name in specs.PROFILES if name != "2024-07"])
@pytest.mark.parametrize("currency", ["USD"])
def test_the_bill_is_that_of_the_shared_arithmetic(profile: str, currency: str) -> None:
    prices = PriceList(profile, currency)
    about = specs.profile(profile)
    for model in specs.models(profile):
        rates = prices.rates(model, about.priced_at.timestamp())
        expected = bill(384, 67, 1000, specs.price(model, about.priced_at, currency)).total
        assert Decimal(text(rates.bill(384, 67, 1000))) == expected


@pytest.mark.parametrize("amount", ["", "ten", "1e-13", "NaN", "Infinity"])
def test_no_amount(amount: str) -> None:
    with pytest.raises(ValueError):
        pico(amount)
