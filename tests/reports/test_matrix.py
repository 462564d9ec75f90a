"""Requirements times targets: each cell is the verdict of its report, differences and known issues are marked."""

import copy

import pytest

from echosounder.reports import matrix
from echosounder.reports.matrix import Column, Issue, known_issues
from echosounder.wire.errors import UsageError


@pytest.fixture
def columns(check_report, check_run):
    other = copy.deepcopy(check_report)
    verdicts = {"stream.ends-with-done": "pass", "stream.content-type": "fail"}
    for row in other["requirements"]:
        row["verdict"] = verdicts.get(row["id"], row["verdict"])
    del other["requirements"][-1]
    return [Column("mock", check_report, check_run), Column("clone 1.2", other)]


def rows(columns, issues=(), reference="mock"):
    return {row.id: row for row in matrix._rows(columns, tuple(issues), reference)}


def test_each_cell_is_the_verdict_of_its_report(columns):
    found = rows(columns)
    for column, name in ((0, "mock"), (1, "clone 1.2")):
        for row in columns[column].report["requirements"]:
            assert (found[row["id"]].cells[column].column, found[row["id"]].cells[column].verdict) == (
                name,
                row["verdict"],
            )


def test_what_a_run_did_not_judge_is_said_and_differs_from_nothing(columns):
    cell = rows(columns)["errors.body"].cells[1]
    assert (cell.verdict, cell.differs) == ("not-run", False)


@pytest.mark.parametrize("reference", ["mock", "clone 1.2"])
def test_differences_are_held_against_the_reference(columns, reference):
    found = {id for id, row in rows(columns, (), reference).items() if row.differs}
    assert found == {"stream.ends-with-done", "stream.content-type"}
    assert not any(
        cell.differs for row in rows(columns, (), reference).values() for cell in row.cells if cell.column == reference
    )


def test_what_differs_comes_first(columns):
    marks = [row.differs for row in rows(columns).values()]
    assert marks == sorted(marks, reverse=True)
    assert any(marks)


def test_what_a_baseline_accepts_is_said_in_its_cell(columns):
    next(row for row in columns[1].report["requirements"] if row["verdict"] == "fail")["accepted"] = "issue 7"
    assert matrix.render(columns).count("accepted: issue 7") == 1


@pytest.mark.parametrize(
    ("requirement", "target", "cells"),
    [
        ("stream.*", "*", 6),
        ("stream.ends-with-done", "clone*", 1),
        ("*", "clone 1.?", 9),
        ("stream.*", "nobody", 0),
    ],
)
def test_known_issues_stand_in_the_cells_they_name(columns, requirement, target, cells):
    issue = Issue(requirement, target, "https://example.org/7", "said")
    found = [cell for row in rows(columns, [issue]).values() for cell in row.cells if cell.issues]
    assert len(found) == cells
    assert matrix.render(columns, [issue]).count('href="https://example.org/7"') == cells


def test_the_page_has_the_version_and_date_of_each_target(columns):
    html = matrix.render(columns)
    assert html.count("2026-11-22") == 2
    assert "1/5" in html


def test_the_issues_file_is_a_list(tmp_path):
    file = tmp_path / "issues.yaml"
    file.write_text(
        "- {requirement: stream.*, target: clone, link: 'https://example.org/1', note: late}\n- {requirement: a, link: 'http://b'}\n",
        encoding="utf-8",
    )
    assert known_issues(file) == (
        Issue("stream.*", "clone", "https://example.org/1", "late"),
        Issue("a", "*", "http://b"),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {requirement: a}", "'link'"),
        ("- {requirement: a, link: 'javascript:boom()'}", "not http"),
        ("- {requirement: a, link: 'https://h', until: 5}", "unknown member until"),
        ("a: [", "not a list of known issues"),
        ("7", "not a list of known issues"),
        ("- 7", "not a list of known issues"),
    ],
)
def test_an_issues_file_that_is_none_is_a_usage_error_of_one_line(tmp_path, text, says):
    file = tmp_path / "issues.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=says) as caught:
        known_issues(file)
    assert "\n" not in str(caught.value)


def test_an_empty_issues_file_has_none(tmp_path):
    file = tmp_path / "issues.yaml"
    file.write_text("# none yet\n", encoding="utf-8")
    assert known_issues(file) == ()


def test_what_is_no_matrix_is_a_usage_error(columns, load_report):
    with pytest.raises(UsageError, match="no runs"):
        matrix.render([])
    with pytest.raises(UsageError, match="a load run"):
        matrix.render([*columns, Column("load", load_report)])
    with pytest.raises(UsageError, match="two runs go by the name 'mock'"):
        matrix.render([columns[0], columns[0]])
    with pytest.raises(UsageError, match=r"no run named .nobody.; there are mock, clone 1\.2"):
        matrix.render(columns, reference="nobody")


def test_hostile_targets_stay_text(hostile_report, hostile_run):
    html = matrix.render([Column("<b>x", hostile_report, hostile_run)])
    assert html.count("<script") == 1
    assert "<img" not in html
    assert "<b>x" not in html
