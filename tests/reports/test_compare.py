"""What moved between two runs, and what the exit code of a CI job should be."""

import copy
import json
import random

import pytest
from rich.console import Console

from echosounder.cli.compare import EXIT_CODES
from echosounder.judgement.comparison import runs as compare
from echosounder.reports import compare_page, compare_text
from echosounder.wire.errors import UsageError
from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.latency import mean_gaps_ms
from echosounder.wire.runlog import Run

HEADER = Header(kind_of_run=RunKind.CHECK, started="2026-11-22T09:30:00+00:00", target=Aimed("http://h"))

MS = 1_000_000
TRIES = 100


def with_verdicts(report, **verdicts):
    report = copy.deepcopy(report)
    for row in report["requirements"]:
        row["verdict"] = verdicts.get(row["id"].replace(".", "_").replace("-", "_"), row["verdict"])
    return report


def moves(comparison):
    return {move.requirement: move.kind for move in comparison.moves}


@pytest.mark.parametrize(
    ("change", "kind", "verdict", "code"),
    [
        ({}, {}, "equal", 0),
        ({"usage_sum": "pass"}, {"usage.sum": "fixed"}, "better", 0),
        ({"stream_content_type": "fail"}, {"stream.content-type": "broken"}, "worse", 1),
        ({"stream_content_type": "untestable"}, {"stream.content-type": "broken"}, "worse", 1),
        ({"json_object": "nonstrict"}, {"json.object": "broken"}, "worse", 1),
        ({"stream_content_type": "inconclusive"}, {"stream.content-type": "changed"}, "equal", 0),
        ({"usage_sum": "not-applicable"}, {"usage.sum": "changed"}, "equal", 0),
        ({"usage_sum": "untestable"}, {"usage.sum": "changed"}, "equal", 0),
        ({"usage_sum": "pass", "fim_beta": "fail"}, {"usage.sum": "fixed", "fim.beta": "broken"}, "worse", 1),
    ],
)
def test_a_verdict_that_moved_is_named(check_report, change, kind, verdict, code):
    comparison = compare.checks([check_report], [with_verdicts(check_report, **change)])
    assert (moves(comparison), comparison.verdict, EXIT_CODES[comparison.verdict]) == (kind, verdict, code)
    assert comparison.same == len(check_report["requirements"]) - len(kind)


def test_what_differs_between_the_runs_of_one_side_flaps_and_is_nobodys_fault(check_report):
    sometimes = with_verdicts(check_report, stream_content_type="fail")
    for before, after in (
        ([check_report, sometimes], [sometimes, check_report]),
        ([sometimes, check_report], [sometimes]),
        ([check_report], [check_report, sometimes]),
    ):
        comparison = compare.checks(before, after)
        assert moves(comparison) == {"stream.content-type": "flapping"}
        assert comparison.verdict == "equal"


@pytest.mark.parametrize("member", ["profile", "policy"])
def test_runs_of_another_kind_are_not_compared(check_report, member):
    with pytest.raises(UsageError, match=f"differ in their {member}"):
        compare.checks([check_report], [check_report | {member: "other"}])


def test_mixed_catalogues_are_compared_only_when_asked(check_report):
    other = check_report | {"requirements": check_report["requirements"][2:]}
    with pytest.raises(UsageError, match=r"2 requirements are not in all of the runs.*--common"):
        compare.checks([check_report], [other])
    comparison = compare.checks([check_report], [other], common=True)
    assert (comparison.verdict, comparison.same) == ("equal", 7)
    assert "2 requirements" in comparison.notes[0]


def test_a_check_is_not_compared_with_a_load(check_report, load_report):
    with pytest.raises(UsageError, match="check report can be compared"):
        compare.checks([check_report], [load_report])
    with pytest.raises(UsageError, match="load report can be compared"):
        compare.loads((load_report, Run(HEADER)), (check_report, Run(HEADER)))
    with pytest.raises(UsageError, match="different scenarios"):
        compare.loads((load_report, Run(HEADER)), (load_report | {"scenario": "fim"}, Run(HEADER)))


