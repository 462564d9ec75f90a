"""Targets that lack a format, or answer in another one: named once, in one line. And paths that no format is known of."""

import json
from dataclasses import replace

import pytest

from echosounder.conformance.check_run import check
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.probe_choice import PROBES
from echosounder.judgement.report import report
from echosounder.judgement.score import score
from echosounder.judgement.setting import Suite
from echosounder.reports.unserved import lines
from echosounder.wire.formats import FORMATS, MESSAGES, RESPONSES
from echosounder.wire.runlog import Run, read
from echosounder.wire.target import target
from tests.conformance.relay import refusal, relay

KEY = "sk-test-0123456789"
OTHERS = (RESPONSES, MESSAGES)


def checked(url, folder):
    return check(CheckOptions(target(url), folder, KEY, suite=Suite.SMOKE, formats=tuple(FORMATS)))


def told(outcome, form):
    """What is said of a format: verdict and text of each requirement that has any."""
    rows = [row for row in outcome.report["requirements"] if row["id"].startswith(f"{form.name}.")]
    return {row["id"]: row for row in rows if row["verdict"] != "not-applicable"}


def asked(outcome, form):
    return sum(exchange.format == form.name for exchange in read(outcome.log).exchanges)


@pytest.fixture(scope="module")
def chat_alone(mock, tmp_path_factory):
    """A server that has chat and FIM, and knows no other path."""
    paths = {form.path for form in OTHERS}
    with relay(mock.url, lambda asked: refusal(404, "Not found") if asked.path in paths else None) as url:
        yield checked(url, tmp_path_factory.mktemp("missing"))


@pytest.mark.parametrize("form", OTHERS, ids=lambda form: form.name)
def test_a_format_that_is_not_there_is_unsupported_in_one_line(form, chat_alone):
    assert (chat_alone.exit_code, chat_alone.report["verdict"]) == (0, "conforms")
    assert asked(chat_alone, form) == 1
    [(id, row)] = told(chat_alone, form).items()
    assert (id, row["verdict"], row["findings"]) == (f"{form.name}.available", "unsupported", [])
    assert row["note"].startswith(
        f"the target does not serve the format {form.grammar.title}: POST {form.path} got status 404"
    )
    assert "\n" not in row["note"]


@pytest.fixture(scope="module")
def chat_for_all(mock, tmp_path_factory):
    """A server that answers every request with a chat completion, whatever it is asked for."""
    answer = {"object": "chat.completion", "choices": [{"message": {"role": "assistant", "content": "Hi."}}]}
    paths = {form.path for form in OTHERS}
    with relay(mock.url, lambda asked: (200, answer) if asked.path in paths else None) as url:
        yield checked(url, tmp_path_factory.mktemp("foreign"))


@pytest.mark.parametrize("form", OTHERS, ids=lambda form: form.name)
def test_an_answer_in_the_words_of_chat_is_named_as_that(form, chat_for_all):
    assert chat_for_all.exit_code == 1
    assert asked(chat_for_all, form) == 1
    [(id, row)] = told(chat_for_all, form).items()
    assert (id, row["verdict"]) == (f"{form.name}.available", "fail")
    [finding] = row["findings"]
    assert finding["message"] == f"the target answers POST {form.path} in the format Chat completion"


def test_an_exchange_of_an_unknown_path_is_judged_by_nothing_and_named(chat_alone, tmp_path):
    """Its bytes would be a bad answer of any format."""
    log = read(chat_alone.log)
    [whole] = [each for each in log.exchanges if each.probe == "chat.basic"]
    odd = replace(whole, id="odd", probe="x.unknown", format="unknown", request=replace(whole.request, path="/v3/x"))
    more = Run(log.header, (*log.exchanges, odd), footer=log.footer)
    assert score(more, PROBES) == score(log, PROBES)
    document = report(more, score(more, PROBES))
    assert document["unjudged"] == {"/v3/x": 1}
    assert "POST /v3/x: 1 not judged: no wire format is known for this path" in list(lines(document))
    assert (odd.reader.name, odd.reader.whole(json.loads(odd.text)).kind) == ("unknown", None)
