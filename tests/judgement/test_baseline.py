"""Accepted failures: with a reason and a date, and gone when the target is fine again."""

from datetime import date

import pytest

from echosounder.judgement.baseline import Baseline
from echosounder.wire.errors import UsageError
from echosounder.wire.verdict import Result, Verdict

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
