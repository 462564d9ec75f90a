"""Prices by date and hour, and bills to the last digit."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from echosounder import specs
from echosounder.specs.prices import aliases, price_list, resolve
from echosounder.wire.prices import bill, dearest, use_cost

CHINA = timezone(timedelta(hours=8))


def at(*parts, zone=UTC):
    return datetime(*parts, tzinfo=zone)


# model, instant, currency, hit / miss / output per million
ROWS = [
    ("deepseek-chat", at(2024, 8, 2), "USD", "0.014 0.14 0.28"),
    ("deepseek-coder", at(2024, 9, 5), "USD", "0.014 0.14 0.28"),
    ("deepseek-chat", at(2025, 2, 8, 15, 59, 59), "USD", "0.014 0.14 0.28"),
    ("deepseek-chat", at(2025, 2, 8, 16), "USD", "0.07 0.27 1.10"),
    ("deepseek-chat", at(2025, 2, 25, 17), "USD", "0.07 0.27 1.10"),
    ("deepseek-chat", at(2025, 2, 26, 16, 29, 59), "USD", "0.07 0.27 1.10"),
    ("deepseek-chat", at(2025, 2, 26, 16, 30), "USD", "0.035 0.135 0.55"),
    ("deepseek-chat", at(2025, 3, 1, 0, 29, 59), "USD", "0.035 0.135 0.55"),
    ("deepseek-chat", at(2025, 3, 1, 0, 30), "USD", "0.07 0.27 1.10"),
    ("deepseek-chat", at(2025, 3, 1, 8, zone=CHINA), "USD", "0.035 0.135 0.55"),
    ("deepseek-chat", at(2025, 3, 1, 12), "CNY", "0.5 2 8"),
    ("deepseek-reasoner", at(2025, 3, 1, 12), "CNY", "1 4 16"),
    ("deepseek-reasoner", at(2025, 1, 20), "USD", "0.14 0.55 2.19"),
    ("deepseek-reasoner", at(2025, 6, 1, 20), "USD", "0.035 0.135 0.55"),
    ("deepseek-chat", at(2025, 9, 5, 15, 59), "USD", "0.07 0.27 1.10"),
    ("deepseek-chat", at(2025, 9, 5, 16), "USD", "0.07 0.56 1.68"),
    ("deepseek-reasoner", at(2025, 9, 5, 17), "USD", "0.07 0.56 1.68"),
    ("deepseek-chat", at(2025, 9, 29), "USD", "0.028 0.28 0.42"),
    ("deepseek-reasoner", at(2026, 4, 23), "USD", "0.028 0.28 0.42"),
    ("deepseek-v4-flash", at(2026, 4, 24), "USD", "0.028 0.14 0.28"),
    ("deepseek-v4-flash", at(2026, 4, 26, 12, 15), "USD", "0.0028 0.14 0.28"),
    ("deepseek-chat", at(2026, 5, 1), "USD", "0.0028 0.14 0.28"),
    ("deepseek-v4-pro", at(2026, 4, 24), "USD", "0.145 1.74 3.48"),
    ("deepseek-v4-pro", at(2026, 5, 15), "USD", "0.003625 0.435 0.87"),
    ("deepseek-v4-flash", at(2026, 8, 16, 15, 59), "USD", "0.0028 0.14 0.28"),
    ("deepseek-v4-flash", at(2026, 8, 16, 16), "USD", "0.007 0.22 0.66"),
    ("deepseek-v4-flash", at(2026, 8, 17, 0, 59, 59), "USD", "0.007 0.22 0.66"),
    ("deepseek-v4-flash", at(2026, 8, 17, 1), "USD", "0.014 0.44 1.32"),
    ("deepseek-v4-flash", at(2026, 8, 17, 4), "USD", "0.007 0.22 0.66"),
    ("deepseek-v4-flash", at(2026, 8, 17, 6), "USD", "0.014 0.44 1.32"),
    ("deepseek-v4-flash", at(2026, 8, 17, 10), "USD", "0.007 0.22 0.66"),
    ("deepseek-v4-pro", at(2026, 8, 17, 12), "USD", "0.022 0.66 1.98"),
    ("deepseek-v4-pro", at(2026, 8, 17, 9, 59, 59), "USD", "0.044 1.32 3.96"),
    ("deepseek-flash", at(2026, 9, 10, 4), "USD", "0.003 0.15 0.60"),
    ("deepseek-flash", at(2026, 9, 11, 2), "USD", "0.006 0.30 1.20"),
    ("deepseek-flash", at(2026, 9, 11, 12), "CNY", "0.02 1 4"),
    ("deepseek-v4-pro", at(2026, 9, 11, 12), "CNY", "0.15 4.5 13.5"),
    # Saturdays and Sundays, as China counts days, are off-peak since 2026-08-22T16:00Z; before, every day had its peak.
    ("deepseek-v4-flash", at(2026, 8, 22, 9), "USD", "0.014 0.44 1.32"),
    ("deepseek-v4-flash", at(2026, 8, 23, 2), "USD", "0.007 0.22 0.66"),
    ("deepseek-v4-flash", at(2026, 8, 24, 2), "USD", "0.014 0.44 1.32"),
    ("deepseek-v4-pro", at(2026, 8, 29, 2), "USD", "0.022 0.66 1.98"),
    ("deepseek-flash", at(2026, 9, 12, 2), "USD", "0.003 0.15 0.60"),
    ("deepseek-flash", at(2026, 9, 14, 2), "USD", "0.006 0.30 1.20"),
    # The retired models are billed as V4.1 from one second to the next, through aliases of aliases too.
    ("deepseek-v4-flash", at(2026, 9, 10, 3, 59, 59), "USD", "0.014 0.44 1.32"),
    ("deepseek-v4-flash", at(2026, 9, 10, 4), "USD", "0.003 0.15 0.60"),
    ("deepseek-v4-flash-vision-exp", at(2026, 9, 10, 3, 59, 59), "USD", "0.014 0.44 1.32"),
    ("deepseek-v4-flash-vision-exp", at(2026, 9, 10, 4), "USD", "0.003 0.15 0.60"),
    ("deepseek-chat", at(2026, 9, 10, 4), "USD", "0.003 0.15 0.60"),
    ("deepseek-reasoner", at(2026, 9, 10, 6), "USD", "0.006 0.30 1.20"),
    ("deepseek-v4-flash", at(2026, 11, 16, 7), "CNY", "0.04 2 8"),
    ("deepseek-v4-pro", at(2026, 9, 14, 3, 59, 59), "USD", "0.044 1.32 3.96"),
    # Public holidays of China are off-peak since 2026-09-19; a Saturday that is worked instead is a Saturday.
    ("deepseek-flash", at(2026, 9, 18, 9, 59, 59), "USD", "0.006 0.30 1.20"),
    ("deepseek-flash", at(2026, 9, 24, 2), "USD", "0.006 0.30 1.20"),
    ("deepseek-flash", at(2026, 9, 25, 2), "USD", "0.003 0.15 0.60"),
    ("deepseek-v4-pro", at(2026, 9, 25, 7), "CNY", "0.15 4.5 13.5"),
    ("deepseek-flash", at(2026, 10, 1, 1), "USD", "0.003 0.15 0.60"),
    ("deepseek-flash", at(2026, 10, 7, 9, 59), "USD", "0.003 0.15 0.60"),
    ("deepseek-flash", at(2026, 10, 8, 1), "USD", "0.006 0.30 1.20"),
    ("deepseek-v4-pro", at(2026, 10, 10, 2), "USD", "0.022 0.66 1.98"),
    ("deepseek-v4-pro", at(2026, 11, 30, 1), "USD", "0.044 1.32 3.96"),
    ("deepseek-v4-pro", at(2026, 11, 30, 4), "USD", "0.022 0.66 1.98"),
    ("deepseek-flash", at(2026, 11, 30, 0, 59, 59), "USD", "0.003 0.15 0.60"),
]
# tokens hit / miss / output, rates per million, total: worked by hand
BILLS = [
    ((0, 12, 1), "0.007 0.22 0.66", "0.0000033"),
    ((128, 72, 20), "0.022 0.66 1.98", "0.000089936"),
    ((1, 0, 0), "0.003625 0.435 0.87", "0.000000003625"),
    ((1_000_000, 1_000_000, 1_000_000), "0.0028 0.14 0.28", "0.4228"),
    ((7_040, 61, 300), "0.0028 0.14 0.28", "0.000112252"),
    ((64, 0, 4096), "0.014 0.14 0.28", "0.001147776"),
    ((999_999_999, 999_999_999, 999_999_999), "0.035 0.135 0.55", "719.99999928"),
]


@pytest.mark.parametrize(("model", "instant", "currency", "expected"), ROWS)
def test_price_at_an_instant(model, instant, currency, expected):
    row = specs.price(model, instant, currency)
    assert (row.hit, row.miss, row.output) == tuple(map(Decimal, expected.split()))
    assert row.rates(instant) == (row.hit, row.miss, row.output)
    assert row.source


@pytest.mark.parametrize(("tokens", "rates", "total"), BILLS)
def test_bills_to_the_last_digit(tokens, rates, total):
    assert bill(*tokens, specs.Rates(*map(Decimal, rates.split()))).total == Decimal(total)


def test_worked_example_with_the_clock():
    """The same tokens at noon and in the peak: peak is exactly double."""
    noon, peak = (bill(384, 67, 250, specs.price("deepseek-v4-flash", at(2026, 8, 20, hour))).total for hour in (12, 7))
    assert (noon, peak) == (Decimal("0.000182428"), 2 * noon)


@pytest.mark.parametrize(
    ("model", "instant", "currency"),
    [
        ("deepseek-chat", at(2024, 8, 1), "USD"),
        ("deepseek-coder", at(2024, 8, 10), "USD"),
        ("no-such-model", at(2026, 8, 20), "USD"),
        ("deepseek-v4-flash", at(2026, 8, 20), "EUR"),
    ],
)
def test_unknown_prices(model, instant, currency):
    with pytest.raises(specs.UnknownPriceError, match=f"no {currency} price of '{model}'") as error:
        specs.price(model, instant, currency)
    assert isinstance(error.value, KeyError)
    assert isinstance(error.value, specs.SpecError)


def test_a_naive_instant_is_refused():
    with pytest.raises(ValueError, match="needs a time zone"):
        specs.price("deepseek-chat", datetime(2026, 8, 20))


@pytest.mark.parametrize("profile", specs.PROFILES)
def test_every_model_of_a_profile_has_a_price_when_it_stands(profile):
    when = specs.profile(profile).priced_at
    limits = specs.limits(profile)
    assert all(specs.price(model, when).output > 0 for model in (*limits.models, *limits.aliases))


def test_windows_are_shut_when_profiles_are_priced():
    for profile in map(specs.profile, specs.PROFILES):
        for row in price_list():
            assert row.rates(profile.priced_at) == (row.hit, row.miss, row.output)


def test_aliases_end():
    old = next(alias for alias in aliases() if alias.until)
    assert resolve(old.name, old.since) == old.model
    assert resolve(old.name, old.until) == old.name


# An instant, and the rates of the day that follows it, the first one first.
AHEAD = [
    ("deepseek-flash", at(2026, 11, 28, 2), ["0.003"]),  # Saturday, and Sunday until 02:00
    ("deepseek-flash", at(2026, 11, 29, 2), ["0.003", "0.006"]),  # Sunday, and the peak of Monday
    (
        "deepseek-flash",
        at(2026, 11, 29, 23, 59),
        ["0.003", "0.006"],
    ),  # the last minute of Sunday: the coming day counts
    ("deepseek-flash", at(2026, 10, 2, 2), ["0.003"]),  # holidays
    ("deepseek-flash", at(2026, 11, 30, 7), ["0.006", "0.003"]),
    ("deepseek-v4-flash", at(2026, 9, 9, 12), ["0.007", "0.014", "0.003", "0.006"]),  # the switch lies in it
]


@pytest.mark.parametrize(("model", "instant", "hits"), AHEAD)
def test_what_a_run_may_run_into(model, instant, hits):
    found = specs.rates_ahead(model, instant)
    assert [rates.hit for rates in found] == [Decimal(hit) for hit in hits]
    assert dearest(model, instant).hit == max(map(Decimal, hits))


def test_a_year_without_a_list_of_holidays_is_billed_as_if_it_had_none_and_says_so():
    spring = at(2027, 2, 8, 2)  # a Monday in the week of the Spring Festival, which nobody has announced
    assert specs.price("deepseek-flash", spring).hit == Decimal("0.006")
    assert "public holidays of 2027 are not known (the list ends with 2026)" in specs.caution("deepseek-flash", spring)
    assert specs.caution("deepseek-v4-flash", spring) is not None
    last = at(2026, 12, 31, 15, 59, 59)  # in China the year ends here
    assert specs.caution("deepseek-flash", last) is None
    assert specs.caution("deepseek-flash", last + timedelta(seconds=1)) is not None
    assert specs.caution("deepseek-v4-flash", at(2026, 8, 17)) is None
    assert specs.caution("somebody-elses", spring) is None


def test_what_is_billed_by_use_has_its_place_in_the_bill():
    when = at(2026, 11, 2, 12)
    uses = use_cost({"web-search": 3, "fetch": 1}, when)
    assert uses == Decimal("0.003")
    whole = bill(0, 1_000_000, 0, specs.price("deepseek-flash", when), uses)
    assert (whole.uses, whole.total) == (uses, Decimal("0.153"))
    with pytest.raises(specs.UnknownPriceError, match="use 'web-search'"):
        use_cost({"web-search": 1}, at(2026, 10, 31, 23, 59, 59))
    with pytest.raises(specs.UnknownPriceError, match="use 'search'"):
        use_cost({"search": 1}, at(2026, 10, 16, 23, 59, 59))
