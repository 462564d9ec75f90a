"""What is left out of requests on the way around a refusal, and what never is."""

import json

import pytest

from echosounder import specs
from echosounder.conformance.ask import Ask
from echosounder.conformance.detours import Detours
from echosounder.wire.exchange import Exchange, Request

ASK = Ask(specs.DEFAULT_PROFILE, "deepseek-flash")


def sent(**members):
    return ASK.chat("Say hello.", max_tokens=4, thinking=..., **members)


def answered(send, status):
    request = Request("POST", send.path, f"http://h{send.path}", (), send.body)
    return Exchange("1", "", request, status=status, notes=dict(send.notes), format="chat")


def server(refuses):
    """One that refuses each request that *refuses* names; ``asked`` are the bodies that it got."""

    def ask(send):
        asked.append(json.loads(send.body))
        return answered(send, 400 if refuses(asked[-1]) else 200)

    asked = []
    return ask, asked


def test_a_member_that_is_refused_from_the_start_is_left_out_and_stays_so():
    ask, _ = server(lambda body: "temperature" in body)
    detours, send = Detours(), sent(temperature=0)
    assert detours.search(send, answered(send, 400), "chat.greedy", ask).status == 200
    assert detours.taken == ("temperature",)
    assert "temperature" not in json.loads(detours.around(send, "chat.other").body)


@pytest.mark.parametrize("probe", ["chat.temperature-bounds", "chat.other"])
def test_a_member_that_was_served_once_is_refused_for_its_value(probe):
    ask, asked = server(lambda body: body.get("temperature") == 2)
    detours, low, high = Detours(), sent(temperature=0), sent(temperature=2)
    detours.search(low, answered(low, 200), probe, ask)
    assert detours.search(high, answered(high, 400), probe, ask).status == 400
    assert (asked, detours.taken) == ([], ())


def test_a_probe_about_a_member_keeps_it():
    ask, asked = server(lambda body: body.get("temperature") == 2)
    detours, send = Detours(), sent(temperature=2)
    assert detours.search(send, answered(send, 400), "chat.temperature-bounds", ask).status == 400
    assert all(body["temperature"] == 2 for body in asked)
