"""The capacity of machines in virtual time: the truth lies in the interval, at a fraction of what a sweep would send."""

from typing import Any

import pytest
from simulated_target import Machine

from echosounder.load.capacity.holding import needed
from echosounder.load.capacity.hunting import Hunt, hunt
from echosounder.load.capacity.report import capacity
from echosounder.load.capacity.search import Search
from echosounder.load.client.call import Job
from echosounder.load.figures.slo import parse

JOB = Job("chat", "/chat/completions", b"{}", format="chat")
SEEDS = 20


def found(
    machine: Machine, *slos: str, first: float = 4.0, most: float = 1e6, users: bool = False, **more: Any
) -> Hunt:
    search = Search(first, most, whole=users)
    state = Hunt(search, tuple(map(parse, slos)), lambda index: JOB, closed_loop=users, seed=machine.seed, **more)
    result: Hunt = machine.run(hunt(state), seconds=3600)
    return result


def swept(state: Hunt, truth: float) -> int:
    """What a plain sweep to the same width of the answer would send: level by level from the first until one misses, each watched as
    long as it takes to see that it meets."""
    step, level, requests = 1 + state.search.precision, state.search.first, 0
    while level <= truth * step:
        requests += max(needed(state.slos), round(4 * level))
        level *= step
    return requests


def test_the_truth_lies_in_the_interval_in_19_of_20_seeds_at_a_fraction_of_a_sweep() -> None:
    right, sent, plain = 0, 0, 0
    for seed in range(SEEDS):
        machine = Machine(slots=6 + seed % 5, takes=0.17 + 0.013 * seed, seed=seed)
        state = found(machine, "ttft_p95<500ms")
        low, high = capacity(state)["interval"]
        right += low <= machine.capacity <= high
        assert high / low < 1.12
        sent, plain = sent + machine.requests, plain + swept(state, machine.capacity)
    assert right >= 19
    assert sent <= 0.6 * plain, (sent, plain)


def test_users_are_counted() -> None:
    """Each user more makes every first token 30 ms later: six are the most within 200 ms."""
    machine = Machine(slots=1000, takes=0.2, slow=0.03, ttft=0.02)
    found_ = capacity(found(machine, "ttft_p90<205ms", first=1, most=64, users=True))
    assert found_["unit"] == "users"
    low, high = found_["interval"]
    assert low <= 6 <= high <= low + 1


def test_a_target_that_refuses_what_it_cannot_serve_has_its_capacity_where_it_begins_to() -> None:
    machine = Machine(slots=10, takes=0.25, queue=2)
    low, high = capacity(found(machine, "failures<5%"))["interval"]
    assert low <= machine.capacity * 1.05, "five of a hundred may be refused"
    assert high >= machine.capacity


def test_the_client_as_the_limit_is_said() -> None:
    machine = Machine(slots=1000, late=0.05, late_from=30)
    told = capacity(found(machine, "ttft_p95<500ms"))
    assert (told["limit"], told["interval"][1]) == ("client", None)
    assert told["says"].startswith("at least ")
    assert "the client, not the target, limits" in told["says"]


def test_the_highest_level_that_was_allowed_is_the_end() -> None:
    told = capacity(found(Machine(slots=100), "ttft_p95<500ms", most=20))
    assert (told["limit"], told["interval"][1]) == ("range", None)
    assert told["interval"][0] == pytest.approx(19.7)


def test_objectives_that_the_least_load_misses() -> None:
    told = capacity(found(Machine(ttft=0.9), "ttft_p95<500ms"))
    assert (told["interval"][0], told["limit"]) == (None, "target")
    assert "no level met the objectives" in told["says"]


def test_a_backlog_that_only_grows_is_left_soon() -> None:
    machine = Machine(slots=2, takes=1.0)
    state = found(machine, "ttft_p95<60s", first=16)
    first = state.watched[0]
    assert (first.verdict, "backlog only grows" in first.why) == ("missed", True)
    assert first.sent < 16 * 8


def test_what_stopped_the_search_leaves_what_is_known() -> None:
    machine = Machine(slots=8, takes=0.2)
    state = Hunt(Search(4.0, 1e6), (parse("ttft_p95<500ms"),), lambda index: JOB)
    machine.run(hunt(state), seconds=40)
    told = capacity(state)
    assert (told["limit"], told["interval"][1]) == ("time", None)
    assert told["interval"][0] >= 3.9
