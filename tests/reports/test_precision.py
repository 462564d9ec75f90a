"""A figure with its two errors, as it stands in every output."""

import copy

import pytest
from rich.console import Console

from echosounder import reports
from echosounder.reports import load_charts, precision, terminal


def row(figure, ci=None, **more):
    return {"count": 2400, "p50": figure, "p50_ci": ci, "max": 9.0} | more


FIGURES = [
    (row(412.0, [395.0, 430.0]), "412 ±18"),
    (row(5.178, [5.17, 5.19]), "5.18 ±0.02"),
    (row(5.178, [5.0, 5.19]), "5.18 ±0.18"),  # the wider side
    (row(5.178, [5.178, 5.178]), "5.18 ±0.01"),  # nothing is known better than it is shown
    (row(62_207.0, [62_207.0, 62_208.0]), "62,207 ±100"),  # nor better than a histogram keeps it
    (row(0.0014, [0.0014, 0.0014]), "0.001 ±0.001"),
    (row(0.0), "0.000 ±?"),
    (row(70.96), "71.0 ±?"),
    (row(None), "–"),
    (row(3000.0, [2900.0, 3100.0], at_least=["p50", "max"]), "≥3,000"),
]


@pytest.mark.parametrize(("latency", "says"), FIGURES, ids=[says for _, says in FIGURES])
def test_a_figure_has_its_sampling_error(latency, says):
    assert precision.sampled(latency, "p50") == says


CLIENT = [
    ({"plus": 0.0, "minus": 3.0}, "+0/−3"),
    ({"plus": 0.583, "minus": 0.583}, "±0.58"),
    (None, "–"),
]


@pytest.mark.parametrize(("error", "says"), CLIENT, ids=[says for _, says in CLIENT])
def test_the_client_has_an_error_of_its_own(error, says):
    assert precision.client(row(1.0, client_ms=error)) == says


@pytest.fixture
def trusted(load_report):
    """A report of which a third of the requests was given up: the upper half of TTFT is not known."""
    report = copy.deepcopy(load_report)
    ttft = report["metrics"]["ttft_ms"]
    report["load"] = {"users": None, "rate": "50", "arrival": "poisson"}
    ttft |= {"p50": 412.0, "p50_ci": [395.0, 430.0], "count": 60, "censored": 30}
    ttft |= {"p95": 3000.0, "at_least": ["mean", "p90", "p95", "p99", "p999", "max"]}
    ttft["client_ms"] = {"plus": 0.0, "minus": 3.0}
    report["metrics"]["gap_ms"]["client_ms"] = {"plus": 2.0, "minus": 2.0}
    report["client_error_ms"] |= {"source": "calibration of yesterday"}
    report["slo"] = [{"expr": "ttft_p95<500ms", "value": 3000.0, "met": False, "at_least": True}]
    report["cost"] |= {"usd": "0.5", "unpriced": 30}
    return report


