"""An excerpt is cut around the member at fault."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.judgement.faulty_field import WIDTH, around

FILL = {f"padding_{number}": "x" * 40 for number in range(8)}
DEEP = {
    **FILL,
    "choices": [{"index": 0}, {"index": 1, "delta": {"role": "asistant", **FILL}}],
    "usage": {"total_tokens": 7, **FILL},
}

WHERE = {
    "a member": ("/usage/total_tokens", "", '"total_tokens": 7'),
    "deep in an array": ("/choices/1/delta/role", "", '"role": "asistant"'),
    "one that is missing, by its parent": ("/choices/1/delta/content", "", '"delta": {"role"'),
    "a name with a slash": ("/a~1b~0c", "", '"a/b~c": 1'),
    "by the words, where there is no pointer": (None, "total_tokens is 7, expected 3", '"total_tokens": 7'),
    "a pointer before the words": ("/usage/total_tokens", "the index is 1", '"total_tokens": 7'),
    "several words before one": (None, "the index and total_tokens", '"total_tokens": 7'),
}  # fmt: skip


@pytest.mark.parametrize(("pointer", "message", "shown"), WHERE.values(), ids=WHERE)
@pytest.mark.parametrize("indent", [None, 2], ids=["one line", "several"])
def test_the_faulty_member_is_in_the_excerpt(pointer, message, shown, indent):
    text = json.dumps({**DEEP, "a/b~c": 1, "last": FILL}, indent=indent)
    found = around(text, pointer, message)
    assert "".join(shown.split()) in "".join(found.split())
    assert len(found) <= WIDTH < len(text)


UNCUT = {
    "short": ('{"id": 1}', "/id", ""),
    "nothing leads there": (json.dumps(FILL), None, "something is wrong"),
    "not JSON": ("x" * 500, "/id", "id"),
}


@pytest.mark.parametrize(("text", "pointer", "message"), UNCUT.values(), ids=UNCUT)
def test_what_leads_nowhere_is_left_as_it_is(text, pointer, message):
    assert around(text, pointer, message) == text


@given(
    st.text(alphabet='{}[]":,01a \\', min_size=WIDTH + 1, max_size=400), st.sampled_from(["/a", "/0/a", "/a/0", "/"])
)
def test_any_text_gives_a_piece_of_it(text, pointer):
    found = around(text, pointer, "a")
    assert found == text or (len(found) <= WIDTH and found.removeprefix("… ").removesuffix(" …") in text)
