"""One rule for every position: what a judge yields or raises, by the level of the requirement, on exchanges and on evidence."""

from dataclasses import dataclass

import pytest

from echosounder import specs
from echosounder.judgement import bill, limiter
from echosounder.judgement.check import CHECKS, Case, Check, Inconclusive, Problem, Subject, Unsupported, Untestable
from echosounder.judgement.evidence import Checks, first_of_each
from echosounder.judgement.pairs.check import CHECKS as ON_PAIRS
from echosounder.judgement.rule import decide, unmet
from echosounder.judgement.score import judge
from echosounder.wire.exchange import Exchange, Request

MUST, SHOULD, MAY = (
    next(row for row in specs.requirements() if row.level == level) for level in ("MUST", "SHOULD", "MAY")
)
EXCHANGE = Exchange("7", "chat.basic", Request("GET", "/", "http://h/"))
CASE = Case(Subject("2026-08", "deepseek-v4-flash"))


def raising(error):
    raise error
    yield


JUDGES = {
    "nothing": lambda: iter(()),
    "found": lambda: iter([Problem("wrong", exchange=EXCHANGE)]),
    "inconclusive": lambda: raising(Inconclusive("the model did not")),
    "untestable": lambda: raising(Untestable("no usage")),
    "unsupported": lambda: raising(Unsupported("refused")),
    "ours": lambda: raising(KeyError("oops")),
}
TABLE = [
    ("nothing", "pass", "pass", "pass"),
    ("found", "fail", "nonstrict", "unsupported"),
    ("inconclusive", "inconclusive", "inconclusive", "inconclusive"),
    ("untestable", "untestable", "untestable", "untestable"),
    ("unsupported", "unsupported", "unsupported", "unsupported"),
    ("ours", "error", "error", "error"),
]


@pytest.mark.parametrize(("what", "must", "should", "may"), TABLE)
def test_the_level_of_a_requirement_and_what_its_judge_does_make_the_verdict(what, must, should, may):
    rows = {MUST: must, SHOULD: should, MAY: may}
    assert {row: decide(row, JUDGES[what]).verdict for row in rows} == rows


@pytest.mark.parametrize("what", JUDGES)
@pytest.mark.parametrize("row", [MUST, SHOULD, MAY], ids=lambda row: row.level)
def test_a_check_on_an_exchange_and_one_on_evidence_come_to_the_same(what, row):
    evidence: Checks[str] = Checks()
    evidence(row.id)(lambda found: JUDGES[what]())
    profile = next(profile for profile in specs.PROFILES if row.admits(profile))
    on_exchanges = judge(row, Check(row.id, bool, lambda exchanges, case: JUDGES[what]()), [EXCHANGE], CASE)
    (on_evidence,) = evidence.results("", profile)
    assert (on_evidence.verdict, on_evidence.findings) == (on_exchanges.verdict, on_exchanges.findings)


def test_a_requirement_that_another_profile_has_is_left_out():
    row = next(row for row in specs.requirements() if not row.admits("openai"))
    evidence: Checks[str] = Checks()
    evidence(row.id)(lambda found: iter(()))
    assert evidence.results("", "openai") == []


def test_a_requirement_has_one_judge_of_evidence():
    evidence: Checks[str] = Checks()
    evidence("a", "b")(lambda found: iter(()))
    with pytest.raises(ValueError, match="b judged twice"):
        evidence("b", "c")(lambda found: iter(()))
    with pytest.raises(ValueError, match="a judged twice"):
        evidence("a")(lambda found: iter(()))


def test_every_check_judges_a_requirement_that_exists():
    for id in (*CHECKS, *ON_PAIRS, *bill.bill.ids, *limiter.limiter.ids):
        assert specs.requirement(id).id == id


@pytest.mark.parametrize(
    ("level", "verdict", "counts"),
    [
        ("MUST", "fail", True),
        ("MUST", "untestable", True),
        ("MUST", "inconclusive", False),
        ("MUST", "error", False),
        ("SHOULD", "untestable", False),
        ("SHOULD", "nonstrict", False),
        ("MAY", "unsupported", False),
    ],
)
def test_a_target_deviates_where_a_must_is_not_met(level, verdict, counts):
    assert unmet(level, verdict) is counts


@dataclass(frozen=True)
class Item:
    name: str
    does: str

    def problems(self):
        return JUDGES[self.does]()


def test_of_many_the_first_problem_is_told_and_the_others_counted():
    items = [Item("a", "inconclusive"), Item("b", "found"), Item("c", "nothing"), Item("d", "found")]
    assert [problem.message for problem in first_of_each(items, Item.problems)] == ["wrong (and 1 more)"]
    assert list(first_of_each(items[:1] + items[2:3], Item.problems)) == []
    with pytest.raises(Untestable, match="no usage"):
        list(first_of_each([items[0], Item("e", "untestable")], Item.problems))
    with pytest.raises(Inconclusive, match="no exchange to judge it by"):
        list(first_of_each([], Item.problems))
