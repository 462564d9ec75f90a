"""Conversations as a state machine: whatever moves follow each other, the request is legal, and the mock serves and counts it right."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from echosounder import specs
from echosounder.conformance.ask import BETA_CHAT, CHAT, Ask
from echosounder.conformance.generate.conversations import Move, Talk, sends, sends_in, walks
from echosounder.conformance.generate.legal import breaches, legal
from echosounder.conformance.generate.requests import TEXT, chat
from echosounder.conformance.http_sender import HttpSender
from echosounder.conformance.probes.cache import LONG
from echosounder.judgement.answers import answer
from echosounder.judgement.check import CannotSay, Case
from echosounder.judgement.checks.conversations import hits_grow, hits_within_prefix, prompt_grows, split
from echosounder.mock_server.net.process import spawn
from echosounder.wire.formats import MESSAGES, RESPONSES
from echosounder.wire.target import target

ASK = Ask(specs.DEFAULT_PROFILE, "deepseek-v4-flash")
PROFILES = [(profile, model) for profile in specs.PROFILES for model in specs.models(profile)]
quick = settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def mock():
    """One of each test's own: what another test asked is in the cache of a shared one."""
    with spawn(ttft_ms=0, itl_ms=0) as running:
        yield running


@pytest.mark.parametrize(("profile", "model"), PROFILES)
@quick
@given(walk=walks(1, 6), thinks=st.booleans())
def test_every_state_can_be_sent(profile, model, walk, thinks):
    ask = Ask(profile, model)
    for send in sends(Talk(ask, "Be brief.", thinks and ask.limits.thinking == "switch"), walk):
        assert legal(body_of(send), send.path, ask), list(breaches(body_of(send), send.path))


def body_of(send):
    return json.loads(send.body)


@quick
@given(data=st.data())
def test_the_generator_of_chats_keeps_the_rules_that_are_written_down_apart(data):
    assert list(breaches(data.draw(chat(ASK)), CHAT)) == []


USER, REPLY = {"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLS, RESULT = (
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "a", "content": "7"},
)
BEGUN = {**REPLY, "prefix": True}
F = {"tools": [{"type": "function", "function": {"name": "f"}}]}
BREACHES = {
    "nothing": ({}, [], CHAT, "nothing last"),
    "assistant last": ({}, [USER, REPLY], CHAT, "assistant last"),
    "assistant first": ({}, [REPLY, USER], CHAT, "assistant after nothing"),
    "two users": ({}, [USER, USER], CHAT, "user after user"),
    "late system": ({}, [USER, REPLY, {"role": "system", "content": "No."}, USER], CHAT, "system after assistant"),
    "lost result": (F, [USER, CALLS, USER], CHAT, "without its result"),
    "wrong result": (F, [USER, CALLS, {**RESULT, "tool_call_id": "b"}], CHAT, "without its result"),
    "orphan": (F, [USER, REPLY, RESULT], CHAT, "without its call"),
    "call of nothing": ({}, [USER, CALLS, RESULT], CHAT, "a call of f"),
    "same names": ({"tools": F["tools"] * 2}, [USER], CHAT, "one name"),
    "begun off beta": ({}, [USER, BEGUN], CHAT, "assistant last"),
    "begun in between": ({}, [USER, BEGUN, USER], BETA_CHAT, "not last"),
    "choice of nothing": ({"tool_choice": "auto"}, [USER], CHAT, "tool_choice without tools"),
    "options alone": ({"stream_options": {"include_usage": True}}, [USER], CHAT, "without stream"),
}


@pytest.mark.parametrize(("fields", "turns", "path", "told"), BREACHES.values(), ids=BREACHES)
def test_what_breaks_the_rules_is_named(fields, turns, path, told):
    assert any(told in breach for breach in breaches({"messages": turns, **fields}, path))
    assert not legal(ASK.body(turns, **fields), path, ASK)


@pytest.mark.parametrize(
    "turns", [[USER], [USER, REPLY, USER], [USER, CALLS, RESULT], [USER, CALLS, RESULT, REPLY, USER]]
)
def test_what_keeps_them_is_legal(turns):
    assert legal(ASK.body(turns, **F), CHAT, ASK)
    assert legal(ASK.body([*turns, BEGUN] if turns[-1] is USER else turns, **F), BETA_CHAT, ASK)


