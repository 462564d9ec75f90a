"""Token counts: equal to the reference encoder's where the vocabulary is installed, estimated and labelled where not."""

import importlib.util

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echosounder.wire import tokens
from echosounder.wire.tokens import COMMON, LATER, WORDS, Count, count, estimate, plain, vocabulary, words

HAVE = vocabulary() is not None
needs_vocabulary = pytest.mark.skipif(not HAVE, reason="needs the extra `tokens`")
# Recorded from Hugging Face tokenizers 0.23.3 on the V4 vocabulary.
RECORDED = [
    ("", []),
    ("Hello!", [19923, 3]),
    ("What's 2 + 2?", [3085, 734, 223, 20, 940, 223, 20, 33]),
    ("\t b", [200, 291]),
    ("\xa0\xa0a", [2162, 2162, 67]),
    ("\u3000\u3000\u0301", [18524, 18524, 17793]),
    ("1234567", [6895, 18009, 25]),
    ("中文和English混排，好。", [21134, 548, 17530, 5764, 2774, 303, 853, 320]),
    ("カタカナとひらがな", [15961, 11767, 15961, 27071, 2495, 40259, 4970, 2936, 2942]),
    ("  \n\n  x", [6776, 223, 1527]),
    ("<｜User｜>hi<｜Assistant｜>", [128803, 6366, 128804]),
    ("<｜User", [30, 28217, 6756]),
    ("👨‍👩‍👧", [25730, 104, 46088, 25730, 105, 46088, 25730, 103]),
    ("a" * 40, [89086, 89086, 89086, 89086, 89086]),
    ("don't_STOP()", [20385, 1664, 32684, 7819, 1393]),
    ("x\r\n\r\ny", [90, 204, 201, 204, 201, 91]),
    ("e\u0301\u0301", [71, 17793, 17793]),
    ("def f(a):\n    return a", [3465, 285, 6036, 3395, 361, 1354, 260]),
    ("\x00\x1f\u2028", [191, 222, 300, 104]),
    ("<think></think>", [128821, 128822]),
]
# "ab" is known before "bc", so "abc" is "ab" + "c"; "aaa" joins from the left.
TOY = {
    "added_tokens": [{"content": "<x>", "id": 90}, {"content": "<x>y", "id": 91}],
    "pre_tokenizer": {"pretokenizers": [{"type": "Split", "pattern": {"Regex": r"\d"}}, {"type": "Split", "pattern": {"Regex": r" ?\w+"}}]},
    "model": {
        "vocab": {"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4, "bc": 5, "aa": 6, "Ġa": 7, "1": 8, "abab": 9},
        "merges": ["a b", "b c", "a a", "Ġ a", "ab ab"],
    },
}  # fmt: skip
TOYS = [
    ("abc", [4, 2]),
    ("bc", [5]),
    ("aaa", [6, 0]),
    ("ababab", [9, 4]),
    ("a a", [0, 7]),
    (" ab", [3, 4]),
    ("ab1ab", [4, 8, 4]),
    ("a<x>yb", [0, 91, 1]),
    ("a<x>b", [0, 90, 1]),
]


@needs_vocabulary
@pytest.mark.parametrize(("text", "ids"), RECORDED)
def test_equals_the_reference_encoder(text, ids):
    assert vocabulary().encode(text) == ids
    assert count(text) == Count(len(ids), "exact")


@needs_vocabulary
@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=4))
def test_counts_add_up_over_special_tokens(parts):
    assert count("<｜User｜>".join(parts)).tokens == sum(count(part).tokens for part in parts) + max(len(parts) - 1, 0)


@needs_vocabulary
@given(st.integers(0, 300), st.integers())
def test_words_are_exact(number, seed):
    assert count(words(number, seed)) == Count(number, "exact")


@needs_vocabulary
@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_one_token_in_both_places(word):
    assert count(word).tokens == count(f" {word}").tokens == 1


@pytest.mark.skipif(importlib.util.find_spec("regex") is None, reason="needs regex")
@pytest.mark.parametrize(("text", "ids"), TOYS)
def test_merges(text, ids):
    assert tokens.Vocabulary(TOY).encode(text) == ids


@needs_vocabulary
def test_usual_words_are_one_token_each():
    assert [word for word in COMMON if count(f"a {word}").tokens != 2] == []
    assert [word for word in COMMON - LATER if count(word).tokens != 1] == []


PLAIN = {
    "one, two, three": 5,
    "Count from one to fifteen in English words, separated by commas. Write nothing else.": 17,
    "What is the capital of France? Answer in one word.": 12,
    "Hello! How can I help you today?": 9,
    " one": 1,
    "able about above": 3,
    "": None,
    "twelve, one": None,
    "one  two": None,
    "one\ntwo": None,
    "word.word": None,
    "wor": None,
    "Grüße": None,
    "one 2": None,
    ".": 1,
}


@pytest.mark.parametrize(("text", "tokens"), PLAIN.items())
def test_plain_texts_are_counted_without_the_vocabulary(text, tokens):
    assert plain(text) == tokens
    assert tokens is None or not HAVE or count(text).tokens == tokens


def test_words_need_no_vocabulary_and_follow_the_seed():
    assert words(0) == ""
    assert len(words(500).split(" ")) == 500
    assert words(50, 1) == words(50, 1) != words(50, 2)
    assert len(set(WORDS)) == len(WORDS) >= 300


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("a", 1), ("a" * 10, 3), ("a" * 11, 4), ("汉" * 10, 6), ("汉字ab", 2), ("汉" * 1000 + "a" * 1000, 900)],
)
def test_the_documented_estimate(text, expected):
    assert estimate(text) == expected


def test_without_the_vocabulary_the_count_says_that_it_is_an_estimate(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    vocabulary.cache_clear()
    try:
        assert count("Hello, world") == Count(4, "estimate")
    finally:
        vocabulary.cache_clear()
