"""Generated requests and the bundled document test each other; the boundary table and the mock do too."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echosounder import specs
from echosounder.conformance.ask import CHAT, Ask
from echosounder.conformance.generate.boundaries import bounds
from echosounder.conformance.generate.requests import chat, corpus, fim, messages, tools
from echosounder.conformance.http_sender import HttpSender
from echosounder.judgement.schema import value_mismatches
from echosounder.wire.target import target

PROFILES = [(profile, model) for profile in specs.PROFILES for model in specs.models(profile)[-1:]]
quick = settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(("profile", "model"), PROFILES)
@quick
@given(data=st.data())
def test_generated_chats_are_legal(profile, model, data):
    body = data.draw(chat(Ask(profile, model)))
    assert list(value_mismatches(body, "ChatRequest", profile)) == []


@quick
@given(data=st.data())
def test_generated_fims_are_legal(data):
    body = data.draw(fim(Ask("2026-08", "deepseek-v4-flash")))
    assert list(value_mismatches(body, "FimRequest", "2026-08")) == []


@quick
@given(data=st.data())
def test_every_call_is_answered_once_and_at_once(data):
    turns = data.draw(messages(data.draw(tools())))
    assert turns[-1]["role"] in {"user", "tool"}
    for index, turn in enumerate(turns):
        called = [call["id"] for call in turn.get("tool_calls", ())]
        answered = [each["tool_call_id"] for each in turns[index + 1 : index + 1 + len(called)]]
        assert called == answered
    assert sum(turn["role"] == "tool" for turn in turns) == sum(len(turn.get("tool_calls", ())) for turn in turns)


def test_a_seed_always_asks_the_same():
    ask = Ask("2026-08", "deepseek-v4-flash")
    first, again, other = (corpus(chat(ask), 8, number) for number in (1, 1, 2))
    assert len(first) == 8
    assert first == again != other


BOUNDS = list(bounds(specs.document("2026-08"), "ChatRequest"))


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: f"{bound.member} {bound.rule}")
def test_a_bound_is_where_the_document_has_it(bound):
    body = bound.on(Ask("2026-08", "deepseek-v4-flash").body("Hi.", stream=True, logprobs=True))
    assert (list(value_mismatches(body, "ChatRequest", "2026-08")) == []) is bound.legal


def test_the_mock_refuses_what_is_out_of_bounds(mock):
    ask, wrong = Ask("2026-08", "deepseek-v4-flash"), []
    with HttpSender(target(mock.url), "sk-test-0123456789") as runner:
        for bound in BOUNDS:
            body = bound.on(ask.body("Hi.", max_tokens=1, stream=True, logprobs=True))
            if not bound.legal:
                exchange = runner.send(ask.post(CHAT, body), "1", "test")
                wrong += [] if exchange.status in {400, 422} else [(bound.member, bound.rule, exchange.status)]
    assert len(BOUNDS) > 40
    assert wrong == []
