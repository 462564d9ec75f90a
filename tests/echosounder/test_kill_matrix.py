"""The selftest of the harness: deviations are found by name, legal variants are not, and the figures are counted right."""

import json
from math import isclose
from pathlib import Path

import pytest

from conformance.probe import Suite
from echosounder.kill_matrix import Matrix, Row, first, measure, upper_bound
from mock_server.deviations import all_deviations
from wire.verdict import Finding, Result, Verdict

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "kill_matrix.json").read_text())
SAMPLE = (
    "done-twice",
    "usage-sum-mismatch",
    "tool-id-missing",
    "error-flat",
    "status-500-validation",
    "crlf-line-endings",
)


def row(name, declared=(), broken=None, first=None, judged=10):
    return Row(name, "json", tuple(declared), broken or {}, first, 1, judged)


def test_the_figures_of_a_small_matrix():
    matrix = Matrix(
        (
            row(
                "found",
                ["usage.total-is-sum"],
                {"usage.total-is-sum": "fail", "stream.chunk-schema": "fail"},
                "usage.total-is-sum",
            ),
            row(
                "found late",
                ["stream.role-once"],
                {"stream.role-once": "nonstrict", "usage.total-is-sum": "fail"},
                "usage.total-is-sum",
            ),
            row("missed", ["stream.done-once"]),
            row("a proxy's affair", ["proxy.x"]),
            row("legal"),
            row("legal, accused", broken={"usage.total-is-sum": "fail"}),
        ),
        (100, 0),
    )
    figures = matrix.figures()
    assert (figures["deviations"], figures["killed"], figures["survivors"]) == (3, 2, ["missed"])
    assert (figures["killed_by_schema_alone"], figures["first_finding_right"]) == (1, 0.5)
    assert (figures["evaluations"], figures["false_alarms"]) == (120, ["usage.total-is-sum on legal, accused"])
    assert not matrix.clean


@pytest.mark.parametrize(
    ("alarms", "evaluations", "bound"), [(0, 300, 0.00994), (0, 3000, 0.000998), (1, 100, 0.0466), (0, 0, 1.0)]
)
def test_the_upper_bound_is_clopper_pearsons(alarms, evaluations, bound):
    assert isclose(upper_bound(alarms, evaluations), bound, rel_tol=0.01)


def test_the_first_finding_is_a_must_where_there_is_one():
    found = [
        Result(id, Verdict.FAIL, (Finding(id, "no"),)) for id in ("chat.fingerprint-present", "stream.ends-with-done")
    ]
    assert first(found) == "stream.ends-with-done"
    assert first([Result("stream.utf8", Verdict.UNTESTABLE)]) == "stream.utf8"
    assert first([Result("stream.utf8", Verdict.PASS)]) is None


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_of_the_matrix_is_as_frozen(name):
    measured = measure(suite=Suite.STANDARD, names={name}).record()["deviations"][name]
    assert measured["broken"] == GOLDEN["deviations"][name]["broken"]


def test_the_frozen_matrix_has_no_survivor_and_no_false_alarm():
    figures = GOLDEN["figures"]
    assert (figures["survivors"], figures["false_alarms"]) == ([], [])
    assert figures["killed"] == figures["deviations"] > 150
    assert figures["first_finding_right"] >= 0.8
    assert figures["evaluations"] > 3000
    assert set(GOLDEN["deviations"]) <= {each.name for each in all_deviations()}
