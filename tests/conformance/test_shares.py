"""A fault that shows only now and then is found, and told with its share and what the tries say about the true one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.conformance.check_run import check
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.probe_choice import PROBES
from echosounder.judgement.answers import answer
from echosounder.judgement.score import score
from echosounder.judgement.setting import Suite
from echosounder.judgement.shares import Share, rounds, share, together
from echosounder.mock_server.net.process import spawn
from echosounder.wire.exchange import Exchange, Request
from echosounder.wire.runlog import read
from echosounder.wire.target import target
from echosounder.wire.verdict import Finding, Result, Verdict

# From the closed form, by hand: E. B. Wilson, JASA 22 (1927), with z = 1.96.
WILSON = {
    (0, 10): (0.0, 0.2775),
    (10, 10): (0.7225, 1.0),
    (1, 20): (0.0089, 0.2361),
    (5, 50): (0.0435, 0.2136),
    (1, 1000): (0.0002, 0.0056),
}


@pytest.mark.parametrize(("counts", "interval"), WILSON.items(), ids=str)
def test_the_interval_is_wilsons(counts, interval):
    assert Share(*counts).interval == pytest.approx(interval, abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_narrows_with_tries(counts):
    failed, judged = counts
    low, high = Share(failed, judged).interval
    assert 0 <= low <= failed / judged <= high <= 1
    narrow_low, narrow_high = Share(failed * 4, judged * 4).interval
    assert narrow_high - narrow_low < high - low


def test_what_could_not_be_judged_counts_for_nothing():
    verdicts = (Verdict.FAIL, Verdict.PASS, Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.NONSTRICT, Verdict.UNTESTABLE)
    assert share([Result("x", verdict) for verdict in verdicts], "rounds") == Share(2, 4, "rounds")


WORSE = {
    "one round fails": ((Verdict.PASS, Verdict.FAIL, Verdict.PASS), Verdict.FAIL),
    "one round is judged": ((Verdict.INCONCLUSIVE, Verdict.PASS), Verdict.PASS),
    "none is judged": ((Verdict.INCONCLUSIVE, Verdict.UNTESTABLE), Verdict.INCONCLUSIVE),
    "our fault": ((Verdict.FAIL, Verdict.ERROR), Verdict.ERROR),
}


@pytest.mark.parametrize(("verdicts", "all_told"), WORSE.values(), ids=WORSE)
def test_rounds_come_together(verdicts, all_told):
    results = [
        Result("x", verdict, (Finding("x", "no"),) if verdict is Verdict.FAIL else (), exchanges=(str(number),))
        for number, verdict in enumerate(verdicts)
    ]
    found = together(results, 10)
    assert found.verdict is all_told
    assert found.exchanges == tuple(str(number) for number in range(len(verdicts)))
    assert len(found.findings) == verdicts.count(Verdict.FAIL)


def test_exchanges_are_parted_by_their_round():
    made = [
        Exchange(id, "p", Request("GET", "/", "http://h"), notes=notes)
        for id, notes in zip("abcd", [{}, {"round": 1}, {}, {"round": 2}], strict=True)
    ]
    assert [[each.id for each in group] for group in rounds(made)] == [["a", "c"], ["b"], ["d"]]


RARE = "usage-sum-mismatch:when.p=1/6"
ONLY = ("usage.total-is-sum", "usage.nonnegative", "stream.equals-nonstream")


@pytest.fixture(scope="module")
def repeated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repeated")
    with spawn(deviate=(RARE,), seed=5, ttft_ms=0, itl_ms=0) as mock:
        wanted = {"suite": Suite.SMOKE, "only": ONLY, "repeat": 6}
        return check(CheckOptions(target(mock.url), folder, "sk-test-0123456789", **wanted))


def test_a_rare_fault_is_found_with_its_share(repeated):
    exchanges = [each for each in read(repeated.log).exchanges if each.probe not in {"models.list"}]
    counts = [answer(each).usage for each in exchanges if answer(each).usage]
    wrong = sum(usage.total != usage.prompt + usage.completion for usage in counts)
    assert 0 < wrong < len(counts)
    found = {row["id"]: row for row in repeated.report["requirements"]}
    assert found["usage.total-is-sum"]["verdict"] == "fail"
    assert f"broken in {wrong} of {len(counts)} exchanges: in " in found["usage.total-is-sum"]["note"]
    assert f"broken in none of {len(counts)} exchanges: in at most " in found["usage.nonnegative"]["note"]
    assert repeated.exit_code == 1


def test_the_log_alone_says_the_same(repeated, breaches):
    assert breaches(repeated.log) == []
    assert score(read(repeated.log), PROBES) == repeated.results
    assert json.loads(repeated.log.read_text(encoding="utf-8").splitlines()[0])["repeat"] == 6


def test_one_round_would_have_missed_it_or_said_nothing_of_its_share(tmp_path):
    with spawn(deviate=("usage-sum-mismatch",), ttft_ms=0, itl_ms=0) as mock:
        outcome = check(
            CheckOptions(target(mock.url), tmp_path, "sk-test-0123456789", suite=Suite.SMOKE, only=ONLY[:1])
        )
    assert [result.note for result in outcome.results] == [""]
