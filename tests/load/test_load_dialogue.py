"""Sessions as a pure machine: which requests follow an answer, and what stands in them."""

import json
from typing import Any

import pytest

from echosounder.load.worker.dialogue import Chain, Dialogue, Manners
from echosounder.wire.answer import Answer, Call
from echosounder.wire.formats import CHAT, MESSAGES, RESPONSES, Question, Turn

SYSTEM = (Turn("system", "be brief"),)


def dialogue(**manners: Any) -> Dialogue:
    given = {"rounds": 2, "bounded": frozenset({"length"}), "question": "q{}".format, "result": "r{}".format, **manners}
    return Dialogue(Manners(**given), SYSTEM, "seed")


def call(*ids: str) -> tuple[Call, ...]:
    return tuple(Call((id,), ("look_up",), "{}") for id in ids)


def told(chain: Chain) -> list[str]:
    """``user:q1``, ``assistant:a+c1`` (with a call), ``tool:r1@c1``."""
    return [
        f"{turn.role}:{turn.text}"
        + "".join(f"+{each.id}" for each in turn.calls)
        + (f"@{turn.call}" if turn.call else "")
        + (f"~{turn.reasoning}" if turn.reasoning else "")
        for turn in chain.turns[1:]
    ]


def played(machine: Dialogue, *answers: Answer) -> list[list[str]]:
    """What each request held, if *answers* come to them in the order in which they were asked."""
    waiting, seen = [machine.begin()], []
    for answer in answers:
        chain = waiting.pop(0).chain
        seen.append(told(chain))
        waiting += machine.answered(chain, answer)
        assert machine.open == len(waiting)
    assert not waiting, "the answers are all that it needs"
    return seen


