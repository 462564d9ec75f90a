"""Accepted failures: with a reason and a date, and gone when the target is fine again."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.judgement.acceptance import missing, toml
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.signature import matches, shape
from echosounder.wire.errors import UsageError
from echosounder.wire.verdict import Finding, Result, Verdict

ENTRY = '[[accepted]]\nid = "stream.*"\nreason = "known"\nexpires = 2026-12-31\n'
TODAY = date(2026, 11, 22)


def load(text, folder):
    path = folder / "baseline.toml"
    path.write_text(text, encoding="utf-8")
    return Baseline.load(path)


def results(**verdicts):
    return [Result(f"stream.{name}", verdict) for name, verdict in verdicts.items()]


TABLE = {
    "accepted": (ENTRY, results(a=Verdict.FAIL, b=Verdict.PASS), {"stream.a": "known"}, (), ()),
    "stale": (ENTRY, results(a=Verdict.PASS), {}, ("stream.*",), ()),
    "not judged, so not stale": (ENTRY, [Result("fim.echo", Verdict.FAIL)], {}, (), ()),
    "inconclusive, so not stale": (ENTRY, results(a=Verdict.INCONCLUSIVE), {}, (), ()),
    "expired": (ENTRY.replace("2026-12-31", "2026-11-21"), results(a=Verdict.FAIL), {}, (), ("stream.*",)),
    "last day": (ENTRY.replace("2026-12-31", "2026-11-22"), results(a=Verdict.FAIL), {"stream.a": "known"}, (), ()),
    "another target": (ENTRY + 'target = "https://*"\n', results(a=Verdict.FAIL), {}, (), ()),
}


UNJUDGED = {
    "another requirement": [Result("fim.echo", Verdict.FAIL)],
    "inconclusive": results(a=Verdict.INCONCLUSIVE),
    "absent": results(a=Verdict.UNSUPPORTED, b=Verdict.NOT_APPLICABLE),
    "nothing": [],
}


@pytest.mark.parametrize("judged", UNJUDGED.values(), ids=UNJUDGED)
def test_an_entry_of_which_the_run_says_nothing_is_named(judged, tmp_path):
    found = load(ENTRY, tmp_path).apply(judged, "http://h", TODAY)
    assert (found.reasons, found.stale, found.unjudged) == ({}, (), ("stream.*",))


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL, Verdict.NONSTRICT, Verdict.UNTESTABLE])
def test_an_entry_that_was_judged_is_not_named(verdict, tmp_path):
    assert load(ENTRY, tmp_path).apply(results(a=verdict), "http://h", TODAY).unjudged == ()


@pytest.mark.parametrize(("text", "judged", "accepted", "stale", "expired"), TABLE.values(), ids=TABLE)
def test_entries(text, judged, accepted, stale, expired, tmp_path):
    found = load(text, tmp_path).apply(judged, "http://localhost:8000/v1", TODAY)
    assert (found.reasons, found.stale, found.expired) == (accepted, stale, expired)


@pytest.mark.parametrize(
    "text",
    [
        "[[accepted]",
        '[[accepted]]\nid = "a"\n',
        ENTRY.replace("2026-12-31", '"soon"'),
        ENTRY + 'colour = "red"\n',
        "accepted = 7",
    ],
)
def test_a_broken_file_is_wrong_usage_in_one_line(text, tmp_path):
    with pytest.raises(UsageError, match=r"baseline\.toml") as error:
        load(text, tmp_path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="nowhere"):
        Baseline.load(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("id", "says"),
    [
        ("stream.ends-with-don", "no requirement is called stream.ends-with-don, did you mean stream.ends-with-done?"),
        ("nothing.*", r"no requirement is called nothing\.\*"),
    ],
)
def test_an_entry_that_can_match_nothing_is_an_error(id, says, tmp_path):
    with pytest.raises(UsageError, match=says):
        load(ENTRY.replace("stream.*", id), tmp_path)


# --- by finding

PROBES = {"3": "chat.stream", "7": "chat.plain"}
ROLE = "stream.role-once"
TWICE = Finding(ROLE, "the role comes 2 times, expected once", "3", pointer="/choices/0/delta/role")
NONE = Finding(ROLE, "no event has a role", "7")
ONE = f'[[accepted]]\nid = "{ROLE}"\nreason = "issue 7"\nexpires = 2026-12-31\n'
TIMES = ONE + 'probe = "chat.stream"\nat = "/choices/*/delta/role"\nfinding = "the role comes * times, expected once"\n'
NAME = f"{ROLE} (chat.stream: /choices/*/delta/role: the role comes * times, expected once)"


def broken(*findings, exchanges=("3", "7"), places=()):
    return [Result(ROLE, Verdict.FAIL, findings, exchanges=exchanges, places=places)]


BY_FINDING = {
    "the finding that it names": (TIMES, broken(TWICE), {ROLE: "issue 7"}, ()),
    "with other figures": (
        TIMES, broken(Finding(ROLE, "the role comes 31 times, expected once", "3", pointer="/choices/2/delta/role")), {ROLE: "issue 7"}, ()
    ),
    "another breach beside it": (TIMES, broken(TWICE, NONE), {}, ()),
    "another breach alone": (TIMES, broken(NONE), {}, (NAME,)),
    "in another probe": (TIMES, broken(Finding(ROLE, TWICE.message, "7", pointer=TWICE.pointer)), {}, (NAME,)),
    "at another place": (TIMES, broken(Finding(ROLE, TWICE.message, "3", pointer="/role")), {}, (NAME,)),
    "another probe beyond what is kept": (TIMES, broken(TWICE, places=(("3", None, ""), ("7", 4, ""))), {}, ()),
    "the same probe beyond what is kept": (TIMES, broken(TWICE, places=(("3", None, ""), ("3", 4, ""))), {ROLE: "issue 7"}, ()),
    "fine again": (TIMES, [Result(ROLE, Verdict.PASS, exchanges=("3",))], {}, (NAME,)),
    "fine where its probe was not sent": (TIMES, [Result(ROLE, Verdict.PASS, exchanges=("7",))], {}, ()),
    "a whole requirement": (ONE, broken(TWICE, NONE), {ROLE: "issue 7"}, ()),
    "what could not be tested is another thing": (TIMES, [Result(ROLE, Verdict.UNTESTABLE, note="nothing to judge")], {}, ()),
}  # fmt: skip


@pytest.mark.parametrize(("text", "judged", "accepted", "stale"), BY_FINDING.values(), ids=BY_FINDING)
def test_an_entry_accepts_the_finding_that_it_names(text, judged, accepted, stale, tmp_path):
    found = load(text, tmp_path).apply(judged, "http://h", TODAY, PROBES)
    assert (found.reasons, found.stale) == (accepted, stale)
    assert found.whys == dict.fromkeys((*found.stale, *found.unjudged), "issue 7")


def test_of_two_breaches_the_report_says_which_one_is_accepted(tmp_path):
    found = load(TIMES, tmp_path).apply(broken(NONE, TWICE), "http://h", TODAY, PROBES)
    assert found.findings == {ROLE: ("", "issue 7")}


WHAT_IS_FOUND = {
    "findings": broken(TWICE, NONE),
    "one of them in many places": broken(TWICE, TWICE, TWICE),
    "beyond what is kept": broken(TWICE, places=(("3", None, ""), ("7", 4, ""))),
    "a note": [Result(ROLE, Verdict.UNTESTABLE, note="nothing to judge: 2 of chat.stream got status 500")],
    "words that TOML has to escape": broken(Finding(ROLE, 'got "a\\b"\x7f\x00\n\ud800, expected é', "3")),
}


@pytest.mark.parametrize("judged", WHAT_IS_FOUND.values(), ids=WHAT_IS_FOUND)
def test_what_is_written_accepts_what_was_found_and_nothing_is_written_twice(judged, tmp_path):
    def new(known):
        return missing(judged, known, "http://h", TODAY, PROBES, "known", date(2026, 12, 31))

    entries = new(Baseline())
    known = load("".join(map(toml, entries)), tmp_path)
    assert known.apply(judged, "http://h", TODAY, PROBES).reasons == {ROLE: "known"}
    assert (new(known), len(set(entries))) == ((), len(entries))


@given(st.text(alphabet="*ab1 '\"{}\n", max_size=30), st.text(alphabet="*ab1 '\"{}\n", max_size=30))
def test_a_shape_fits_what_it_is_of_and_every_text_with_its_words(text, other):
    assert matches(shape(text), text)
    assert matches(text.replace("a", "*"), text.replace("a", other))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("got status 500, expected 400", "got status 500, expected *"),
        ("the id 'chatcmpl-8a1' changes in event 4", "the id '*' changes in event *"),
        ("the text is 'Hello you', expected 'ok'", "the text is *, expected 'ok'"),
        ('the event is {"id": 7, "usage": {}}, expected [DONE]', "the event is *, expected [DONE]"),
        ("tokens 1, 2 and 3", "tokens * and *"),
    ],
)
def test_a_shape_keeps_the_words_and_the_status(text, expected):
    assert shape(text) == expected


@pytest.mark.parametrize(
    ("pattern", "text"), [("a*", "b"), ("*a", "ab"), ("ab*bc", "abc"), ("a*b*a", "aba1"), ("a", "aa"), ("*a*", "b")]
)
def test_a_pattern_does_not_fit_another_text(pattern, text):
    assert not matches(pattern, text)