def printed(report, width=80):
    console = Console(no_color=True, record=True, width=width, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    terminal.show(report, None, console)
    return console.export_text()


SAID = (
    "412 ±18",
    "≥3,000",
    "+0/−3",
    "60+30",
    "calibration of yesterday",
    "at least $0.5 (30 requests reported no usage)",
)


@pytest.mark.parametrize("format", ["terminal", "md", "html"])
def test_every_output_says_how_far_to_trust_a_figure(trusted, format):
    text = printed(trusted) if format == "terminal" else reports.render(format, trusted)
    assert [said for said in SAID if said not in text] == []
    assert "measured ≥ 3,000 ms" in text if format == "terminal" else "≥ 3,000 ms" in text


def test_the_terminal_shows_it_in_eighty_columns(trusted):
    lines = printed(trusted).splitlines()
    table = next(number for number, line in enumerate(lines) if line.startswith("ms "))
    assert lines[table].split() == ["ms", "p50", "p95", "p99", "max", "client", "n"]
    assert lines[table + 1].split()[:4] == ["TTFT", "412", "±18", "≥3,000"]
    assert lines[table + 1].split()[-2:] == ["+0/−3", "60+30"]
    assert lines[table + 2].startswith(" from schedule "), "below what it is of"
    assert max(map(len, lines[table : table + 6])) <= 80


def test_what_waits_for_its_turn_is_shown_where_requests_are_due(trusted):
    names = [metric.key for metric, _ in precision.main(trusted)]
    assert names == ["ttft_ms", "ttft_from_schedule_ms", "gap_ms", "e2e_ms", "e2e_from_schedule_ms"]
    trusted["load"] |= {"rate": None, "users": "8"}
    assert [metric.key for metric, _ in precision.main(trusted)] == ["ttft_ms", "gap_ms", "e2e_ms"]
    assert "ttft_from_schedule_ms" in [metric.key for metric, _ in precision.others(trusted)]


def test_the_legend_explains_only_what_is_there(load_report):
    for name in ("ttft_ms", "gap_ms", "e2e_ms"):
        load_report["metrics"][name] |= {"p50_ci": [1.0, 2.0], "p95_ci": [1.0, 2.0]}
    assert list(precision.legend(load_report)) == ["± is the 95 % confidence interval of sampling"]


@pytest.mark.parametrize("format", ["terminal", "md", "html"])
def test_where_nothing_was_measured_there_is_no_table_of_it(load_report, format):
    report = load_report | {"metrics": dict.fromkeys(load_report["metrics"])}
    text = printed(report) if format == "terminal" else reports.render(format, report)
    assert "sampling" not in text
    assert "client  n" not in text
    assert "| client |" not in text


def test_a_lower_bound_is_no_point_of_a_line(trusted):
    lines = load_charts.latency(trusted)
    for name in ("gap_ms", "tpot_ms", "e2e_ms"):
        trusted["metrics"][name] = None
    trusted["metrics"]["ttft_ms"]["at_least"] += ["p50"]
    assert lines
    assert load_charts.latency(trusted) == ""


KEPT = {
    "token_events": 1000,
    "token_reads": 880,
    "malformed_events": 2,
    "keepalives": 40,
    "requests_with_keepalives": 9,
}


@pytest.mark.parametrize("format", ["terminal", "md", "html"])
def test_keep_alives_and_shared_reads_are_told(load_report, format):
    report = load_report | {"stream": KEPT}
    report["metrics"]["keepalive_interval_ms"] = load_report["metrics"]["connect_ms"] | {"p50": 5000.0}
    text = printed(report, 120) if format == "terminal" else reports.render(format, report)
    assert "40 keep-alives in 9 requests, one every 5,000 ms (p50)" in text
    assert "12.0 % of the events with output came in one read with others" in text
    assert "2 events were malformed" in text


MONEY = [
    ({"usd": "0.5"}, 0, "$0.5"),
    ({"usd": "0.5", "unpriced": 0}, 3, "$0.5, warm-up included"),
    ({"usd": "0.5", "unpriced": 1}, 0, "at least $0.5 (1 request reported no usage)"),
    ({"usd": None, "unpriced": 300}, 0, "cost not known: 300 requests reported no usage"),
    ({"usd": None}, 0, "–"),
]


@pytest.mark.parametrize(("cost", "warm_up", "says"), MONEY, ids=[row[2] for row in MONEY])
def test_cost_is_told_as_far_as_it_is_known(cost, warm_up, says):
    from echosounder.reports.figures import cost as told

    assert told({"cost": cost, "counts": {"warm_up": warm_up}}).startswith(says)


UNITS = [
    ("ttft_p95<0.5s", 412.0, "412 ms"),
    ("goodput>20", 19.5, "19.5/s"),
    ("output_tokens>20/s", 1900.0, "1,900/s"),
    ("failures<1%", 0.021, "2.1 %"),
    ("usd<=0.5", 0.25, "$0.25"),
    ("ttft_p95<500ms", None, "–"),
]


@pytest.mark.parametrize(("expr", "value", "says"), UNITS, ids=[row[0] for row in UNITS])
def test_what_an_objective_was_measured_at_has_a_unit(expr, value, says):
    from echosounder.reports.figures import objective

    assert objective({"expr": expr, "value": value, "met": True}) == says
