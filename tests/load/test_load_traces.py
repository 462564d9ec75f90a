"""Traces that others publish: small invented samples in the shape of each, and what makes no sense in them."""

import json
from pathlib import Path
from typing import Any

import pytest

from echosounder.load.inputs import Due, items, trace
from echosounder.load.options import Options
from echosounder.load.worker.workload import Item, Workload
from echosounder.wire.answer import Answer
from echosounder.wire.errors import UsageError


def span(at_ns: int, **tokens: int) -> dict[str, Any]:
    attributes = [
        {"key": f"gen_ai.usage.{name}_tokens", "value": {"intValue": str(count)}} for name, count in tokens.items()
    ]
    return {"startTimeUnixNano": str(at_ns), "attributes": attributes}


def exported(*spans: dict[str, Any]) -> str:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})


MOONCAKE = '{"timestamp": 3000, "input_length": 1000, "output_length": 50, "hash_ids": [7, 8]}'
KINDS = {
    "ours": ('{"offset": 1.5, "prompt_tokens": 9, "output_tokens": 2}', [Due(1.5, 9, 2)]),
    "mooncake": (
        MOONCAKE + '\n{"timestamp": 5500, "input_length": 512, "output_length": 5, "hash_ids": [7]}',
        [Due(0.0, 1000, 50, (7, 8)), Due(2.5, 512, 5, (7,))],
    ),
    "burstgpt": (
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "45,ChatGPT,100,20,120,Conversation log\n5,GPT-4,30,4,34,API log",
        [Due(0.0, 30, 4), Due(40.0, 100, 20)],
    ),
    "azure": (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.4799600,110,27",
        [Due(0.0, 4808, 10), Due(0.5, 110, 27)],
    ),
    "opentelemetry": (
        exported(span(2_000_000_000, input=10, output=3), span(1_000))
        + "\n"
        + exported(span(3_500_000_000, input=5, output=1)),
        [Due(0.0, 10, 3), Due(1.5, 5, 1)],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_read(kind: str, tmp_path: Path) -> None:
    content, expected = KINDS[kind]
    path = tmp_path / "trace"
    path.write_text(content + "\n", encoding="utf-8")
    found = trace(path)
    assert [due.offset for due in found] == pytest.approx([due.offset for due in expected], abs=1e-6)
    assert [(due.prompt_tokens, due.output_tokens, due.blocks) for due in found] == [
        (due.prompt_tokens, due.output_tokens, due.blocks) for due in expected
    ]


NONSENSE = [
    (MOONCAKE + "\n" + MOONCAKE.replace("[7, 8]", "[7]"), ":2: .*1 hash_ids are not 1000 tokens"),
    (MOONCAKE.replace("8]", '"x"]'), ":1: .*hash_ids must be whole numbers"),
    (MOONCAKE.replace("50", "-1"), ":1: tokens must be whole numbers"),
    (MOONCAKE.replace("3000", '"noon"'), ":1: "),
    ("Timestamp,Model,Request tokens,Response tokens\n5,m,3,0", ":2: .*it failed: 0 response tokens"),
    ("Timestamp,Model,Request tokens,Response tokens\n5,m", ":2: "),
    ("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,1", ":2: .*yesterday"),
    (exported(span(5)), "no span has input and output tokens"),
    ('{"resourceSpans": [3]}', ":1: "),
    ("[1]", ":1: .*not a JSON object"),
    ("{", ":1: "),
]


@pytest.mark.parametrize(("content", "says"), NONSENSE)
def test_a_row_that_makes_no_sense_is_named(content: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=says):
        trace(path)


def test_blocks_with_the_same_hash_are_the_same_words() -> None:
    """And so a cache of prefixes hits as it would with the prompts that were hashed."""
    ids = [(1, 2, 3), (1, 2, 4), (5, 2, 3)]
    workload = Workload([Item("chat")], "m", lengths=lambda index: (1500, 8), blocks=lambda index: ids[index])
    jobs = [workload.job(index) for index in range(3)]
    assert [job.prompt_tokens for job in jobs] == [1500] * 3
    one, other, third = [json.loads(job.body)["messages"][0]["content"].split(" ") for job in jobs]
    assert len(one) == 1500
    assert one[:1024] == other[:1024]
    assert one[1024] != other[1024]
    assert one[0] != third[0] or one[1] != third[1]
    assert one[512:] == third[512:]


TALKS = {
    "the original": (
        '[{"id": "a", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"},\n'
        ' {"from": "human", "value": "And now?"}]},\n\n'
        '{"id": "b", "conversations": [{"from": "system", "value": "s"}, {"from": "user", "value": "Why?"}]}]\n'
    ),
    "a line each": (
        '{"conversation": [{"from": "human", "value": "Hi"}, {"from": "human", "value": "And now?"}]}\n'
        '{"conversation": [{"from": "human", "value": "Why?"}]}\n'
    ),
}


@pytest.mark.parametrize("kind", TALKS)
def test_conversations_of_sharegpt_are_sessions(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "talks.json"
    path.write_text(TALKS[kind], encoding="utf-8")
    (item,) = items(Options("http://h", prompts=path))
    assert item.session
    assert item.talks == (("Hi", "And now?"), ("Why?",))
    machine = Workload([item], "m").dialogue(2)
    first = machine.begin()
    (second,) = machine.answered(first.chain, Answer("Hello there"))
    assert [turn.text for turn in second.chain.turns] == ["Hi", "Hello there", "And now?"]
    assert not machine.answered(second.chain, Answer("bye")), "no more is asked than was"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"conversations": []}]', ":1: a conversation in which no user asks"),
        (
            '[\n{"conversations": [{"from": "human", "value": "x"}]},\n{"conversations": [7]}]',
            ":3: a turn is an object with 'from'",
        ),
        ('[\n\n\n{"conversations": [{"from": "human", "value": null}]}]', ":4: a turn of 'human' has no text"),
        ('[{"conversations": [{"from": "human", "value": "x"}]},\n {"id": 3}]', ":2: not a conversation"),
        ('[{"conversations": [{"from": "human", "value": "x"}]},\n {"conversations": [', ":2: not JSON"),
        ('{"conversations": [{"from": "human", "value": "x"}]}\n{"conv', ":2: not JSON"),
    ],
)
def test_a_conversation_that_makes_no_sense(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "talks.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        items(Options("http://h", prompts=path))


def test_conversations_are_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "talks.json"
    path.write_text(TALKS["the original"], encoding="utf-8")
    with pytest.raises(UsageError, match="have no times: give the file with --prompts"):
        trace(path)


def test_conversations_are_for_chat(tmp_path: Path) -> None:
    path = tmp_path / "talks.json"
    path.write_text(TALKS["the original"], encoding="utf-8")
    with pytest.raises(UsageError, match="which item 'fim' cannot have"):
        items(Options("http://h", "fim", prompts=path))
