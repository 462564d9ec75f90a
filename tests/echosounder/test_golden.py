"""The kept measurement knows what is missing from it and what it no longer tells of; a tenth of it goes round with the commits."""

import copy
from functools import cache

import pytest

from echosounder.judgement.assigned import checks
from echosounder.mock_server.deviations import all_deviations, find
from echosounder.selftest import digest, golden

NAMES = [each.name for each in all_deviations()]
CODE = '''
from somewhere import rule

@check("stream.done-once")
def once(exchange, case):
    """Said once."""
    found = exchange.data.count(rule)  # how often
    if found > 1:
        yield Problem(f"{found} times")
'''


@cache
def kept():
    """Files that lack nothing."""
    rows = {each.name: {"digest": digest.of_deviation(each)} for each in all_deviations()}
    kills = [{"requirement": id, "where": "x", "mutant": "y"} for id in checks()]
    return {"deviations": rows, "honest_digest": digest.of_honest_runs()}, {
        "kills": kills[1:],
        "survivors": [kills[0]["requirement"]],
        "elsewhere": {},
    }


def changed(change):
    matrix, kills = copy.deepcopy(kept())
    change(matrix, kills)
    return list(golden.problems(matrix, kills))


CHANGES = {
    "nothing": (lambda matrix, kills: None, []),
    "a new deviation": (
        lambda matrix, kills: matrix["deviations"].pop("done-twice"),
        ["deviations that are not measured: done-twice"],
    ),
    "a deviation is gone": (
        lambda matrix, kills: matrix["deviations"].update(no_more={}),
        ["deviations that are gone: no_more"],
    ),
    "many deviations are gone": (
        lambda matrix, kills: matrix["deviations"].update({f"gone-{number}": {} for number in range(10, 22)}),
        [f"deviations that are gone: {', '.join(f'gone-{number}' for number in range(10, 20))} and 2 more"],
    ),
    "another deviation of that name": (
        lambda matrix, kills: matrix["deviations"]["done-twice"].update(digest="0"),
        ["deviations measured of something else: done-twice"],
    ),
    "other checks": (
        lambda matrix, kills: matrix.update(honest_digest="0"),
        ["the honest runs were measured with other checks, probes or formats"],
    ),
    "a new check": (
        lambda matrix, kills: kills["kills"].pop(),
        [f"checks that no mutant was tried on: {list(checks())[-1]}"],
    ),
    "a check is gone": (lambda matrix, kills: kills["survivors"].append("no.more"), ["checks that are gone: no.more"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_missing_gone_or_out_of_date_is_named(name):
    change, said = CHANGES[name]
    assert changed(change) == said


def test_check_says_what_to_run(tmp_path, monkeypatch, capsys):
    matrix, kills = copy.deepcopy(kept())
    del matrix["deviations"]["done-twice"]
    for name, record in (("MATRIX", matrix), ("KILLS", kills)):
        monkeypatch.setattr(golden, name, tmp_path / name)
        golden.write(tmp_path / name, record)
    assert golden.main("check") == 1
    assert capsys.readouterr().err.splitlines()[-1] == "tests/golden is out of date: run `make golden`"


def test_a_file_with_rows_from_before_digests_is_told_of_and_passes(tmp_path, monkeypatch, capsys):
    matrix, kills = copy.deepcopy(kept())
    matrix["deviations"]["done-twice"] = {}
    kills["kills"].pop()
    for name, record in (("MATRIX", matrix), ("KILLS", kills)):
        monkeypatch.setattr(golden, name, tmp_path / name)
        golden.write(tmp_path / name, record)
    assert golden.main("check") == 0
    assert (
        "measured before rows had a digest, run `make golden` on a quiet machine: 1 deviations"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("  # how often", "", True),
        ('    """Said once."""\n', "", True),
        ("from somewhere import rule", "from elsewhere.below import rule", True),
        ("exchange.data.count(rule)", "exchange.data.count(\n        rule\n    )", True),
        ("found > 1", "found > 2", False),
        ("stream.done-once", "stream.done-exact", False),
        ('yield Problem(f"{found} times")', 'yield Problem("often")', False),
    ],
)
def test_code_is_another_when_it_does_something_else(old, new, same):
    assert old in CODE
    assert (digest.of_code(CODE.replace(old, new)) == digest.of_code(CODE)) is same


def test_the_digest_is_that_of_every_python():
    """Written down under 3.12: empty members and places differ between versions, and are in none."""
    assert digest.of_code(CODE) == "428d064d8f8b"


def test_a_fault_rests_on_what_judges_it_and_a_legal_variant_on_all_that_could_accuse_it(monkeypatch):
    names = ("done-twice", "crlf-line-endings", "error-flat")
    before = {name: digest.of_deviation(find(name)) for name in names}
    plain, id = digest._code, min(find("error-flat").breaks)
    module = digest._module(checks()[id].judge)
    monkeypatch.setattr(digest, "_code", lambda name: "changed" if name == module else plain(name))
    digest._ground.cache_clear()
    changed = [name for name in names if digest.of_deviation(find(name)) != before[name]]
    digest._ground.cache_clear()
    assert changed == ["crlf-line-endings", "error-flat"]


def test_the_tenths_are_the_whole_and_each_commit_has_one():
    tenths = [golden.part(f"abcdef{number:x}") for number in range(golden.PARTS)]
    assert sorted(name for tenth in tenths for name in tenth) == sorted(NAMES)
    assert golden.part("1f") == golden.part("1f")
    assert max(map(len, tenths)) - min(map(len, tenths)) <= 1


def test_only_what_is_named_is_measured_anew(tmp_path, monkeypatch, capsys):
    rows = {
        name: {"layer": "sse", "declared": ["x"], "broken": {"x": "fail"}, "first": "x", "applied": 1, "judged": 2}
        for name in NAMES
    }
    matrix = {"deviations": {name: {**row, "digest": "0"} for name, row in rows.items()}, "honest": [], "mutants": {}}
    for name, record in (("MATRIX", matrix), ("KILLS", kept()[1])):
        monkeypatch.setattr(golden, name, tmp_path / name)
        golden.write(tmp_path / name, record)
    golden.main("renew", "done-tw*")
    made = golden.read(tmp_path / "MATRIX")["deviations"]
    assert [name for name in NAMES if made[name] != matrix["deviations"][name]] == ["done-twice"]
    assert made["done-twice"]["digest"] == digest.of_deviation(find("done-twice"))
    assert made["done-twice"]["broken"]["stream.done-once"] == "fail"
    assert golden.main("renew", "no-such") == 2
    assert "no deviation is called no-such" in capsys.readouterr().err
