"""Usage arithmetic and exact bills."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.wire.formats import CHAT
from echosounder.wire.prices import bill, bill_usage
from echosounder.wire.usage import Usage, disagreements

GOOD = {
    "prompt_tokens": 84,
    "completion_tokens": 5,
    "total_tokens": 89,
    "prompt_cache_hit_tokens": 64,
    "prompt_cache_miss_tokens": 20,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def test_every_member_is_read():
    assert CHAT.usage(GOOD) == Usage(84, 5, 89, 64, 20, 64, 2)


@pytest.mark.parametrize("value", [None, [], "7", 7])
def test_what_is_no_object_is_no_usage(value):
    assert CHAT.usage(value) is None


@pytest.mark.parametrize("value", [None, "5", 5.0, True, []])
def test_what_is_no_integer_is_no_count(value):
    assert CHAT.usage(GOOD | {"completion_tokens": value}).completion is None


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({}, []),
        ({"total_tokens": 90}, ["/total_tokens"]),
        ({"prompt_cache_hit_tokens": 63}, ["/prompt_tokens", "/prompt_tokens_details/cached_tokens"]),
        (
            {"completion_tokens": -5, "total_tokens": 79},
            ["/completion_tokens", "/completion_tokens_details/reasoning_tokens"],
        ),
        ({"prompt_tokens_details": None}, []),
        ({"prompt_tokens_details": {"cached_tokens": 0}}, ["/prompt_tokens_details/cached_tokens"]),
        ({"completion_tokens_details": {"reasoning_tokens": 6}}, ["/completion_tokens_details/reasoning_tokens"]),
    ],
)
def test_sums_that_do_not_add_up_are_named(change, pointers):
    assert [pointer for pointer, _ in disagreements(CHAT.usage(GOOD | change), CHAT.grammar.counts)] == pointers


@dataclass
class Rates:
    hit: Decimal
    miss: Decimal
    output: Decimal


FLASH = Rates(Decimal("0.0028"), Decimal("0.14"), Decimal("0.28"))


def test_a_bill_is_exact_to_the_last_digit():
    paid = bill(1, 1, 1, FLASH)
    assert (paid.hit, paid.miss, paid.output) == (Decimal("0.0000000028"), Decimal("0.00000014"), Decimal("0.00000028"))
    assert paid.total == Decimal("0.0000004228")


def test_a_dialect_without_the_split_is_billed_by_cached_tokens():
    openai = Usage(prompt=100, completion=1, cached=60)
    assert bill_usage(openai, FLASH) == bill(60, 40, 1, FLASH)


TOKENS, PRICE = st.integers(0, 10**12), st.decimals(0, 100, places=6)


@given(TOKENS, TOKENS, TOKENS, TOKENS, st.builds(Rates, PRICE, PRICE, PRICE))
def test_bills_add_up_whatever_way_requests_are_grouped(hit, miss, output, more, rates):
    whole = bill(hit + more, miss + more, output + more, rates).total
    assert whole == bill(hit, miss, output, rates).total + bill(more, more, more, rates).total
