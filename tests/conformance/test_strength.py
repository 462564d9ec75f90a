"""Every check can fail: for each one there is a mutant of an honest exchange that it catches, written down by name.

`tests/golden/mutant_kills.json` holds the first kill that `conformance.strength.measure` finds for each check, and under
``elsewhere`` those of checks that the newest profile does not have.
"""

import json
from pathlib import Path

import pytest

from echosounder.conformance.check_run import check
from echosounder.conformance.mutations import mutants
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.strength import Kill, exchanges_of, holds, judgeable, verdict_on
from echosounder.judgement.assigned import checks
from echosounder.judgement.score import judge
from echosounder.judgement.setting import RunSetting, Suite
from echosounder.mock_server.net.process import spawn
from echosounder.specs import DEFAULT_PROFILE, behaviour
from echosounder.wire.runlog import read
from echosounder.wire.target import target
from echosounder.wire.verdict import Verdict

GOLDEN = Path(__file__).parents[1] / "golden" / "mutant_kills.json"
KILLS = [Kill(**row) for row in json.loads(GOLDEN.read_text(encoding="utf-8"))["kills"]]
ELSEWHERE = json.loads(GOLDEN.read_text(encoding="utf-8"))["elsewhere"]
KEY = "sk-test-0123456789"


def served(profile):
    return tuple(behaviour(profile).formats)


@pytest.fixture(scope="module")
def honest(mock, tmp_path_factory):
    folder = tmp_path_factory.mktemp("honest")
    outcome = check(CheckOptions(target(mock.url), folder, KEY, suite=Suite.THOROUGH, formats=served(DEFAULT_PROFILE)))
    assert outcome.exit_code == 0
    return read(outcome.log)


def test_each_kill_still_kills(honest):
    setting = RunSetting.of(honest)
    assert [kill for kill in KILLS if not holds(kill, honest, setting)] == []


@pytest.mark.parametrize("place", ELSEWHERE)
def test_each_kill_of_a_check_that_only_another_year_has_still_kills(place, tmp_path):
    profile, model = place.split()
    kills = [Kill(**row) for row in ELSEWHERE[place]]
    only = tuple(kill.requirement for kill in kills)
    with spawn(profile=profile, ttft_ms=0.0, itl_ms=0.0, seed=0) as mock:
        how = CheckOptions(
            target(mock.url, model), tmp_path, KEY, profile, Suite.THOROUGH, only, formats=served(profile)
        )
        run = read(check(how).log)
    assert [kill for kill in kills if not holds(kill, run, RunSetting.of(run))] == []


def test_no_check_is_beyond_failing(honest):
    judged = {row.id for row in judgeable(RunSetting.of(honest), honest)}
    assert judged - {kill.requirement for kill in KILLS} <= set(
        json.loads(GOLDEN.read_text(encoding="utf-8"))["survivors"]
    )
    assert len(KILLS) > 270


def test_no_mutant_makes_a_check_raise(honest):
    """A sample: every 40th mutant of every exchange that a check looks at first."""
    setting, holes = RunSetting.of(honest), []
    for row in judgeable(setting, honest):
        exchange = exchanges_of(row, honest)[0]
        for number, (name, make) in enumerate(mutants(exchange)):
            if number % 40 == len(row.id) % 40 and verdict_on(row, [make()], setting).verdict is Verdict.ERROR:
                holes.append((row.id, name))
    assert holes == []


def test_an_exception_of_a_check_is_our_fault_and_not_the_targets(honest, monkeypatch):
    setting = RunSetting.of(honest)
    row = next(row for row in judgeable(setting, honest) if row.id == "stream.ends-with-done")
    broken = type(checks()[row.id])(row.id, lambda exchange: 1 / 0, checks()[row.id].judge, "broken")
    result = judge(row, broken, exchanges_of(row, honest), setting.case)
    assert (result.verdict, result.findings) == (Verdict.ERROR, ())
    assert "ZeroDivisionError" in result.note
