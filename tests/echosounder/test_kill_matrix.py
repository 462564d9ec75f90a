"""The figures of the selftest are counted right, and those that are frozen are as good as the README says."""

import json
from math import isclose
from pathlib import Path

import pytest

from echosounder import specs
from echosounder.judgement.assigned import checks
from echosounder.mock_server.deviations import all_deviations
from echosounder.selftest.kill_matrix import Honest, KillRow, Matrix, lines, upper_bound

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "kill_matrix.json").read_text(encoding="utf-8"))
FIGURES = GOLDEN["figures"]


def row(name, declared=(), broken=None, first=None, **more):
    return KillRow(name, "json", tuple(declared), broken or {}, first, 1, 10, **more)


def honest(*alarms):
    return Honest("2026-08", "deepseek-v4-flash", "standard", 0, 100, alarms, 150, 20)


MATRIX = Matrix(
    (
        row(
            "found",
            ["usage.total-is-sum"],
            {"usage.total-is-sum": "fail", "stream.chunk-schema": "fail"},
            "usage.total-is-sum",
        ),
        row("found late", ["stream.role-once"], {"stream.role-once": "nonstrict"}, "usage.total-is-sum"),
        row("half found", ["fim.stop", "chat.stop-8"], {"fim.stop": "fail"}, "fim.stop"),
        row("found elsewhere", ["cache.unit-64"], {}, "cache.unit-64", elsewhere={"cache.unit-64": "2024-07"}),
        row("missed", ["stream.done-once"]),
        row("a proxy's affair", ["proxy.x"]),
        row("legal"),
        row("legal, accused", broken={"usage.total-is-sum": "fail"}),
    ),
    (honest(),),
)


def test_the_figures_of_a_small_matrix():
    figures = MATRIX.figures()
    assert (figures["deviations"], figures["killed"], figures["survivors"]) == (5, 4, ["missed"])
    assert (figures["killed_by_schema_alone"], figures["first_finding_right"]) == (1, 0.75)
    assert figures["first_finding_wrong"] == ["found late"]
    assert figures["declared_but_not_found"] == ["chat.stop-8 by half found", "stream.done-once by missed"]
    assert (figures["evaluations"], figures["honest_evaluations"]) == (120, 100)
    assert figures["false_alarms"] == ["usage.total-is-sum on legal, accused"]
    assert not MATRIX.clean


def test_faults_by_what_a_run_says_of_them():
    assert MATRIX.by_level() == {
        "MUST": ["found", "half found"],
        "SHOULD": ["found late"],
        "silent": ["found elsewhere", "missed"],
    }
    untestable = Matrix((row("hidden", ["fim.stop"], {"fim.stop": "untestable"}),), (honest(),))
    assert untestable.by_level()["MUST"] == ["hidden"]


def test_a_fault_is_tolerated_only_where_each_requirement_that_it_breaks_says_why():
    told = {"transport.keep-alive": "nonstrict"}
    rows = (
        row("open", ["transport.keep-alive"], told),
        row(
            "open in part",
            ["transport.keep-alive", "stream.usage-unasked"],
            {**told, "stream.usage-unasked": "nonstrict"},
        ),
        row("refused whole", ["messages.budget-ignored"], {"messages.budget-ignored": "unsupported"}),
        row("broken too", ["transport.keep-alive"], {**told, "fim.stop": "fail"}),
        row("unseen", ["transport.keep-alive"]),
    )
    matrix = Matrix(rows, (honest(),))
    assert [each.name for each in matrix.tolerated] == ["open"]
    assert matrix.tolerated[0].tolerated == {
        "transport.keep-alive": specs.requirement("transport.keep-alive").tolerated
    }
    assert matrix.at_exit_1 == 1 / 4


def test_faults_that_break_the_contract_end_with_exit_code_1():
    """The class of what is tolerated grows by nothing but a reason in the requirement, and by no more than a tenth of all faults."""
    assert FIGURES["breaking_at_exit_1"] >= 0.99
    assert FIGURES["tolerated"] <= 0.11 * FIGURES["deviations"]


def test_an_alarm_on_an_honest_mock_is_a_false_one():
    matrix = Matrix((row("found", ["fim.stop"], {"fim.stop": "fail"}),), (honest("stream.utf8"),), whole=False)
    assert matrix.alarms == ["stream.utf8 on an honest 2026-08"]
    assert not matrix.clean


def test_an_alarm_in_any_pass_is_a_false_one():
    matrix = Matrix((row("legal", again=({"stream.utf8": "fail"},)),), (), whole=False)
    assert (matrix.alarms, matrix.evaluations) == (["stream.utf8 on legal"], 20)


def test_passes_that_do_not_agree_are_named():
    alike = row("alike", ["fim.stop"], {"fim.stop": "fail"}, again=({"fim.stop": "fail"},))
    moody = row("moody", ["fim.stop"], {"fim.stop": "fail"}, again=({"fim.stop": "untestable", "fim.echo": "fail"},))
    figures = Matrix((alike, moody), ()).figures()
    assert (figures["repeated"], figures["repeated_alike"]) == (2, 1)
    assert figures["not_alike"] == {"moody": ("fim.echo", "fim.stop")}


def test_a_check_is_idle_until_a_deviation_or_a_mutant_fails_it():
    ids = list(checks())
    rows = (row("all but two", ids[:1], dict.fromkeys(ids[2:], "fail"), elsewhere={}),)
    assert Matrix(rows, ()).idle_checks == ids[:2]
    assert Matrix(rows, (), {ids[0]: "status 500"}).idle_checks == ids[1:2]
    part = Matrix((row("found", ["fim.stop"], {"fim.stop": "fail"}),), (), whole=False)
    assert part.clean
    assert not Matrix(part.rows, ()).clean


def test_every_figure_that_is_bad_is_said_by_name():
    said = "\n".join(lines(MATRIX))
    for name in ("missed", "found late", "chat.stop-8 by half found", "usage.total-is-sum on legal, accused"):
        assert name in said


@pytest.mark.parametrize(
    ("alarms", "evaluations", "bound"), [(0, 300, 0.00994), (0, 3000, 0.000998), (1, 100, 0.0466), (0, 0, 1.0)]
)
def test_the_upper_bound_is_clopper_pearsons(alarms, evaluations, bound):
    assert isclose(upper_bound(alarms, evaluations), bound, rel_tol=0.01)


def test_the_frozen_matrix_has_no_survivor_and_no_false_alarm():
    assert (FIGURES["survivors"], FIGURES["false_alarms"], FIGURES["not_applied"]) == ([], [], [])
    assert FIGURES["killed"] == FIGURES["deviations"] > 230
    assert FIGURES["honest_evaluations"] > 3000
    assert set(GOLDEN["deviations"]) <= {each.name for each in all_deviations()}


def test_the_first_finding_is_the_right_one():
    assert FIGURES["first_finding_right"] >= 0.95, FIGURES["first_finding_wrong"]


def test_whatever_a_deviation_declares_was_found_broken():
    assert FIGURES["declared_but_not_found"] == []


def test_no_check_is_one_that_nothing_can_fail():
    """A new check needs a deviation that breaks it, or at least a mutant: measure again with `make golden`."""
    assert FIGURES["checks_that_nothing_fails"] == []
    rows = GOLDEN["deviations"].values()
    failed = GOLDEN["mutants"].keys() | {id for row in rows for id in (*row["broken"], *row.get("elsewhere", ()))}
    assert set(checks()) <= failed
