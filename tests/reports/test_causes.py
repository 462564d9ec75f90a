"""What to fix first: one entry per root, the worst and the widest first."""

import json
from importlib.resources import files

from echosounder.reports.causes import fix_first, to_fix, untested


def names(report):
    return [(cause.title, cause.level, cause.requirements) for cause in fix_first(report)]


def test_findings_with_one_cause_are_one_entry_of_the_worst_level(check_report):
    assert names(check_report) == [
        ("the stream ends without [DONE]", "MUST", ("stream.ends-with-done", "stream.line-ends")),
        ("usage.total_tokens is 11, expected 12", "MUST", ("usage.sum",)),
        ("no stream came to its end", "MUST", ("usage.stream-once",)),
        ("KeyError in the check", "SHOULD", ("errors.body",)),
    ]


def test_requirements_that_fall_for_the_same_reason_stand_together(make_check, make_requirement, make_finding):
    rows = [make_requirement(f"a.r{i}", "MUST", "untestable", (), "got status 500") for i in range(3)]
    rows += [make_requirement(f"b.r{i}", "MUST", "fail", [make_finding("no id")]) for i in range(2)]
    assert names(make_check(rows)) == [
        ("no id", "MUST", ("b.r0", "b.r1")),
        ("got status 500", "MUST", ("a.r0", "a.r1", "a.r2")),
    ]


def test_a_must_comes_before_many_shoulds(make_check, make_requirement, make_finding):
    rows = [make_requirement(f"a.r{i}", "SHOULD", "nonstrict", [make_finding("wide")]) for i in range(9)]
    rows += [make_requirement("b.one", "MUST", "fail", [make_finding("narrow")])]
    assert [title for title, _, _ in names(make_check(rows))] == ["narrow", "wide"]


def test_effects_stand_below_their_cause_which_is_as_grave_as_they_are(make_check, make_requirement, make_finding):
    rows = [
        make_requirement("a.effect", "MUST", "fail", [make_finding("no JSON")]) | {"explained_by": "b.cause"},
        make_requirement("b.cause", "SHOULD", "nonstrict", [make_finding("a piece is lost")]),
        make_requirement("b.unseen", "MUST", "untestable", (), "no text") | {"explained_by": "a.effect"},
        make_requirement("c.other", "MUST", "fail", [make_finding("no id")]),
    ]
    assert names(make_check(rows)) == [
        ("a piece is lost", "MUST", ("b.cause", "a.effect", "b.unseen")),
        ("no id", "MUST", ("c.other",)),
    ]


def test_causes_that_explain_each_other_in_a_circle_are_shown_all_the_same(make_check, make_requirement, make_finding):
    rows = [
        make_requirement(f"a.{one}", "MUST", "fail", [make_finding(one)]) | {"explained_by": f"a.{other}"}
        for one, other in (("x", "y"), ("y", "x"))
    ]
    assert sorted(id for _, _, ids in names(make_check(rows)) for id in ids) == ["a.x", "a.y"]


def test_an_umbrella_comes_after_what_says_it_precisely(make_check, make_requirement, make_finding):
    rows = [
        make_requirement("a.all", "MUST", "fail", [make_finding("wide")]) | {"umbrella": True},
        make_requirement("a.every", "MUST", "fail", [make_finding("wide")]) | {"umbrella": True},
        make_requirement("b.one", "MUST", "fail", [make_finding("precise")]),
        make_requirement("c.one", "SHOULD", "nonstrict", [make_finding("mild")]),
    ]
    assert [title for title, _, _ in names(make_check(rows))] == ["precise", "wide", "mild"]


def test_a_requirement_is_one_entry_however_often_it_was_broken(make_check, make_requirement, make_finding):
    rows = [make_requirement("a.index", "MUST", "fail", [make_finding(f"chunk {number}") for number in range(3)])]
    (cause,) = fix_first(make_check(rows))
    assert (cause.title, cause.count) == ("chunk 0", 3)


def test_what_passed_or_was_accepted_is_not_to_be_fixed(make_check, make_requirement, make_finding):
    rows = [
        make_requirement("a.may", "MAY", "pass", [make_finding("a MAY that is not done")]),
        make_requirement("a.known", "MUST", "fail", [make_finding("known")]) | {"accepted": "issue 7"},
        make_requirement("a.unsure", "MUST", "inconclusive"),
    ]
    assert fix_first(make_check(rows)) == []


def test_a_requirement_with_neither_finding_nor_note_is_named_by_its_title(make_check, make_requirement):
    assert [title for title, _, _ in names(make_check([make_requirement("a.b", "MUST", "fail")]))] == [
        "What a.b asks for"
    ]


def test_four_faults_of_one_mock_are_four_entries():
    sample = files("echosounder.reports") / "samples" / "check" / "report.json"  # the README beside it names the four
    roots = [cause.requirements[0] for cause in fix_first(json.loads(sample.read_text(encoding="utf-8")))]
    assert roots == ["error.envelope", "stream.complete", "stream.role-first", "usage.total-is-sum"]


def test_a_crash_comes_before_everything_else(make_check, make_requirement, make_finding):
    rows = [make_requirement(f"a.r{i}", "MUST", "fail", [make_finding("wide")]) for i in range(3)]
    rows += [make_requirement("b.one", "SHOULD", "nonstrict", [make_finding("crashed") | {"status": 500}])]
    assert [title for title, _, _ in names(make_check(rows))] == ["crashed", "wide"]


def test_a_gateway_that_tells_of_its_dead_upstream_has_not_crashed(make_check, make_requirement, make_finding):
    rows = [make_requirement("proxy.gateway-json", "SHOULD", "nonstrict", [make_finding("no JSON") | {"status": 502}])]
    rows += [make_requirement("proxy.truncation-visible", "MUST", "fail", [make_finding("cut unmarked")])]
    assert [title for title, _, _ in names(make_check(rows))] == ["cut unmarked", "no JSON"]


def test_what_was_only_not_tested_is_no_thing_to_fix_unless_there_is_nothing_else(
    make_check, make_requirement, make_finding
):
    blind = [make_requirement(f"a.r{i}", "MUST", "untestable", (), f"reason {i}") for i in range(2)]
    seen = [make_requirement("b.one", "MUST", "fail", [make_finding("no id")])]
    both, alone = make_check([*blind, *seen]), make_check(blind)
    assert [cause.title for cause in to_fix(both)] == ["no id"]
    assert untested(both) == "2 more requirements were not tested, because what they build on failed"
    assert ([cause.title for cause in to_fix(alone)], untested(alone)) == (["reason 0", "reason 1"], "")
