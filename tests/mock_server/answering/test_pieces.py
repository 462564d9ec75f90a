"""Tokens: exact where the vocabulary is there, and a prose whose every piece is one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echosounder.mock_server.answering.pieces import estimate, splitter
from echosounder.mock_server.answering.plan import AnswerPlan, PromptTokens
from echosounder.mock_server.answering.prose import RING, prose
from echosounder.wire import tokens
from echosounder.wire.tokens import vocabulary

needs_vocabulary = pytest.mark.skipif(vocabulary() is None, reason="needs the extra `tokens`")
texts = st.text(st.characters(exclude_categories=[]))


@given(texts)
def test_pieces_make_up_the_text(text: str) -> None:
    assert "".join(estimate(text)) == text


@needs_vocabulary
@settings(deadline=None)  # the first text loads the vocabulary
@given(texts)
def test_exact_pieces_make_up_the_text_and_are_as_many_as_tokens(text: str) -> None:
    made = splitter("exact")(text)
    assert "".join(made) == text
    assert len(made) == tokens.count(text).tokens


@needs_vocabulary
def test_a_character_of_several_tokens_comes_whole() -> None:
    family = "👨‍👩‍👧"
    assert [piece for piece in splitter("exact")(family) if piece] == list(family)
    assert len(splitter("exact")(family)) > len(family)


@needs_vocabulary
@pytest.mark.parametrize("count", [1, 2, 17, 400, len(RING), len(RING) + 5])
@pytest.mark.parametrize("digest", [0, 12345, 2**63 - 1])
def test_prose_has_exactly_as_many_tokens_as_pieces(count: int, digest: int) -> None:
    assert tokens.count("".join(prose(digest, count))).tokens == len(prose(digest, count)) == count


def test_without_the_vocabulary_exact_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from echosounder.wire.errors import UsageError

    monkeypatch.setattr("echosounder.mock_server.answering.pieces.vocabulary", lambda: None)
    with pytest.raises(UsageError, match=r"install echosounder\[tokens\]"):
        splitter("exact")


@given(st.lists(st.sampled_from(["", "a"]), max_size=20))
def test_tokens_of_events_add_up(content: list[str]) -> None:
    """Tokens without text are counted on the event that carries them."""
    plan = AnswerPlan("", 0, "", "", PromptTokens(0), content, "stop", len(content))
    assert len(plan.steps) == sum(map(bool, content))
    assert sum(plan.steps) == (len(content) if any(content) else 0)
