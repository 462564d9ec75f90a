"""Findings as people read them: expected and got, then what to change."""

import io

import pytest
from rich.console import Console

from echosounder.reports import badge, html, summary, terminal, told
from echosounder.reports.figures import heading

SAYS = {
    "both": ("total is 11, expected 12", [("expected", "12"), ("got", "total is 11")]),
    "the last one counts": ("a, expected b, expected c", [("expected", "c"), ("got", "a, expected b")]),
    "one alone": ("total is missing", [("found", "total is missing")]),
}


@pytest.mark.parametrize(("message", "expected"), SAYS.values(), ids=SAYS)
def test_a_message_leads_with_what_was_expected(message, expected):
    assert list(told.lines(message)) == expected


@pytest.fixture
def report(make_check, make_requirement, make_finding):
    found = make_finding("total is 11, expected 12") | {"cause": "sums are wrong"}
    links = [{"proxy": "nginx", "directive": "gzip off;", "link": "https://nginx.org/en/"}]
    row = make_requirement("a.sum", "MUST", "fail", [found])
    return make_check([row | {"remedy": {"server": "Add them up.", "proxies": links}}])


def test_every_output_shows_expected_got_and_the_remedy(report):
    screen = Console(file=io.StringIO(), width=200)
    terminal.show(report, None, screen)
    for text in (screen.file.getvalue(), summary.render(report), html.render(report)):
        lowered = text.lower()
        assert lowered.index("expected") < lowered.index("total is 11")
        assert "Add them up." in text
        assert "gzip off" in text


@pytest.mark.parametrize("output", [summary.render, html.render])
def test_a_directive_is_linked(output, report):
    assert "https://nginx.org/en/" in output(report)


@pytest.mark.parametrize(
    ("profile", "says"), [("openai", "OpenAI API"), ("2026-11", "DeepSeek API 2026-11")], ids=["openai", "dated"]
)
def test_the_heading_fits_the_profile(profile, says, report):
    report["profile"] = profile
    assert f"Conformance with the {says}" in html.render(report)
    assert says in badge.svg(report)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("ci", "CI"),
        ("ttft_ms", "TTFT (ms)"),
        ("duration_s", "Duration (s)"),
        ("goodput_per_s", "Goodput per s"),
        ("in_flight", "In flight"),
        ("e2e_from_schedule_ms", "End to end from schedule (ms)"),
    ],
)
def test_a_heading_is_words_and_not_a_key(key, says):
    assert heading(key) == says
