"""Mistakes of a model: the text changes, its count with it, and never beyond the bound."""

from random import Random

from echosounder.mock_server.answering.plan import AnswerPlan, PromptTokens
from echosounder.mock_server.deviations.at_plan_noise import noisy_model
from echosounder.mock_server.deviations.registry import Context
from echosounder.mock_server.net.http1 import HttpRequest

FORMS = 'Hi <É&">\n€ 1'
SIX = ["Six", " ", "small", " words", " of", " mine"]


HONEST = ('{"city": "Paris"}', '{"city": "Tokyo"}')
"""As an honest answer spells its arguments: without the blank they are the same JSON, and damaged all the same."""

ROWS = [
    ("noisy-model:percent=100", "forms", lambda wire: wire.text != FORMS and wire.finishes == ["stop"]),
    ("noisy-model:percent=100", "forms as stream", lambda wire: wire.text != FORMS and wire.finishes == ["stop"]),
    (
        "noisy-model:percent=100,calls=true",
        "calls",
        lambda wire: any(call["function"]["arguments"] not in HONEST for call in wire.calls),
    ),
]


def test_on_the_wire(row, see):
    see(row)


def spoken(seed, most, finish="stop", **how):
    plan = AnswerPlan("x", 0, "m", "fp", PromptTokens(3), list(SIX), finish, len(SIX))
    request = HttpRequest("POST", "/chat/completions", {}, b"", 0)
    return noisy_model(plan, Context(request, {"max_tokens": most}, Random(seed), seed), **how)


def test_each_request_has_luck_of_its_own():
    made = [spoken(seed, 64, percent=50) for seed in range(200)]
    right = sum(each.content == SIX for each in made)
    assert 70 < right < 130
    assert len({tuple(each.content) for each in made}) > 8
    assert all(each.completion_tokens == len(each.content) for each in made)


def test_no_mistake_passes_the_bound():
    assert all(spoken(seed, 6, percent=100).completion_tokens <= 6 for seed in range(100))
    assert {spoken(seed, 6, "length", percent=100).completion_tokens for seed in range(100)} == {6}
