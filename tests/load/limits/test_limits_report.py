"""What clients come to, by their way of retrying; and what is reported."""

import json

import pytest
from jsonschema import Draft202012Validator
from limits_scenes import played

from echosounder import reports
from echosounder.load.limits.policies import Retries, best


def policies(name):
    return {row["policy"]: row for row in played(name).report["policies"]}


def test_a_client_that_does_not_retry_gives_up_what_was_refused():
    none = policies("clients of a bucket")["none"]
    assert none["done"] == 20
    assert none["abandoned"] == none["jobs"] - 20 > 0
    assert none["requests"] == none["jobs"]


@pytest.mark.parametrize("policy", ["fixed", "exponential-jitter", "retry-after"])
def test_a_client_that_retries_gets_everything_done(policy):
    row = policies("clients of a bucket")[policy]
    assert (row["done"], row["abandoned"]) == (row["jobs"], 0)
    assert row["requests"] > row["jobs"]
    assert row["goodput_per_s"] == pytest.approx(row["done"] / (row["seconds"] + row["rest_s"]), rel=1e-3)
    assert row["requests_per_job"] == pytest.approx(row["requests"] / row["done"], rel=1e-3)


def test_no_way_of_retrying_is_said_to_pass_what_the_limiter_gives():
    """10 a second: whoever takes the burst of 20 at once and gives up the rest has to wait until there is one again."""
    rows = policies("clients of a bucket")
    assert all(row["goodput_per_s"] <= 10 * 1.01 for row in rows.values())
    [best] = [row for row in rows.values() if row["recommended"]]
    assert best["policy"] == "retry-after"
    assert best["abandoned"] == 0


def test_no_way_of_retrying_is_recommended_where_none_gets_the_jobs_done():
    given_up = Retries("none", 8, 2, 6, 8, 1.0)
    assert best([]) is best([given_up]) is None
    assert best([given_up, fixed := Retries("fixed", 8, 8, 0, 20, 4.0)]) is fixed


def test_a_hint_that_lies_costs_its_believers_their_jobs():
    row = policies("clients told lies")["retry-after"]
    assert row["abandoned"] > 0
    assert row["requests"] > 2 * row["jobs"] - 20


@pytest.mark.parametrize(
    "name", ["cap", "bucket", "hint: true", "queue", "bucket that punishes", "clients of a bucket"]
)
def test_the_report_is_of_the_schema(name):
    member = reports.schema("load")["properties"]["rate_limit"]
    Draft202012Validator(member).validate(json.loads(json.dumps(played(name).report)))


@pytest.mark.parametrize("name", ["cap", "busy", "bucket", "hint: true", "clients of a bucket"])
def test_the_curves_add_up_to_what_was_sent(name):
    curves, discovery = played(name).report["curves"], played(name).discovery
    totals = {key: sum(second[key] for second in curves) for key in ("offered", "admitted", "rejected", "abandoned")}
    assert totals["offered"] == totals["admitted"] + totals["rejected"] == len(discovery.events)
    assert totals["rejected"] == played(name).report["refusals"]["count"]
    assert totals["abandoned"] == sum(result.abandoned for result in discovery.policies)


def test_no_second_has_more_in_flight_than_the_cap_and_some_have_as_many():
    assert max(second["in_flight"] for second in played("cap").report["curves"]) == 8


@pytest.mark.parametrize("name", ["cap", "bucket", "hint: true"])
def test_the_model_is_drawn_over_the_decisions_it_was_told_from(name):
    line, record = played(name).report["timeline"], played(name).discovery.record
    assert sum(bin_["admitted"] for bin_ in line) == len(record.accepts)
    assert sum(bin_["rejected"] for bin_ in line) == len(record.refusals)
    assert sum(bin_["model_admitted"] + bin_["model_rejected"] for bin_ in line) == len(record.all)
    agreed = sum(min(bin_["admitted"], bin_["model_admitted"]) for bin_ in line)
    assert agreed >= 0.9 * len(record.accepts)