OTHERS = (RESPONSES, MESSAGES)
LAST = [(profile, model) for profile in specs.PROFILES for model in specs.models(profile)[-1:]]
SAID = [(form, *place) for form in OTHERS for place in LAST if form.name in specs.behaviour(place[0]).formats]


@pytest.mark.parametrize(("form", "profile", "model"), SAID)
@quick
@given(walk=walks(1, 6), thinks=st.booleans())
def test_every_state_can_be_sent_in_other_formats(form, profile, model, walk, thinks):
    ask = Ask(profile, model)
    for send in sends_in(form, Talk(ask, "Be brief.", thinks and ask.limits.thinking == "switch"), walk):
        assert legal(body_of(send), send.path, ask), list(breaches(body_of(send), send.path))


def item(kind, id="a", **more):
    return {"type": kind, "call_id": id, **more}


MADE, GIVEN = item("function_call", name="f", arguments="{}"), item("function_call_output", output="7")
USE, FOUND = {"type": "tool_use", "id": "a", "name": "f", "input": {}}, {"type": "tool_result", "tool_use_id": "a"}
OFFERED = {
    "responses": [{"type": "function", "name": "f"}],
    "messages": [{"name": "f", "input_schema": {"type": "object"}}],
}


def blocks(role, *found):
    return {"role": role, "content": list(found)}


IN_OTHERS = {
    "no items": (RESPONSES, [], "nothing last"),
    "answer last": (RESPONSES, [USER, REPLY], "assistant last"),
    "lost output": (RESPONSES, [USER, MADE, USER], "without its result"),
    "output never": (RESPONSES, [USER, MADE], "without its result"),
    "orphan": (RESPONSES, [USER, GIVEN], "without its call"),
    "output twice": (RESPONSES, [USER, MADE, GIVEN, GIVEN], "without its call"),
    "one id twice": (RESPONSES, [USER, MADE, GIVEN, MADE, GIVEN], "id of its own"),
    "no id": (RESPONSES, [USER, MADE | {"call_id": ""}, GIVEN | {"call_id": ""}], "id of its own"),
    "call of nothing": (RESPONSES, [USER, MADE | {"name": "g"}, GIVEN], "a call of g"),
    "no messages": (MESSAGES, [], "nothing last"),
    "answer first": (MESSAGES, [REPLY, USER], "assistant after nothing"),
    "two users": (MESSAGES, [USER, USER], "user after user"),
    "two answers": (MESSAGES, [USER, REPLY, REPLY, USER], "assistant after assistant"),
    "begun": (MESSAGES, [USER, REPLY], "assistant last"),
    "lost result": (MESSAGES, [USER, blocks("assistant", USE), USER], "without its result"),
    "result of nothing": (MESSAGES, [USER, REPLY, blocks("user", FOUND)], "without its call"),
    "use of nothing": (MESSAGES, [USER, blocks("assistant", USE | {"name": "g"}), blocks("user", FOUND)], "call of g"),
}


def whole(form, turns):
    made = {"model": ASK.model, form.grammar.bound: 4, "tools": OFFERED[form.name]}
    return {**made, "input" if form is RESPONSES else "messages": turns}


@pytest.mark.parametrize(("form", "turns", "told"), IN_OTHERS.values(), ids=IN_OTHERS)
def test_what_breaks_the_rules_of_other_formats_is_named(form, turns, told):
    assert any(told in breach for breach in breaches(whole(form, turns), form.path))
    assert not legal(whole(form, turns), form.path, ASK)


@pytest.mark.parametrize(
    ("form", "turns"),
    [
        (RESPONSES, [USER]),
        (RESPONSES, [USER, MADE, MADE | {"call_id": "b"}, GIVEN | {"call_id": "b"}, GIVEN]),
        (RESPONSES, [USER, MADE, GIVEN, REPLY, USER]),
        (MESSAGES, [USER]),
        (MESSAGES, [USER, REPLY, USER]),
        (MESSAGES, [USER, blocks("assistant", USE), blocks("user", FOUND)]),
    ],
)
def test_what_keeps_the_rules_of_other_formats_is_legal(form, turns):
    assert legal(whole(form, turns), form.path, ASK)


