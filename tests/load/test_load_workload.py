"""What is sent: exact lengths, shared prefixes, conversations in steady state, the same requests from every worker."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.load.scenarios import SCENARIOS
from echosounder.load.worker.words import text
from echosounder.load.worker.workload import Item, Workload
from echosounder.wire import tokens
from echosounder.wire.formats import FORMATS


def bodies(item: Item, count: int = 40, seed: int = 0) -> list[dict[str, Any]]:
    workload = Workload((item,), "deepseek-v4-flash", seed)
    return [json.loads(workload.job(index).body) for index in range(count)]


@given(st.integers(1, 600), st.text(max_size=8))
def test_synthetic_text_has_exactly_so_many_tokens(length: int, seed: str) -> None:
    words = text(length, seed).split(" ")
    assert len(words) == length
    assert set(words) <= set(tokens.WORDS)
    assert text(length, seed) == " ".join(words)


def test_synthetic_text_is_exact_by_the_real_vocabulary() -> None:
    if tokens.vocabulary() is None:
        pytest.skip("the vocabulary is not installed (extra `tokens`)")
    for length in (1, 7, 100, 513):
        assert tokens.count(text(length, f"seed {length}")).tokens == length


def test_prompts_share_no_beginning() -> None:
    prompts = [body["messages"][0]["content"] for body in bodies(Item("a"), 300)]
    starts = {prompt[:40] for prompt in prompts}
    assert len(starts) == 300


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_makes_requests_that_the_ceiling_covers(name: str) -> None:
    workload = Workload(SCENARIOS[name](), "m", seed=3)
    for index in range(60):
        job = workload.job(index)
        body = json.loads(job.body)
        form = FORMATS[job.format]
        assert body[form.grammar.bound] == job.max_tokens
        assert body.get("stream", False) is job.stream
        texts = [
            body.get("prompt", ""),
            body.get("suffix", ""),
            body.get("system", ""),
            *(message["content"] for message in body.get("messages") or body.get("input", ())),
        ]
        known = sum(len(each.split()) for each in texts)
        assert job.prompt_tokens is not None
        assert job.prompt_tokens <= known + 20
        assert job.most_tokens >= known + 79, "the largest known template adds 79"
        assert workload.job(index) == job


def test_a_shared_prefix_is_the_same_system_message() -> None:
    systems = {body["messages"][0]["content"] for body in bodies(Item("a", shared_prefix=64, prompt_tokens=(10, 10)))}
    users = {body["messages"][1]["content"] for body in bodies(Item("a", shared_prefix=64, prompt_tokens=(10, 10)))}
    assert (len(systems), len(users)) == (1, 40)
    assert len(systems.pop().split()) == 64


CONVERSATION = Item("a", rounds=5, conversations=4, prompt_tokens=(10, 30), output_tokens=20)


def test_a_conversation_repeats_what_was_said_before() -> None:
    said = [body["messages"] for body in bodies(CONVERSATION, 80)]
    for slot in range(4):
        for before, after in itertools.pairwise(said[slot::4]):
            if len(after) > 1:
                assert after[: len(before)] == before
                assert [message["role"] for message in after[len(before) :]] == ["assistant", "user"]


def test_conversations_are_in_a_steady_state_from_the_start() -> None:
    """The rounds of the first requests are spread, not all first rounds."""
    many = Item("a", rounds=5, conversations=200, prompt_tokens=(3, 3), output_tokens=2)
    rounds = [(len(body["messages"]) + 1) // 2 for body in bodies(many, 200)]
    assert {rounds.count(number) > 20 for number in range(1, 6)} == {True}


def test_fim_cuts_code_in_two() -> None:
    for body in bodies(Item("f", kind="fim", prompt_tokens=(50, 50))):
        assert len((body["prompt"] + " " + body["suffix"]).split()) == 50
        assert body["prompt"]
        assert body["suffix"]


def test_prompts_of_a_file_are_taken_in_turn_and_bounded_by_their_bytes() -> None:
    workload = Workload((Item("a", prompts=("你好", "two")),), "m")
    jobs = [workload.job(index) for index in range(3)]
    assert [json.loads(job.body)["messages"][0]["content"] for job in jobs] == ["你好", "two", "你好"]
    assert [job.prompt_tokens for job in jobs] == [None] * 3
    assert all(job.most_tokens >= len(job.body) for job in jobs)


def test_a_trace_sets_the_lengths() -> None:
    workload = Workload((Item("a"),), "m", lengths=lambda index: (10 + index, 3 + index))
    job = workload.job(4)
    assert (job.prompt_tokens, job.max_tokens) == (14, 7)
