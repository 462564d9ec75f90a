"""The arithmetic of a bill, function by function: edges in tables, and the same figure by another formula."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations, pairwise, product
from math import comb
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echosounder import specs
from echosounder.judgement.bill import BillCause, Role
from echosounder.load.experiment.script import Stopped
from echosounder.load.options import Options
from echosounder.load.pricing import FAULT, GROUPS, BillGoal, _capped, _why, known, plan, seen_after
from echosounder.load.pricing.chains import BASE, chains
from echosounder.load.pricing.diagnose import causes
from echosounder.load.pricing.evidence import confusion
from echosounder.load.pricing.first_tokens import compared
from echosounder.load.pricing.hang_ups import HangUpBilling, HangUps
from echosounder.load.pricing.hypotheses import difference, hypotheses
from echosounder.load.pricing.lab import OUTPUT, SKEW, BillRequest, BillState, ServedRequest
from echosounder.load.pricing.ledger import Balance, Charge, Entry, merged, money, settled
from echosounder.load.pricing.oracle import BLOCKS, UNITS, Scale, Scope
from echosounder.load.pricing.prompts import PER_MESSAGE, TEMPLATE, Message, Prompt, PromptJobs, returned
from echosounder.load.pricing.report import answer, objectives, unexplained, waterfall
from echosounder.load.pricing.tariff import Tariff
from echosounder.load.pricing.verifiable import unverified
from echosounder.wire.errors import UsageError
from echosounder.wire.usage import Usage
from echosounder.wire.verdict import Finding, Result, Verdict

WHEN = datetime(2026, 8, 17, 12, tzinfo=UTC)
RATES = specs.Rates(Decimal(1), Decimal(10), Decimal(100))  # millionths: so a token is one, ten or a hundred of them
PICO = Decimal("1e-6")
FINE = Decimal("1e-9")


def charge(hit=0, miss=0, output=0, stream=False, rates=RATES, **usage):
    usage = {"prompt": hit + miss, "completion": output, "hit": hit, "miss": miss} | usage
    return Charge("c", Usage(**usage), stream, WHEN, (rates,))


def entry(name, charges, over=0, unit=FINE, unknown=0):
    """Between two balances that fell by the bill, and by *over* millionths more."""
    made = Entry(name, list(charges), Balance("USD", Decimal(10), unit), unit=unit, unknown=unknown)
    made.after = Balance("USD", 10 - sum(each.amount for each in charges) - over * PICO, unit)
    return made


def chained(*rows):
    """Entries one after the other: each begins with the balance that the one before ended with."""
    left = Decimal(10)
    for made in rows:
        fell, made.before = made.fell, replace(made.before, total=left)
        made.after = replace(made.after, total=left - fell)
        left -= fell
    return list(rows)


# ------------------------------------------------------------------------------------------------------ what was used

CHARGED = [
    # usage -> hit, miss, output, millionths
    ({"prompt": 7, "completion": 2, "hit": 3, "miss": 4}, (3, 4, 2), 243),
    (
        {"prompt": 7, "completion": 2, "hit": 0, "cached": 5},
        (0, 7, 2),
        270,
    ),  # the split counts, not the other name of a hit
    ({"prompt": 7, "completion": 2, "cached": 5}, (5, 2, 2), 225),
    ({"prompt": 7, "completion": 2}, (0, 7, 2), 270),
    (
        {"prompt": 3, "completion": 0, "hit": 5},
        (5, 0, 0),
        5,
    ),  # more hits than prompt: nothing is missed, and nothing paid back
    ({"completion": 1}, (0, 0, 1), 100),
    ({}, (0, 0, 0), 0),
]


@pytest.mark.parametrize(("usage", "tokens", "amount"), CHARGED)
def test_what_a_request_is_charged_for(usage, tokens, amount):
    made = Charge("c", Usage(**usage), False, WHEN, (RATES,))
    assert (made.hit, made.miss, made.output) == tokens
    assert made.amount == amount * PICO
    assert made.uncached == ((tokens[0] + tokens[1]) * 10 + tokens[2] * 100) * PICO


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, None),
        ("0", "0"),
        ("0.00", "0"),
        ("100", "100"),
        ("1.50", "1.5"),
        ("-0.10", "-0.1"),
        ("1E+2", "100"),
        ("1E-7", "0.0000001"),
    ],
)
def test_money_is_written_without_exponent_and_zeros_at_the_end(amount, text):
    assert money(None if amount is None else Decimal(amount)) == text


def test_the_rule_of_rates_counts_that_comes_nearest_to_the_charge():
    """Two clocks, two rates: the bill is the one by which least is left, from either side."""
    both = replace(charge(miss=1), rates=(RATES, specs.Rates(Decimal(2), Decimal(20), Decimal(200))))
    for fell, billed in ((9, 10), (14, 10), (16, 20), (25, 20)):
        made = Entry("e", [both], Balance("USD", Decimal(1), FINE), Balance("USD", 1 - fell * PICO, FINE), unit=FINE)
        assert (made.billed, made.remainder) == (billed * PICO, (fell - billed) * PICO)
    assert Entry("e", [both]).billed == 10 * PICO
    assert Entry("e", [both]).remainder is None
    assert Entry("e", [both], unknown=1, before=made.before, after=made.after).remainder is None
    assert Entry("e").bills == [0]


def test_entries_put_together_reach_from_the_first_balance_to_the_last():
    one = replace(entry("a", [charge(miss=1)], unknown=1), roles=frozenset({Role.TIMED}))
    two = replace(entry("b", [charge(miss=2)], 3, unknown=2), roles=frozenset({Role.THIRD}))
    both = merged([one, two])
    assert (both.name, both.before, both.after, both.unknown) == ("a to b", one.before, two.after, 3)
    assert (both.roles, [each.miss for each in both.charges]) == ({Role.TIMED, Role.THIRD}, [1, 2])
    assert (merged([one]).name, merged([one], "all").name) == ("a", "all")


ENTRIES = [
    # millionths that each entry was overcharged -> how many entries are put together
    ([0, 0, 0], [1, 1, 1]),
    ([5, -5, 0], [2, 1]),
    ([0, 5, -5], [1, 2]),
    ([5, 0, -5, 0], [3, 1]),
    ([5, 5, -10], [3]),
    ([5, 0, 0], [1, 1, 1]),  # nothing gives it back: it stays where it is
    ([5, None, -5], [1, 1, 1]),  # what is unknown is no bridge
    ([], []),
]


@pytest.mark.parametrize(("over", "lengths"), ENTRIES)
def test_the_shortest_run_of_entries_that_adds_up_is_one(over, lengths):
    rows, left = [], Decimal(10)
    for index, each in enumerate(over):
        before, left = left, left - 10 * PICO - (each or 0) * PICO
        made = Entry(str(index), [charge(miss=1)], Balance("USD", before, FINE), Balance("USD", left, FINE), unit=FINE)
        rows.append(replace(made, unknown=1) if each is None else made)
    assert [len(each.charges) for each in settled(rows)] == lengths


# -------------------------------------------------------------------------------------------------------- hypotheses

HIT, MISS, OUT = 1, 10, 100
ONE = charge(3, 5, 7, reasoning=2)
# what may be wrong with the bill of ONE -> millionths that it takes too many
EXTRAS = {
    "hit-billed-as-miss": {3 * (MISS - HIT)},
    "miss-billed-as-hit": {-5 * (MISS - HIT)},
    "wrong-price-window": {3 * 2 + 5 * 20 + 7 * 200 - (3 * HIT + 5 * MISS + 7 * OUT)},
    "off-by-one-token": {HIT, -HIT, MISS, -MISS, OUT, -OUT},
    "output-billed-as-miss": {-7 * (OUT - MISS)},
    "miss-billed-as-output": {5 * (OUT - MISS)},
    "output-billed-as-hit": {-7 * (OUT - HIT)},
    "hit-billed-as-output": {3 * (OUT - HIT)},
    "hit-billed-twice": {3 * MISS, 3 * HIT},
    "hit-not-billed": {-3 * HIT},
    "miss-billed-twice": {5 * MISS},
    "miss-not-billed": {-5 * MISS},
    "output-billed-twice": {7 * OUT},
    "output-not-billed": {-7 * OUT},
    "charged-twice": {3 * HIT + 5 * MISS + 7 * OUT},
    "not-charged": {-(3 * HIT + 5 * MISS + 7 * OUT)},
    "reasoning-charged-twice": {2 * OUT},
    "rounded-charges": {1000 - 753, -753},  # to thousandths: up, and half to even; down
    "drift": {1000, -1000},
}


def test_each_hypothesis_takes_what_its_name_says():
    row = replace(entry("e", [ONE]), unit=Decimal("0.001"))
    other = specs.Rates(Decimal(2), Decimal(20), Decimal(200))
    found: dict[str, set] = {}
    for each in hypotheses([row], lambda charge: [("peak", other)]):
        if not each.narrow:
            found.setdefault(each.cause.name, set()).add(each.extras[0] / PICO)
    assert found == EXTRAS


@pytest.mark.parametrize(("stream", "prefix"), [(True, "stream-"), (False, "document-")])
def test_a_hypothesis_on_some_requests_leaves_the_others(stream, prefix):
    rows = [entry("a", [charge(3, stream=stream)]), entry("b", [charge(4, stream=not stream)])]
    found = {each.cause.name: each for each in hypotheses(rows, lambda charge: [])}
    assert found[f"{prefix}hit-billed-as-miss"].extras == (27 * PICO, 0)
    assert found[f"{prefix}hit-billed-as-miss"].narrow
    assert found[f"{prefix}hit-billed-as-miss"].cause.requirement == "balance.stream-same-price"
    assert found["hit-billed-as-miss"].extras == (27 * PICO, 36 * PICO)


def test_a_hit_as_a_miss_costs_the_difference():
    assert [difference(tokens, RATES) for tokens in (0, 1, 7)] == [0, 9 * PICO, 63 * PICO]


A, B = charge(2, 3, 5), charge(7, 11, 13, stream=True)
CAUSED = [
    # millionths beyond the bills of A, of B, of both -> the causes that are named
    ((0, 0, 0), []),
    ((18, 63, 81), ["hit-billed-as-miss"]),
    ((-27, -99, -126), ["miss-billed-as-hit"]),
    ((100, 100, 200), ["off-by-one-token"]),
    ((-10, -10, -20), ["off-by-one-token"]),
    ((266, 708.5, 974.5), ["other-price"]),  # half as much again
    ((0, 63, 63), ["stream-hit-billed-as-miss"]),
    ((18, 0, 18), ["document-hit-billed-as-miss"]),
    ((17.5, 17.5, 35), ["fee"]),
    ((118, 163, 281), ["hit-billed-as-miss", "off-by-one-token"]),
    ((0.001, 0.001, 0.002), ["drift"]),
    ((18.0123, 63.4567, 81.9), ["unexplained"]),
]


@pytest.mark.parametrize(("over", "names"), CAUSED)
def test_causes_are_the_fewest_that_come_out_everywhere(over, names):
    groups = ([A], [B], [A, B])
    rows = [entry(name, group, Decimal(str(each))) for name, group, each in zip("abc", groups, over, strict=True)]
    rows = chained(*rows)
    found = causes(rows, lambda charge: [])
    assert [each.name for each in found] == names
    if names == ["fee"]:
        assert "charged 0.0000175 more, however" in found[0].says
    if names == ["other-price"]:
        assert "charged 1.5 times what they cost" in found[0].says
    if names == ["unexplained"]:
        assert found[0].says.startswith("0.0001633690 more than the bill was ")
        assert found[0].entries == ("a", "b", "c")


SOME = [
    # millionths beyond the bill of ten requests of 64 hits, 3 misses and 2 tokens of output -> cause
    (7 * 100, "off-by-one-token"),  # some, not all, of ten
    (-3 * 10, "off-by-one-token"),
    (10 * 100 + 100, "unexplained"),  # eleven of ten
    (64 * 9, "hit-billed-as-miss"),
    (640 * 9 + 576, "unexplained"),  # more than all hits
    (-27 * 9, "miss-billed-as-hit"),
    (0.003, "drift"),
    (-0.010, "drift"),
    (0.011, "unexplained"),
]


@pytest.mark.parametrize(("over", "name"), SOME)
def test_some_requests_can_account_for_some_tokens_and_no_more(over, name):
    others = (charge(64, 4, 2), charge(128, 1, 3), charge(0, 9, 1, stream=True), charge(64, 2, 9, stream=True))
    rows = chained(entry("a", [charge(64, 3, 2)] * 10, Decimal(str(over))), *(entry("b", [each]) for each in others))
    found = causes(rows, lambda charge: [])
    assert [(each.name, each.entries) for each in found] == [(name, ("a",))]


# ------------------------------------------------------------------------------------------------------------- report


def evidence(entries, found=(), counted=(), **lab):
    lab = SimpleNamespace(
        accountant=SimpleNamespace(available=True, status=200), tariff=SimpleNamespace(currency="USD"), **lab
    )
    told = any(each.explained is not None for each in entries)
    return SimpleNamespace(entries=entries, lab=lab, told=told, causes=found, disturbed=False, counted=counted)


def test_the_waterfall_ends_at_what_was_taken():
    rows = chained(entry("a", [charge(3, 5, 7)], 4), entry("b", [charge(2, 0, 1)], -1))
    amounts = [Decimal(each["amount"]) / PICO for each in waterfall(evidence(rows))]
    assert amounts == [100, -45, 800, 3, 858]
    assert sum(amounts[:-1]) == amounts[-1] == sum(each.fell for each in rows) / PICO
    assert waterfall(evidence(rows))[-1]["label"] == "taken"
    assert waterfall(evidence([Entry("a", [charge(1)])]))[-1]["label"] == "billed"


@pytest.mark.parametrize(
    ("over", "rest"), [((4, -1), 5), ((0, 0), 0), ((4, -4), 8), ((Decimal("0.0009"), 0), 0), ((None, 3), 3)]
)
def test_faults_do_not_cancel_out(over, rest):
    rows = chained(entry("a", [charge(3)], over[0] or 0, unknown=over[0] is None), entry("b", [charge(2)], over[1]))
    assert unexplained(evidence(rows)) == rest * PICO


def test_nothing_is_unexplained_without_a_balance():
    assert unexplained(evidence([Entry("a", [charge(1)])])) is None


def test_what_each_entry_hides_shows_in_the_sum():
    """Three times 0.4 of the smallest unit, in three entries next to each other: more than one unit together."""
    rows, left = [], Decimal(10)
    for name in "abc":
        before, left = left, left - 10 * PICO - Decimal("0.4e-9")
        rows.append(Entry(name, [charge(miss=1)], Balance("USD", before, FINE), Balance("USD", left, FINE), unit=FINE))
    assert [each.explained for each in rows] == [True] * 3
    assert unexplained(evidence(rows)) == Decimal("1.2e-9")


def test_the_sentence_on_a_bill_names_the_worst_first():
    right, cause = entry("a", [charge(3)] * 2), BillCause("fee", "a fee", "balance.charged", ("a",))
    failed = Result("cache.discount", Verdict.FAIL, (Finding("cache.discount", "no discount"),))
    passed = Result("cache.discount", Verdict.PASS)
    assert answer(evidence([right]), [passed]) == {
        "verdict": "right", "says": "The bill is right: 0.000006 USD for 2 requests"}  # fmt: skip
    assert answer(evidence([right]), [failed])["says"] == "The bill does not follow the rules: no discount"
    assert answer(evidence([right], [cause]), [failed])["says"] == "The bill is wrong: a fee"
    assert answer(evidence([right], [cause] * 3), [])["says"] == "The bill is wrong: a fee (and 2 more)"
    assert answer(evidence([]), [])["verdict"] == "unverified"


@pytest.mark.parametrize(
    ("short", "due", "met"), [(0, 10, True), (1, 100, True), (2, 100, True), (5, 10, False), (10, 10, False)]
)
def test_objectives_of_a_bill_have_values(short, due, met):
    billed = SimpleNamespace(wanting=([1] * due, [1] * short), invented=[1], leaked=[])
    told = objectives(evidence([entry("a", [charge(1)])], counted=[1]), billed)
    found = {each["expr"].split("=")[0].rstrip("<"): each for each in told}
    assert found["withheld_hits"]["value"] == short / due
    assert found["withheld_hits"]["met"] is met
    assert (found["invented_hits"]["value"], found["invented_hits"]["met"]) == (1, False)
    assert (found["leaked_hits"]["value"], found["leaked_hits"]["met"]) == (0, True)
    assert (found["unexplained"]["value"], found["unexplained"]["met"]) == (0.0, True)


@pytest.mark.parametrize(
    ("promised", "most", "hit", "cell"),
    [
        (0, 4, 0, "as-expected-miss"),
        (128, 200, 128, "as-expected-hit"),
        (128, 200, 0, "withheld"),
        (128, 200, 64, "partly"),
        (128, 200, 129, "more"),
        (128, 200, 200, "more"),
        (128, 200, 201, "invented"),
        (0, 4, 4, "more"),
        (0, 4, 5, "invented"),
    ],
)
def test_a_hit_is_in_one_cell_of_the_table(promised, most, hit, cell):
    one = SimpleNamespace(expected=SimpleNamespace(promised={BLOCKS: promised, UNITS: promised}, most=most), hit=hit)
    table = confusion(SimpleNamespace(counted=[one]))
    assert [{name for name, times in row.items() if times} for row in table.values()] == [{cell}, {cell}]


# ------------------------------------------------------------------------------------------------- prompts and oracle


def test_a_path_counts_what_stands_before_each_piece():
    """Three tokens may stand before each message; an answer that is sent back may be counted a quarter, and two, otherwise."""
    path = Prompt((Message("user", "a b", 2), returned("an answer", 20), Message("user", "c", 1))).path()
    assert path.texts == ("\0user", "a", "b", "\0assistant", "\0an answer", "\0user", "c")
    assert path.least == [0, 1, 2, 2, 15, 15, 16]
    assert path.most == [3, 4, 5, 8, 35, 38, 39]
    assert PER_MESSAGE == 3
    assert Prompt((returned("x", 1),)).path().least == [0, 0]


SCALES = [
    # unit, overhead, per word, tokens in common, tokens of the prompt -> promise, most
    (64, 4, (1.0, 1.0), 63, 500, 0, 67),
    (64, 4, (1.0, 1.0), 64, 500, 64, 68),
    (64, 4, (1.0, 1.0), 127, 500, 64, 131),
    (64, 4, (1.0, 1.0), 128, 128, 128, 132),
    (64, 0, (1.0, 1.0), 128, 128, 64, 128),  # the last token of a prompt is read
    (64, 1, (1.0, 1.0), 128, 128, 128, 129),
    (1, 4, (1.0, 1.0), 63, 500, 0, 67),  # below which nothing was ever cached
    (1, 4, (1.0, 1.0), 65, 500, 65, 69),
    (64, 4, (0.5, 2.0), 128, 500, 64, 260),
    (64, 4, (0.5, 2.0), 127, 500, 0, 258),
]


@pytest.mark.parametrize(("unit", "overhead", "per_word", "tokens", "size", "promise", "most"), SCALES)
def test_a_promise_is_rounded_down_and_the_most_is_not(unit, overhead, per_word, tokens, size, promise, most):
    scale = Scale(unit, overhead, per_word=per_word)
    assert scale.promise(tokens, Prompt((Message("user", "", size),))) == promise
    assert scale.most(tokens) == most


def test_a_job_is_bounded_by_its_prompt_and_a_template():
    jobs, prompt = PromptJobs("deepseek-v4-flash", "2026-08"), Prompt((Message("user", "a b", 2),))
    chat, fim = jobs.chat(prompt, "n", 5, stream=True), jobs.fim(prompt.messages[0], "n", 6)
    assert (chat.ceiling_tokens, fim.ceiling_tokens) == (2 + TEMPLATE,) * 2
    assert (chat.stream, chat.prompt_tokens, chat.max_tokens, chat.name) == (True, 2, 5, "n")
    assert (fim.stream, fim.prompt_tokens, fim.max_tokens) == (False, 2, 6)
    assert b'"temperature":0' in chat.body.replace(b" ", b"")
    balance = jobs.balance()
    assert (balance.path, balance.body, balance.stream, balance.prompt_tokens, balance.max_tokens) == (
        "/user/balance", b"", False, 0, 0)  # fmt: skip


@pytest.mark.parametrize(
    ("usage", "hit"),
    [(None, None), (Usage(), None), (Usage(hit=0, cached=5), 0), (Usage(cached=5), 5), (Usage(hit=3), 3)],
)
def test_a_request_hits_what_its_usage_says(usage, hit):
    assert ServedRequest("e", BillRequest("n", Prompt(())), None, usage, "").hit == hit


@pytest.mark.parametrize(
    ("sent", "first", "ms"), [(1_000_000, 3_500_000, 2.5), (None, 3, None), (3, None, None), (0, 0, 0.0)]
)
def test_a_first_token_is_timed_from_its_sending(sent, first, ms):
    outcome = SimpleNamespace(sample=SimpleNamespace(t_sent=sent, t_first_token=first))
    assert ServedRequest("e", BillRequest("n", Prompt(())), outcome, None, "").ttft_ms == ms


def lab(**settings):
    made = BillState(BillGoal(), PromptJobs("deepseek-v4-flash"), Tariff("deepseek-v4-flash", "2026-08", "USD"), None)
    return replace_all(made, settings)


def replace_all(made, settings):
    for name, value in settings.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(("same", "account"), [(None, 0), (True, 0), (False, 1)])
def test_two_keys_are_two_caches_only_where_their_balances_are_two(same, account):
    outcome = SimpleNamespace(sent=1.0, closed=None, answered=2.0)
    prompt = Prompt((Message("user", "a", 1),))
    seen = lab(same_account=same).seen(
        ServedRequest("e", BillRequest("n", prompt, key=1, user_id="u"), outcome, Usage(completion=3), "said")
    )
    assert (seen.scope, seen.sent, seen.closed) == (Scope(account, "u"), 1.0, 2.0)
    assert seen.answered == prompt.then(returned("said", 3))


@pytest.mark.parametrize(
    ("skew", "agree"),
    [(None, True), (SKEW, True), (-SKEW, True), (SKEW + timedelta(seconds=1), False), (-2 * SKEW, False)],
)
def test_clocks_agree_within_a_minute(skew, agree):
    assert lab(skew=skew).clocks_agree is agree


# -------------------------------------------------------------------------------------------- worst case and patience


def test_the_worst_case_is_everything_at_its_dearest():
    tariff = Tariff("m", "2026-08", "USD", RATES)
    goal = BillGoal(bulk=10, pairs=3, latency_tokens=1000, seconds=60.0)
    planned = plan(goal, tariff)
    requests = GROUPS + 2 * 3 + 10
    prompts = GROUPS * (BASE + TEMPLATE) + 6 * (1000 + TEMPLATE) + 10 * (BASE // 2)
    assert (planned.requests, planned.seconds) == (requests, 60.0)
    assert planned.ceiling == (prompts * MISS + 2 * OUTPUT * requests * OUT) * PICO


@pytest.mark.parametrize(
    ("budget", "planned", "kept"), [(None, "3", "3"), ("2", "3", "2"), ("5", "3", "3"), ("5", None, "5")]
)
def test_the_lower_of_budget_and_ceiling_is_the_cap(budget, planned, kept):
    options = replace(Options("http://127.0.0.1:1"), budget_usd=budget)
    made = _capped(options, SimpleNamespace(ceiling=planned and Decimal(planned)), RATES)
    assert made.budget_usd == kept


def test_a_budget_pays_for_the_first_request_or_nothing_is_sent():
    least = ((BASE + TEMPLATE) * MISS + OUTPUT * OUT) * PICO
    plain = Options("http://127.0.0.1:1")
    just = replace(plain, budget_usd=format(least, "f"))
    assert _capped(just, SimpleNamespace(ceiling=None), RATES).budget == least
    with pytest.raises(UsageError, match="does not pay for the first request"):
        _capped(replace(plain, budget_usd=format(least - FINE, "f")), SimpleNamespace(ceiling=None), RATES)


@pytest.mark.parametrize(("requests", "says"), [(1, ""), (2, "2 requests"), (250, "250 requests")])
def test_so_many_requests_show_a_fault_of_one_percent(requests, says):
    """A balance of so large a digit that a hundredth of that many usual requests comes to it."""
    usual = ((BASE + TEMPLATE) * MISS + OUTPUT * OUT) * PICO
    for unit in (usual * FAULT * requests, usual * FAULT * (requests - Decimal("0.5"))):
        assert (f"after {says} of {BASE} tokens" in seen_after(unit, RATES)) is bool(says)
    assert seen_after(Decimal("0.01"), specs.Rates(*[Decimal(0)] * 3)) == ""


STOPS = [
    (None, None, None),
    ("budget", None, "budget"),
    (None, "unverified", "unverified"),
    ("refused", "unverified", "refused"),
]


@pytest.mark.parametrize(("stopped", "nothing", "kind"), STOPS)
def test_why_there_is_no_verdict(stopped, nothing, kind):
    found = _why(*(each and Stopped(each, f"because of {each}") for each in (stopped, nothing)))
    assert (found and found.kind) == kind


def test_a_price_that_nobody_knows_is_named_with_what_to_do():
    with pytest.raises(UsageError, match=r"no USD price of 'nobody' is known.*--price HIT,MISS,OUTPUT"):
        known(Tariff("nobody", "2026-08", "USD"))
    assert known(Tariff("nobody", "2026-08", "USD", RATES)) == RATES


UNVERIFIED = [
    ({"disturbed": True}, "another client uses the account"),
    ({"available": False, "status": 200}, "tells no USD"),
    ({"available": False, "status": 404}, "is answered with 404"),
    ({"told": False, "unknown": 1}, "do not report usage"),
    ({"told": False}, "before anything was charged"),
    ({}, ""),
]


@pytest.mark.parametrize(("change", "says"), UNVERIFIED)
def test_why_a_bill_is_not_verified(change, says):
    change = {"disturbed": False, "available": True, "status": 200, "told": True, "unknown": 0} | change
    accountant = SimpleNamespace(available=change["available"], status=change["status"])
    made = SimpleNamespace(
        disturbed=change["disturbed"],
        told=change["told"],
        causes=(),
        entries=[entry("a", [charge(3)], unknown=change["unknown"])],
        lab=SimpleNamespace(accountant=accountant, tariff=SimpleNamespace(currency="USD")),
    )
    assert says in unverified(made)
    assert bool(unverified(made)) is bool(says)


# ----------------------------------------------------------------------------------------------- hang-ups, first token


@pytest.mark.parametrize(
    ("taken", "billed", "tokens"),
    [
        (0, HangUpBilling.NOTHING, -0.1),
        (30, HangUpBilling.PART, 0.05),
        (2020, HangUpBilling.WHOLE, 10),
        (2020 + 99, HangUpBilling.WHOLE, 10.495),
        (2020 + 100, HangUpBilling.MORE, 10.5),
        (2020 - 99, HangUpBilling.WHOLE, 9.505),
        (2020 - 100, HangUpBilling.PART, 9.5),
    ],
)
def test_two_hang_ups_are_billed_by_the_token(taken, billed, tokens):
    """Two streams of a prompt for ten and ten tokens for a thousand millionths."""
    made = HangUps(charge(0, 1, 10, stream=True), "USD", (4, 5), taken * PICO, FINE)
    assert (made.billed, made.due / PICO, float(made.tokens)) == (billed, 2020, pytest.approx(tokens))
    member = made.member()
    assert (member["requests"], member["seen_tokens"], member["answer_tokens"]) == (2, 9, 20)
    assert member["billed_tokens"] == pytest.approx(2 * tokens, abs=1e-3)
    assert (member["taken"], member["whole"]) == (money(taken * PICO), money(2020 * PICO))


times = st.lists(st.integers(0, 40), min_size=2, max_size=5)


@settings(max_examples=60)
@given(times, times)
def test_a_difference_of_first_tokens_is_that_of_all_pairs(cold, warm):
    """By brute force: medians of sorted values, and the rank sums of all ways to deal the same values."""
    found = compared(cold, warm)
    pairs = [a - b for a, b in product(cold, warm)]
    assert (found["cold_ms"], found["warm_ms"], found["saved_ms"]) == (_middle(cold), _middle(warm), _middle(pairs))
    assert found["pairs"] == min(len(cold), len(warm))
    pool, many = [*cold, *warm], len(cold)
    ways = [sum(pool[index] for index in chosen) for chosen in combinations(range(len(pool)), many)]
    assert found["p"] == round(sum(each >= sum(cold) for each in ways) / len(ways), 4)


@pytest.mark.parametrize(("many", "few"), [(2, 2), (3, 3), (3, 5), (4, 4), (5, 4), (6, 6)])
def test_the_interval_leaves_out_what_comes_by_chance_in_less_than_five_of_a_hundred(many, few):
    """U of Mann and Whitney, counted over all orders; the values are powers of two, so no two differences are alike."""
    orders = [sum(order[:index].count("w") for index, who in enumerate(order) if who == "c")
              for order in set(map("".join, _orders(many, few)))]  # fmt: skip
    chance = [sum(each <= u for each in orders) / len(orders) for u in range(many * few + 1)]
    out = sum(each <= 0.025 for each in chance) - 1
    values = [2.0**power for power in range(many + few)]
    cold, warm = values[few:], values[:few]
    found = compared(cold, warm)["saved_ci"]
    ordered = sorted(a - b for a in cold for b in warm)
    assert len(orders) == comb(many + few, many)
    assert found == ([None, None] if out < 0 else [ordered[out], ordered[-1 - out]])


def _middle(values):
    return (sorted(values)[(len(values) - 1) // 2] + sorted(values)[len(values) // 2]) / 2


def _orders(many, few):
    for places in combinations(range(many + few), many):
        yield ("c" if index in places else "w" for index in range(many + few))


# ------------------------------------------------------------------------------------------------------------- chains


def sent(chain):
    """All requests of a chain, in groups that are in flight together; each answer is of eight tokens."""
    groups, asked = [], next(chain)
    try:
        while True:
            groups.append(asked)
            asked = chain.send([ServedRequest("e", each, None, Usage(completion=8), "said") for each in asked])
    except StopIteration:
        return groups


def test_each_chain_asks_what_its_name_says():
    goal = BillGoal(pairs=2, latency_tokens=640, users=("u", "v"), salt="s")
    groups = {name: sent(chain) for name, chain in chains(goal, users=True)}
    modes = {name: {each.stream for group in rows for each in group} for name, rows in groups.items()}
    assert (modes["document"], modes["stream"], modes["twins"]) == ({False}, {True}, {True, False})
    assert [each.user_id for group in groups["two users"] for each in group] == ["u", "u", "v", "v", None]
    assert len({each.prompt for group in groups["two users"] for each in group}) == 1
    assert [[each.name for each in group] for group in groups["first tokens"]] == [["cold"] * 2, ["warm"] * 2]
    assert [each.prompt.size for each in groups["first tokens"][0]] == [640, 640]
    assert [each.prompt for each in groups["first tokens"][0]] == [each.prompt for each in groups["first tokens"][1]]
    assert [[each.role for each in group] for group in groups["long text"]] == [[None], [None], [Role.THIRD]]
    sizes = [each.prompt.size for [each] in groups["conversation"]]
    assert [later - earlier for earlier, later in pairwise(sizes)] == [8 + 40] * 2
    assert "two users" not in dict(chains(goal, users=False))


def test_prompts_that_share_a_beginning_share_so_much_of_it():
    [[base], others] = sent(dict(chains(BillGoal(salt="s"), users=False))["shared beginnings"])
    words = base.prompt.messages[0].text.split()
    for each in others:
        theirs = each.prompt.messages[0].text.split()
        common = next(
            (at for at, pair in enumerate(zip(words, theirs, strict=False)) if len(set(pair)) > 1), len(words)
        )
        told = [int(word) for word in each.name.split() if word.isdecimal()]
        assert common == (told[0] if told else len(words)), each.name
