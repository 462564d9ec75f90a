"""The same words cost the same in every format: what the mock takes, what its usage says, and what the harness makes of that."""

import json
from decimal import Decimal

import pytest

from echosounder import specs
from echosounder.wire.formats import FORMATS, Question, Turn
from echosounder.wire.prices import bill_usage

LONG = " ".join(f"On day {day} the keeper wrote the wind and the tide into the log." for day in range(60))
TURNS = (Turn("system", f"Be brief. {LONG}"), Turn("user", "Who keeps the log?"))
ASKED = ("chat", "responses", "messages")
RATES = specs.Rates(Decimal("0.007"), Decimal("0.22"), Decimal("0.66"))
USAGES = {  # 100 tokens of which 64 hit the cache, and 10 of output
    "chat": {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "total_tokens": 110,
        "prompt_cache_hit_tokens": 64,
        "prompt_cache_miss_tokens": 36,
    },
    "fim": {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 64}},
    "responses": {"input_tokens": 100, "output_tokens": 10, "input_tokens_details": {"cached_tokens": 64}},
    "messages": {"input_tokens": 36, "output_tokens": 10, "cache_read_input_tokens": 64},
}


@pytest.mark.parametrize("name", USAGES)
def test_the_same_counts_cost_the_same(name):
    form = FORMATS[name]
    counts = form.usage(USAGES[name])
    assert bill_usage(counts, RATES).total == Decimal("0.000014968")
    assert (counts.prompt, counts.completion) == (100, 10)


@pytest.mark.parametrize(("written", "prompt"), [(0, 100), (None, 100), (20, 120)])
def test_what_is_written_into_a_cache_has_missed_it(written, prompt):
    counts = FORMATS["messages"].usage({**USAGES["messages"], "cache_creation_input_tokens": written})
    assert (counts.prompt, counts.hit, counts.miss) == (prompt, 64, prompt - 64)


def told(form, answered):
    """The usage that an answer tells, whole or as a stream."""
    value = answered.value
    if isinstance(value, str):  # events without a name
        value = [json.loads(line.removeprefix("data: ")) for line in value.splitlines() if line.startswith("data: {")]
    if not isinstance(value, list):
        return form.answer(value).usage
    marks = [(place, form.mark("", each)) for place, each in enumerate(value)]
    return form.joined(marks).usage


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("thinking", [False, True])
def test_the_same_words_cost_the_same(server, stream, thinking):
    """Twice in each format, each in a mock of its own: at first all misses the cache, then most of it hits."""
    costs, hits = {}, {}
    for name in ASKED:
        form, mock = FORMATS[name], server()
        body = form.ask("deepseek-v4-flash", Question(TURNS, 200, stream, thinking))
        first, second = mock(form.path, body), mock(form.path, body)
        costs[name] = [each.flight.facts.price for each in (first, second)]
        counts = [told(form, each) for each in (first, second)]
        hits[name] = [
            (each.prompt, each.completion, each.hit if each.hit is not None else each.cached) for each in counts
        ]
    assert costs["chat"] == costs["responses"] == costs["messages"]
    assert hits["chat"] == hits["responses"] == hits["messages"]
    (_, _, none), (prompt, _, most) = hits["chat"]
    assert none == 0
    assert prompt > most > prompt / 2
    assert costs["chat"][0] > costs["chat"][1] > 0


@pytest.mark.parametrize("name", ["responses", "messages"])
def test_one_cache_serves_all_formats(server, name):
    """What was asked in chat hits the cache when it is asked in another format."""
    mock = server()
    question = Question(TURNS, 20, thinking=False)
    mock(FORMATS["chat"].path, FORMATS["chat"].ask("deepseek-v4-flash", question))
    form = FORMATS[name]
    counts = told(form, mock(form.path, form.ask("deepseek-v4-flash", question)))
    assert (counts.hit or counts.cached or 0) > counts.prompt / 2