ONE, TWO = Answer("one"), Answer("two")
CASES = {
    "two questions": ({}, [ONE, TWO], [["user:q1"], ["user:q1", "assistant:one", "user:q2"]]),
    "an empty answer is not repeated": ({}, [Answer(""), TWO], [["user:q1"], ["user:q1", "user:q2"]]),
    "calls are not answered by who has no tools": (
        {"rounds": 1},
        [Answer(calls=call("c1"))],
        [["user:q1"]],
    ),
    "a call is answered": (
        {"rounds": 1, "tool_rounds": 4},
        [Answer("let me", calls=call("c1")), ONE],
        [["user:q1"], ["user:q1", "assistant:let me+c1", "tool:r1@c1"]],
    ),
    "two calls at once are answered together": (
        {"rounds": 1, "tool_rounds": 4},
        [Answer(calls=call("c1", "c2")), ONE],
        [["user:q1"], ["user:q1", "assistant:+c1+c2", "tool:r1@c1", "tool:r2@c2"]],
    ),
    "a call that was cut off is none": (
        {"rounds": 1, "tool_rounds": 4},
        [Answer(calls=call("c1"), finishes=("length",))],
        [["user:q1"]],
    ),
    "a call without an id cannot be answered": (
        {"rounds": 1, "tool_rounds": 4},
        [Answer(calls=(Call((), ("look_up",)),))],
        [["user:q1"]],
    ),
    "after the last round of calls the next question": (
        {"tool_rounds": 1},
        [Answer(calls=call("c1")), TWO],
        [["user:q1"], ["user:q1", "assistant:+c1", "tool:r1@c1", "user:q2"]],
    ),
    "rounds of calls begin again with each question": (
        {"tool_rounds": 2},
        [Answer(calls=call("c1")), ONE, Answer(calls=call("c2")), TWO],
        [
            ["user:q1"],
            ["user:q1", "assistant:+c1", "tool:r1@c1"],
            ["user:q1", "assistant:+c1", "tool:r1@c1", "assistant:one", "user:q2"],
            ["user:q1", "assistant:+c1", "tool:r1@c1", "assistant:one", "user:q2", "assistant:+c2", "tool:r2@c2"],
        ],
    ),
    "a sub-agent answers the first call": (
        {"rounds": 1, "tool_rounds": 4, "subagents": 1},
        [Answer(calls=call("c1")), Answer(calls=call("c2")), Answer("found"), ONE],
        [
            ["user:q1"],
            ["user:q2"],
            ["user:q2", "assistant:+c2", "tool:r2@c2"],
            ["user:q1", "assistant:+c1", "tool:found@c1"],
        ],
    ),
    "the slower of two sub-agents is waited for": (
        {"rounds": 1, "tool_rounds": 4, "subagents": 2},
        [Answer(calls=call("c1", "c2")), Answer("first"), Answer("second"), ONE],
        [
            ["user:q1"],
            ["user:q2"],
            ["user:q3"],
            ["user:q1", "assistant:+c1+c2", "tool:first@c1", "tool:second@c2"],
        ],
    ),
    "thoughts go back where they are asked for": (
        {"thoughts": True},
        [Answer("one", "hm"), TWO],
        [["user:q1"], ["user:q1", "assistant:one~hm", "user:q2"]],
    ),
    "and nowhere else": (
        {},
        [Answer("one", "hm"), TWO],
        [["user:q1"], ["user:q1", "assistant:one", "user:q2"]],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_asked_next(case: str) -> None:
    manners, answers, expected = CASES[case]
    assert played(dialogue(**manners), *answers) == expected


def test_pauses() -> None:
    machine = dialogue(think=(2, 3), tool_time=(0.5, 0.75), tool_rounds=3)
    first = machine.begin()
    assert first.pause == 0
    (tool,) = machine.answered(first.chain, Answer(calls=call("c1", "c2")))
    assert 0.5 <= tool.pause <= 0.75
    (question,) = machine.answered(tool.chain, ONE)
    assert 2 <= question.pause <= 3


TURNS = (
    Turn("user", "look"),
    Turn("assistant", "", "hm", call("a", "b")),
    Turn("tool", "ra", call="a"),
    Turn("tool", "rb", call="b"),
    Turn("user", "on"),
)


def called(id: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "look_up", "arguments": "{}"}}


BODIES = {
    CHAT: [
        {"role": "user", "content": "look"},
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "hm",
            "tool_calls": [called("a"), called("b")],
        },
        {"role": "tool", "content": "ra", "tool_call_id": "a"},
        {"role": "tool", "content": "rb", "tool_call_id": "b"},
        {"role": "user", "content": "on"},
    ],
    MESSAGES: [
        {"role": "user", "content": "look"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": id, "name": "look_up", "input": {}} for id in "ab"],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": id, "content": f"r{id}"} for id in "ab"],
        },
        {"role": "user", "content": "on"},
    ],
    RESPONSES: [
        {"type": "message", "role": "user", "content": "look"},
        *({"type": "function_call", "call_id": id, "name": "look_up", "arguments": "{}"} for id in "ab"),
        *({"type": "function_call_output", "call_id": id, "output": f"r{id}"} for id in "ab"),
        {"type": "message", "role": "user", "content": "on"},
    ],
}


@pytest.mark.parametrize("form", BODIES, ids=lambda form: form.name)
def test_calls_and_results_in_each_format(form: Any) -> None:
    body = form.ask("m", Question(TURNS))
    assert body["input" if form is RESPONSES else "messages"] == BODIES[form]
    json.dumps(body)


@pytest.mark.parametrize(("arguments", "input"), [('{"a": 1}', {"a": 1}), ("", {}), ("[1]", {}), ('{"a": ', {})])
def test_arguments_that_are_no_object_are_an_empty_one_in_messages(arguments: str, input: Any) -> None:
    turn = Turn("assistant", "so", calls=(Call(("a",), ("f",), arguments),))
    content = MESSAGES.ask("m", Question((turn,)))["messages"][0]["content"]
    assert content == [{"type": "text", "text": "so"}, {"type": "tool_use", "id": "a", "name": "f", "input": input}]
