"""One sender for every position: what it records, when it gives up, and what its footer says. No socket: positions are scripted."""

import json
import re
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal

import pytest

from echosounder.conformance.ask import Ask
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.positions import Answered, choose
from echosounder.conformance.probe import PROBES, Probe
from echosounder.conformance.probe_sender import GIVE_UP_AFTER, probe_sender
from echosounder.judgement.setting import MODELS, Suite
from echosounder.specs import DEFAULT_PROFILE
from echosounder.wire.errors import BudgetSpent, CannotJudge, KeyRefused, Unreachable
from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.header import RunKind
from echosounder.wire.runlog import read
from echosounder.wire.target import target

LIST = b'{"object":"list","data":[{"id":"deepseek-v4-pro","object":"model","owned_by":"d"}]}'


def answered(id, probe=MODELS, status=200, body=LIST, **notes):
    request = Request("GET", "/models", "http://h/models")
    headers = (("content-type", "application/json"),)
    return Exchange(id, probe, request, status=status, headers=headers, reads=(Read(1, body),), notes=notes)


class Scripted:
    """A position that gives what it is told to: for each request whether silence, and why not to go on."""

    subject = "the thing"

    def __init__(self, *script, first=None):
        self.script, self.listed, self.numbers, self.sends = list(script), first, [], []

    def first(self, profile):
        if isinstance(self.listed, BaseException):
            raise self.listed
        return self.listed

    def send(self, sends, probe, number):
        self.numbers.append(number)
        self.sends += sends
        each = [self.script.pop(0) if self.script else (False, None) for _ in sends]
        ids = range(number, number + len(sends))
        return [Answered((answered(str(id), probe),), *said) for id, said in zip(ids, each, strict=True)]


@pytest.fixture
def options(tmp_path):
    return CheckOptions(target("http://h", "deepseek-v4-flash"), tmp_path, suite=Suite.SMOKE)


def opened(options, position, **more):
    return probe_sender(options, RunKind.CHECK, position, **more)


def a_probe(requests):
    def steps(ask):
        for number in range(requests):
            yield ask.chat(f"{ask.salt} {number}", step=str(number))

    return Probe("chat.made-up", Suite.SMOKE, steps, requests, 100, 16, frozenset({"chat"}), lambda ask: True, 50)


def footer(options):
    return read(options.out).footer


def test_the_list_of_models_is_the_first_exchange_and_counts_in_numbers_and_budget(options):
    position = Scripted(first=answered("1"))
    with opened(replace(options, budget_requests=20), position) as sender:
        sender.planned(1)
        sender.send(PROBES[MODELS])
        assert position.sends == []
        sender.send(a_probe(2))
    assert position.numbers == [2, 3]
    assert [each.probe for each in read(options.out).exchanges] == [MODELS, "chat.made-up", "chat.made-up"]


def test_a_budget_is_kept_over_all_requests_and_the_first_is_one_of_them(options):
    with opened(replace(options, budget_requests=3), Scripted(first=answered("1"))) as sender:
        sender.planned(1)
        sender.send(a_probe(2))
        with pytest.raises(BudgetSpent, match="the budget of 3 requests"):
            sender.send(a_probe(1))


@pytest.mark.parametrize(
    ("given", "listed", "model"),
    [
        ("deepseek-v4-flash", answered("1"), "deepseek-v4-flash"),
        (None, answered("1"), "deepseek-v4-pro"),
        (None, None, choose(None, DEFAULT_PROFILE)),
    ],
)
def test_the_header_names_the_model(options, given, listed, model):
    options = replace(options, target=target("http://h", given))
    with opened(options, Scripted(first=listed)) as sender:
        assert sender.model == model
    assert read(options.out).header.target.model == model


def test_ctrl_c_at_the_first_request_leaves_a_log_that_says_so(options):
    with pytest.raises(KeyboardInterrupt), opened(options, Scripted(first=KeyboardInterrupt())):
        pass
    assert footer(options)["interrupted"] == "KeyboardInterrupt"


SILENT, HEARD, UNSAID = (True, None), (False, None), (None, None)


@pytest.mark.parametrize(
    ("script", "gone"),
    [
        ([SILENT] * (GIVE_UP_AFTER - 1), False),
        ([SILENT] * GIVE_UP_AFTER, True),
        ([SILENT] * (GIVE_UP_AFTER - 1) + [HEARD, SILENT], False),
        ([SILENT] * (GIVE_UP_AFTER - 1) + [UNSAID, SILENT], True),
        ([UNSAID] * (GIVE_UP_AFTER + 1), False),
    ],
)
def test_silence_in_a_row_ends_a_run(options, script, gone):
    reason = f"the thing stopped answering: {GIVE_UP_AFTER} requests in a row got no answer (); is it still running? Its log says more"
    ends = pytest.raises(CannotJudge, match=re.escape(reason)) if gone else nullcontext()
    with opened(options, Scripted(*script)) as sender, ends:
        sender.send(a_probe(len(script)))


def test_a_dead_end_is_recorded_before_it_ends_the_run_and_the_footer_says_why(options):
    reason = Unreachable("nobody at home")
    with opened(options, Scripted(HEARD, (False, reason))) as sender:
        sender.due(["a", "b"])
        sender.done("a")
        with pytest.raises(Unreachable) as caught:
            sender.send(a_probe(3))
        assert sender.stop(caught.value) is reason
    log = read(options.out)
    assert len(log.exchanges) == 2
    assert log.footer["unsent"] == {"b": "nobody at home"}
    assert (log.footer["stopped"], log.footer["stopped_by"]) == ("nobody at home", "Unreachable")


def test_what_the_budget_left_out_keeps_its_own_reason(options):
    with opened(replace(options, suite=Suite.STANDARD, budget_usd=Decimal("0.001")), Scripted()) as sender:
        left_out = sender.planned(1).left_out
        sender.stop(CannotJudge("something else"))
    assert left_out
    unsent = footer(options)["unsent"]
    assert {name: unsent[name] for name in left_out} == left_out
    assert {why for name, why in unsent.items() if name not in left_out} == {"something else"}


def test_every_round_asks_for_something_new_and_says_which_it_is(options):
    position = Scripted()
    with opened(options, position) as sender:
        for round in range(3):
            sender.send(a_probe(1), round)
    texts = [json.loads(send.body)["messages"][0]["content"] for send in position.sends]
    assert len(set(texts)) == 3
    assert [send.notes.get("round") for send in position.sends] == [None, 1, 2]


def test_prompts_that_are_not_salted_are_those_of_any_other_run(options):
    with opened(options, Scripted(), salted=False) as sender:
        assert sender.ask(0).salt == Ask(options.profile, "m").salt


def test_requests_that_are_under_way_together_are_numbered_and_debited_one_by_one(options):
    position = Scripted()
    ask = Ask(options.profile, "m")
    with opened(replace(options, budget_requests=3), position) as sender:
        sender.send_together([ask.chat("a"), ask.chat("b")], "x")
        with pytest.raises(BudgetSpent):
            sender.send_together([ask.chat("c"), ask.chat("d")], "x")
    assert position.numbers == [1]
    assert [each.id for each in read(options.out).exchanges] == ["1", "2"]


def test_the_variable_of_a_refused_key_is_a_field_and_no_word_of_the_message():
    refused = KeyRefused("http://h/{variable} does not accept the key", "; check {variable}")
    assert str(refused) == "http://h/{variable} does not accept the key; check the variable that holds it"
    around = refused.around("the candidate: ", " (again)")
    assert str(around.naming("MY_KEY")) == (
        "the candidate: http://h/{variable} does not accept the key; check the variable MY_KEY (again)"
    )