class Conversation(RuleBasedStateMachine):
    """Every rule is a move; after each of them the request is sent, and all that was answered so far is judged."""

    runner: HttpSender
    count = 0
    name = "chat"

    @initialize(thinks=st.booleans())
    def open(self, thinks):
        type(self).count += 1
        self.talk = Talk(ASK, f"Log {self.count} {self.name}. {LONG[:1500]}", thinks)
        self.exchanges = []

    @rule(text=TEXT, stream=st.booleans())
    def ask(self, text, stream):
        self.send(Move("question", text, stream=stream))

    @rule(text=TEXT, calls=st.integers(1, 3))
    def call_and_answer(self, text, calls):
        self.send(Move("calls", text, calls=calls))

    @rule(text=TEXT)
    def begin_the_answer(self, text):
        self.send(Move("begun", text))

    @rule(text=TEXT, back=st.integers(1, 3))
    def part(self, text, back):
        self.send(Move("question", text, back=back))

    @rule(text=TEXT)
    def let_another_user_go_on(self, text):
        self.send(Move("question", text, user=1))

    def said(self, move):
        """The request after a move, and the state then."""
        return self.talk.move(move)

    def send(self, move):
        send, self.talk = self.said(move)
        exchange = self.runner.send(send, str(len(self.exchanges) + 1), "generated.conversation")
        assert exchange.status == 200, exchange.text
        self.exchanges.append(exchange)
        counts = answer(exchange).usage
        assert counts.hit is None or counts.hit + counts.miss == counts.prompt
        for judge in (prompt_grows, hits_grow, hits_within_prefix):
            assert list(found(judge, self.exchanges)) == []


class Spoken(Conversation):
    """The same in another format."""

    form = None

    def said(self, move):
        kind = "question" if move.kind == "begun" else move.kind
        [send] = sends_in(self.form, self.talk, [move])
        return send, self.talk.move(replace(move, kind=kind))[1]


@pytest.mark.parametrize("form", OTHERS, ids=lambda form: form.name)
def test_the_mock_serves_every_conversation_in_other_formats(form, mock):
    with HttpSender(target(mock.url), "sk-test-0123456789") as runner:
        machine = type("Bound", (Spoken,), {"runner": runner, "form": form, "name": form.name})
        run_state_machine_as_test(machine, settings=settings(quick, max_examples=6, stateful_step_count=10))


def found(judge, exchanges):
    try:
        yield from judge([each for each in exchanges if split(each)], Case(ASK))
    except CannotSay:
        return


def test_the_mock_serves_every_conversation_and_its_cache_never_forgets(mock):
    with HttpSender(target(mock.url), "sk-test-0123456789") as runner:
        machine = type("Bound", (Conversation,), {"runner": runner})
        run_state_machine_as_test(machine, settings=settings(quick, max_examples=10, stateful_step_count=12))


def test_a_server_that_takes_no_results_back_is_found_by_the_shortest_conversation():
    refused = []
    with (
        spawn(deviate=("tool-history-rejected",), ttft_ms=0, itl_ms=0) as mock,
        HttpSender(target(mock.url), "sk-test-0123456789") as runner,
    ):
        machine = type(
            "Noting", (Conversation,), {"runner": runner, "teardown": lambda self: refused.append(self.exchanges)}
        )
        with pytest.raises(AssertionError, match="not supported"):
            run_state_machine_as_test(machine, settings=settings(quick, max_examples=10, stateful_step_count=8))
    assert refused[-1] == []  # the very first request of the smallest example is the one that is refused


def test_a_cache_that_forgets_or_invents_is_found(mock):
    with HttpSender(target(mock.url), "sk-test-0123456789") as runner:
        walk = [Move("question", "Who?"), Move("question", "Where?"), Move("question", "When?")]
        talk = Talk(ASK, f"Log of one who forgets. {LONG[:1500]}")
        honest = [runner.send(send, str(number), "test") for number, send in enumerate(sends(talk, walk))]
    assert [list(found(judge, honest)) for judge in (prompt_grows, hits_grow, hits_within_prefix)] == [[], [], []]
    assert answer(honest[-1]).usage.hit > 0
    backwards = [replace(each, reads=other.reads) for each, other in zip(honest, honest[::-1], strict=True)]
    assert "expected more than the" in next(found(prompt_grows, backwards)).message
    assert "0 tokens hit, expected at least the" in next(found(hits_grow, backwards)).message
    assert "longest beginning shared with an earlier request" in next(found(hits_within_prefix, backwards)).message
