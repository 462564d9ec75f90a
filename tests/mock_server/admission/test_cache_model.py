"""Which prompts hit: the documented examples as a table, and what must hold for all prompts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.mock_server.admission.cache import PrefixCache

A, B, C, D = ([f"{letter}{number}" for number in range(300)] for letter in "abcd")


def ask(cache: PrefixCache, prompt: list[str], now: float = 0, output: tuple[str, ...] = (), scope: str = "me") -> int:
    found = cache.lookup(scope, prompt, now)
    cache.store(found, output, now)
    return found.hit


# Prompts in turn, and what each must hit. 300 tokens are two units of 128 (four of 64) and a rest.
CASES = [
    ("prefix-blocks", 64, [A, A], [0, 256]),
    ("prefix-blocks", 64, [A + B, A + C], [0, 256]),
    ("prefix-blocks", 64, [A[:63], A[:63]], [0, 0]),  # below one unit nothing is cached
    ("prefix-blocks", 64, [A[:64], A[:64]], [0, 0]),  # the last token is always read anew
    ("prefix-blocks", 64, [A[:65], A[:65]], [0, 64]),
    ("prefix-blocks", 64, [A, B + A], [0, 0]),  # no hit in the middle
    ("prefix-units", 128, [A, A], [0, 256]),
    ("prefix-units", 128, [A, A + B], [0, 256]),  # the end of the input is a unit
    ("prefix-units", 128, [A + B, A + C, A + D], [0, 0, 256]),  # the guide's second example
    ("prefix-units", 128, [A + B, A], [0, 0]),  # a unit hits as a whole or not at all
]


@pytest.mark.parametrize(("model", "unit", "prompts", "hits"), CASES)
def test_documented_examples(model: str, unit: int, prompts: list[list[str]], hits: list[int]) -> None:
    cache = PrefixCache(model, unit)
    assert [ask(cache, prompt) for prompt in prompts] == hits


def test_the_end_of_the_output_is_a_unit() -> None:
    cache = PrefixCache("prefix-units", 128)
    ask(cache, A, output=tuple(B))
    assert ask(cache, A + B + C) == 512


def test_long_prompts_are_stored_at_fixed_distances() -> None:
    cache = PrefixCache("prefix-units", 128, interval=256)
    ask(cache, A + B)
    assert ask(cache, A + C) == 256


def test_nothing_hits_before_it_has_settled() -> None:
    cache = PrefixCache("prefix-blocks", 64, settle_s=6)
    assert [ask(cache, A, now) for now in (0, 5.9, 6.1)] == [0, 0, 256]


def test_what_is_not_used_is_dropped() -> None:
    cache = PrefixCache("prefix-blocks", 64, ttl_s=100)
    assert [ask(cache, A, now) for now in (0, 90, 180, 281)] == [0, 256, 256, 0]


def test_the_least_recently_used_goes_first() -> None:
    cache = PrefixCache("prefix-blocks", 64, capacity=512)
    for prompt in (A, B, A, C):
        ask(cache, prompt)
    assert ask(cache, A) == 256
    assert ask(cache, B) == 0


def test_scopes_share_nothing() -> None:
    cache = PrefixCache("prefix-blocks", 64)
    ask(cache, A, scope="me")
    assert ask(cache, A, scope="you") == 0


def test_off_never_hits() -> None:
    cache = PrefixCache(None, 64)
    assert [ask(cache, A), ask(cache, A)] == [0, 0]


token = st.sampled_from("xyz")
prompts = st.lists(st.lists(token, max_size=40), max_size=8)


@given(
    model=st.sampled_from(["prefix-blocks", "prefix-units"]),
    earlier=prompts,
    prompt=st.lists(token, min_size=1, max_size=40),
)
def test_a_hit_is_whole_units_of_something_that_was_sent(
    model: str, earlier: list[list[str]], prompt: list[str]
) -> None:
    cache = PrefixCache(model, 4)
    for one in earlier:
        ask(cache, one)
    hit = cache.lookup("me", prompt, 0).hit
    assert hit % 4 == 0
    assert hit < len(prompt)
    assert hit == 0 or any(one[:hit] == prompt[:hit] for one in earlier)


@given(
    model=st.sampled_from(["prefix-blocks", "prefix-units"]),
    base=st.lists(token, max_size=60),
    shared=st.tuples(st.integers(0, 60), st.integers(0, 60)),
)
def test_a_longer_shared_beginning_never_hits_less(model: str, base: list[str], shared: tuple[int, int]) -> None:
    less, more = sorted(shared)

    def hit(length: int) -> int:
        cache = PrefixCache(model, 4, interval=8)
        ask(cache, base)
        return cache.lookup("me", base[:length] + ["other"] * (80 - len(base[:length])), 0).hit

    assert hit(less) <= hit(more)
