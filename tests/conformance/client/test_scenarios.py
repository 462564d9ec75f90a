"""Every deviation of the mock is tried on clients, or is said to be unnoticeable; every scenario is one that the mock can play."""

from fnmatch import fnmatchcase

import pytest

from echosounder import specs
from echosounder.conformance.client.environment import Briefing
from echosounder.conformance.client.scenarios import USES, chosen, families, scenarios, unnoticed
from echosounder.judgement.client.check import CHECKS
from echosounder.judgement.client.score import rows
from echosounder.judgement.setting import Suite
from echosounder.mock_server.deviations import all_deviations
from echosounder.mock_server.deviations.selection import selections

TRIED = {selection.deviation.name for each in scenarios() for selection in selections(each.deviations)}
LAYERS = {"request", "admission"}


def test_every_deviation_is_tried_or_cannot_be_noticed():
    patterns = unnoticed()
    left = [d for d in all_deviations() if d.name not in TRIED and d.layer not in LAYERS & patterns.keys()]
    missing = [d.name for d in left if not any(fnmatchcase(d.name, pattern) for pattern in patterns)]
    assert not missing, (
        f"conformance/client/scenarios.yaml: give each a row of a family, or say why clients cannot notice it: {', '.join(missing)}"
    )


def test_no_reason_is_for_nothing():
    names = {d.name for d in all_deviations()} - TRIED
    assert [p for p in unnoticed().keys() - LAYERS if not any(fnmatchcase(name, p) for name in names)] == []


def test_scenarios_are_told_apart_by_family_and_name():
    keys = [(each.family, each.name) for each in scenarios()]
    assert len(keys) == len(set(keys))
    assert {each.use for each in scenarios()} == set(USES)


def test_requirements_checks_and_families_name_each_other():
    mine = {row.id for row in specs.requirements() if row.id.startswith("client.")}
    assert mine == set(CHECKS)
    assert len(mine) >= 60
    assert {probe for row in rows(specs.DEFAULT_PROFILE) for probe in row.probes} == set(families())


@pytest.mark.parametrize("row", rows(specs.DEFAULT_PROFILE), ids=lambda row: row.id)
def test_a_requirement_is_judged_in_the_standard_suite(row):
    formats = ("messages", "responses") if row.id == "client.optional-events" else ("chat",)
    assert list(chosen(Suite.STANDARD, formats, set(row.probes)))


def test_placeholders_and_variables():
    told = Briefing("http://127.0.0.1:1", "sk-k", "m", "tools-stream", 2.0, "t")
    assert told.arguments(["{base_url}/x", "{anthropic_url}", "{root_url}", "{api_key}{model}{use}", "{other}", '{"a": 1}']) == [
        "http://127.0.0.1:1/v1/x", "http://127.0.0.1:1/anthropic", "http://127.0.0.1:1", "sk-kmtools-stream", "{other}", '{"a": 1}',
    ]  # fmt: skip
    variables = told.variables({"HOME": "h", "OPENAI_API_KEY": "theirs", "NO_PROXY": "x"})
    assert variables["OPENAI_API_KEY"] == variables["ANTHROPIC_API_KEY"] == variables["DEEPSEEK_API_KEY"] == "sk-k"
    assert (variables["HOME"], variables["OPENAI_BASE_URL"], variables["ECHO_TIMEOUT_S"]) == (
        "h",
        "http://127.0.0.1:1/v1",
        "2",
    )
    assert "127.0.0.1" in variables["NO_PROXY"]
    assert "weather" in variables["ECHO_PROMPT"]
