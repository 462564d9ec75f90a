"""What to fix first: one entry per root, the worst and the widest first."""

from reports.causes import fix_first


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