def simulated(rng, count=1_000, ttft=1.0, gap=1.0, failing=0.01):
    """Samples of a run: times to first token with queueing in them, and gaps that do not depend on them."""
    samples, queue = [], 0.0
    for number in range(count):
        queue = 0.8 * queue + rng.gauss(0, 0.05)
        sent = number * 50 * MS
        first = sent + int(ttft * 250 * MS * 2.718 ** (queue + rng.gauss(0, 0.15)))
        gaps = [int(gap * 20_000 * rng.lognormvariate(0, 0.3)) for _ in range(2)]
        sample = {
            "t_scheduled": sent,
            "t_sent": sent,
            "t_first_token": first,
            "gaps_us": gaps,
            "t_closed": first + 1_000 * sum(gaps),
        }
        samples.append(sample | ({"failure": "reset"} if rng.random() < failing else {}))
    return Run(HEADER, samples=tuple(samples), footer={})


@pytest.fixture
def valid(load_report):
    return load_report | {"measurement": {"verdict": "valid", "reasons": []}}


@pytest.mark.parametrize(("slower", "verdict"), [(1.0, "equal"), (1.1, "worse")])
def test_load_runs_are_told_apart_in_95_of_100_tries(valid, slower, verdict):
    rng = random.Random(20)
    found = [compare.loads((valid, simulated(rng)), (valid, simulated(rng, ttft=slower))).verdict for _ in range(TRIES)]
    assert found.count(verdict) >= 95


@pytest.mark.parametrize(
    ("change", "row", "verdict", "code"),
    [
        ({}, None, "equal", 0),
        ({"ttft": 1.15}, "TTFT p50", "worse", 1),
        ({"ttft": 0.8}, None, "better", 0),
        ({"gap": 1.2}, "mean gap of an answer, p50", "worse", 1),
        ({"failing": 0.08}, "failures", "worse", 1),
        ({"count": 100}, None, "unresolved", 3),
    ],
)
def test_what_got_worse_is_named(valid, change, row, verdict, code):
    rng = random.Random(4)
    comparison = compare.loads((valid, simulated(rng, 2_000)), (valid, simulated(rng, **{"count": 2_000} | change)))
    assert (comparison.verdict, EXIT_CODES[comparison.verdict]) == (verdict, code)
    assert row is None or row in {one.name for one in comparison.rows if one.change == "slower"}


def test_an_invalid_measurement_decides_nothing(valid):
    rng = random.Random(4)
    invalid = valid | {"measurement": {"verdict": "invalid", "reasons": ["the loop was late"]}}
    comparison = compare.loads((valid, simulated(rng)), (invalid, simulated(rng, ttft=2)))
    assert (comparison.verdict, comparison.notes) == (
        "unresolved",
        ("the measurement of the second run is invalid: the loop was late",),
    )


def test_a_log_that_was_cut_decides_nothing(valid):
    rng = random.Random(4)
    whole = simulated(rng)
    comparison = compare.loads((valid, whole), (valid, Run(HEADER, samples=whole.samples)))
    assert (comparison.verdict, EXIT_CODES[comparison.verdict]) == ("unresolved", 3)
    assert comparison.notes == ("the log of the second run has no footer: it was cut, and samples are missing",)


def test_what_is_less_than_the_clients_own_error_is_not_the_targets(valid):
    rng = random.Random(4)
    before, after = simulated(rng, 2_000), simulated(rng, 2_000, ttft=1.2)
    assert compare.loads((valid, before), (valid, after)).verdict == "worse"
    coarse = valid | {"client_error_ms": {"p50": 1.0, "p99": 80.0}}
    assert compare.loads((valid, before), (coarse, after)).verdict == "equal"
    calibrated = valid | {"client_error_ms": {"p50": 1.0, "p99": 80.0, "ttft_p99": 0.4}}
    assert compare.loads((valid, before), (calibrated, after)).verdict == "worse"


@pytest.mark.parametrize(("slower", "verdict"), [(1.0, "equal"), (1.1, "worse")])
def test_the_mean_of_many_gaps_errs_by_less_than_one_of_them(valid, slower, verdict):
    """A clock that errs by 4 ms in single gaps of 20 ms, and answers of forty: 10 % are 32 ms from the first read to the last."""
    rng = random.Random(4)
    coarse = valid | {"client_error_ms": {"p50": 0.2, "p99": 4.0, "ttft_p99": 4.0}}

    def answers(gap):
        made = simulated(rng, 2_000, gap=gap)
        return Run(HEADER, samples=tuple(one | {"gaps_us": one["gaps_us"] * 20} for one in made.samples), footer={})

    comparison = compare.loads((coarse, answers(1.0)), (coarse, answers(slower)))
    assert comparison.verdict == verdict


