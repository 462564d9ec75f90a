"""What people read of a verified bill: sentences exact to the last digit, and figures that show what is wrong."""

import re

import pytest

from echosounder.reports import bill

POINTS = [
    {"name": "document 1: cold", "expected": 0, "most": 7, "reported": 0},
    {"name": "document 2: warm", "expected": 896, "most": 991, "reported": 896},
    {"name": "two users 1: second", "expected": 0, "most": 7, "reported": 512},
    {"name": "two users 2: again", "expected": 512, "most": 600, "reported": 0},
]


def report(**cost):
    return {
        "cost": {
            "usd": "0.010934176",
            "usd_without_cache": "0.02",
            "balance_delta": "0.010934176",
            "unexplained": "0",
            "unit": "0.000000001",
            "currency": "USD",
            "unverified": None,
            "causes": [],
            "entries": [{"name": "document 1", "requests": 1, "billed": "0.01", "fell": None, "unexplained": None}],
            "waterfall": [
                {"label": label, "amount": amount}
                for label, amount in zip(
                    ("prompts", "saved", "answers", "unexplained", "taken"),
                    ("0.02", "-0.01", "0.001", "0", "0.011"),
                    strict=True,
                )
            ],
            **cost,
        },
        "cache": {
            "prompt_tokens": 100,
            "hit_tokens": 50,
            "granularity": 128,
            "settle_s": 0.5,
            "model": "prefix-units",
            "confusion": {"prefix-units": {"as-expected-hit": 1, "withheld": 0}},
            "leaks": [],
            "latency": {"saved_ms": 80.0, "saved_ci": [70.0, 90.0], "p": 0.001},
            "points": POINTS,
        },
        "requirements": [
            {"id": "cache.user-id-isolates", "findings": [{"message": "prompts leak"}, {"message": "again"}]}
        ],
    }


SAID = [
    ({}, "The bill: 0.010934176 USD, 45.3 % less than without the cache (0.020000000 USD)"),
    (
        {},
        "Taken from the balance: 0.010934176 USD; unexplained: 0.000000000 USD; the bill explains it to the last digit",
    ),
    ({"unit": "0.01", "coarse": True}, "The balance shows no amount below 0.01: within that, nothing can be verified"),
    ({"unexplained": "0.000000000093"}, "unexplained: 0.000000000093 USD; the bill does not explain it"),
    ({"unverified": "there is no balance"}, "Not verified: there is no balance"),
    ({"clock_skew_s": -7200.0}, "The target's clock is 7,200 s behind ours"),
    ({}, "50 of 100 tokens hit in multiples of 128, 0.5 s after the answer; 1 hit as promised; none leaked"),
    ({}, "Cache hits cut TTFT by 80 ms (95 % CI 70 to 90, p = 0.001)"),
    ({}, "✗ cache.user-id-isolates: prompts leak (and 1 more)"),
    (
        {
            "causes": [
                {"name": "drift", "requirement": "balance.charged", "says": "it drifts", "entries": ["document 1"]}
            ]
        },
        "✗ drift, balance.charged: it drifts (1 of 1 groups)",
    ),
]


@pytest.mark.parametrize(("cost", "said"), SAID)
def test_a_fact_a_line(cost, said):
    assert said in "\n".join(bill.lines(report(**cost)))


def test_nothing_is_said_of_other_loads():
    other = {"cost": {"usd": "1"}, "cache": {}}
    assert list(bill.lines(other)) == []
    assert bill.section(other) == ""


def test_the_page_marks_what_lies_outside_of_its_band():
    page = bill.section(report())
    assert re.findall(r"<path [^>]*stroke:var\(--(\w+)\)", page) == ["bad", "warn"]
    assert "two users 1: second: 512 reported, 0 promised, at most 7: more than can be" in page


@pytest.mark.parametrize(("rest", "tone"), [("0", "idle"), ("0.004", "bad"), ("-0.004", "bad")])
def test_the_waterfall_ends_where_the_steps_lead(rest, tone):
    made = report(
        waterfall=[
            *report()["cost"]["waterfall"][:3],
            {"label": "unexplained", "amount": rest},
            {"label": "taken", "amount": str(0.011 + float(rest))},
        ]
    )
    page = bill.waterfall(made["cost"])
    bars = [(float(x), float(wide)) for x, wide in re.findall(r'<rect x="([\d.]+)" y="\d+" width="([\d.]+)"', page)]
    (x, wide), (total, length) = bars[3], bars[4]
    end = x if rest.startswith("-") else x + wide
    assert total + length == pytest.approx(end, abs=1.2)
    assert f"fill:var(--{tone})" in page