def test_an_answer_that_was_cut_short_is_not_a_fast_one(valid):
    rng = random.Random(4)
    before, after = simulated(rng, 2_000, failing=0), simulated(rng, 2_000, failing=0)
    cut = [
        {**one, "t_closed": one["t_first_token"] + MS, "failure": "reset"} if n % 2 else one
        for n, one in enumerate(after.samples)
    ]
    rows = {
        row.name: row.change
        for row in compare.loads((valid, before), (valid, Run(HEADER, samples=tuple(cut), footer={}))).rows
    }
    assert (rows["E2E p50"], rows["failures"]) == ("equal", "slower")


def test_a_tail_is_shown_but_decides_nothing(valid):
    rng = random.Random(4)
    before, after = simulated(rng, 3_000), simulated(rng, 3_000)
    slow = [
        {**one, "t_first_token": one["t_first_token"] + 900 * MS} if n % 12 == 0 else one
        for n, one in enumerate(after.samples)
    ]
    comparison = compare.loads((valid, before), (valid, Run(HEADER, samples=tuple(slow), footer={})))
    changes = {row.name: (str(row.change), row.decides) for row in comparison.rows}
    assert changes["TTFT p95"] == ("slower", False)
    assert (changes["TTFT p50"], comparison.verdict) == (("equal", True), "equal")


def test_another_load_is_noted(valid):
    rng = random.Random(4)
    comparison = compare.loads((valid | {"workers": 1}, simulated(rng)), (valid | {"workers": 2}, simulated(rng)))
    assert comparison.notes == ("the runs differ in workers: 1 and 2",)
    one, two = ({"users": users, "rate": None, "seed": seed} for users, seed in (("8", 1), ("4", 2)))
    comparison = compare.loads((valid | {"load": one}, simulated(rng)), (valid | {"load": two}, simulated(rng)))
    assert "the runs differ in load: users 8 and users 4" in comparison.notes
    same = one | {"seed": 3}
    assert compare.loads((valid | {"load": one}, simulated(rng)), (valid | {"load": same}, simulated(rng))).notes == ()


def test_warm_up_is_left_out(valid):
    rng = random.Random(4)
    cold = [sample | {"phase": "warm-up"} for sample in simulated(rng, ttft=5).samples]
    warm = [sample | {"phase": "measured", "t_sent": sample["t_sent"]} for sample in simulated(rng, 2_000).samples]
    comparison = compare.loads((valid, simulated(rng, 2_000)), (valid, Run(HEADER, samples=(*cold, *warm), footer={})))
    assert comparison.verdict == "equal"


def test_a_comparison_reads_the_same_everywhere(check_report, valid):
    rng = random.Random(4)
    broken = compare.checks([check_report], [with_verdicts(check_report, stream_content_type="fail")])
    slower = compare.loads((valid, simulated(rng)), (valid, simulated(rng, ttft=1.2)))
    for comparison, word in ((broken, "stream.content-type"), (slower, "TTFT p50")):
        console = Console(no_color=True, record=True, width=120, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
        compare_text.show(comparison, console)
        for text in (console.export_text(), compare_text.to_markdown(comparison)):
            assert word in text
            assert "worse" in text.lower()
        page = compare_page.render(comparison, "runs/first", "runs/<second>")
        assert (word in page, "Worse" in page, "runs/&lt;second&gt;" in page) == (True, True, True)
        assert ("<svg" in page) == bool(comparison.rows)
        document = json.loads(json.dumps(compare_text.record(comparison)))
        assert (document["schema"], document["verdict"]) == ("echosounder/compare/1", "worse")


def test_what_a_target_said_changes_no_terminal(hostile_report):
    comparison = compare.checks([with_verdicts(hostile_report, usage_sum="pass")], [hostile_report])
    console = Console(force_terminal=True, record=True, width=120, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    compare_text.show(comparison, console)
    assert "\x1b" not in console.export_text(styles=False)
    assert "<script>" not in compare_text.to_markdown(comparison)


def test_a_busy_client_that_reads_events_together_sees_no_longer_gaps():
    """63 steps of 5 ms, of which every fourth is read with the one before: fewer gaps in the same time."""
    alone = {"gaps_us": [5_000] * 63, "token_events": 64}
    together = {"gaps_us": [5_000, 5_000, 10_000] * 15 + [5_000] * 3, "token_events": 64}
    assert [*mean_gaps_ms([alone, together])] == [5.0, 5.0]
    assert [*mean_gaps_ms([{"gaps_us": [4_000, 6_000]}])] == [5.0], "of a log that does not count events"
