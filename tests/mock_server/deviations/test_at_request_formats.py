"""Laxer servers of Responses and Messages: a request that each is about, and what it gets there; no other format is touched."""

import pytest

from tests.mock_server.deviations.formats import (
    BLANK,
    CALL,
    CALM,
    CITY,
    FUNCTION,
    HI,
    OUTPUT,
    QUIET,
    RESULT,
    TOOL,
    USE,
    names,
    outcome,
    refused,
    touches_no_other_format,
    turns,
)

# What an honest server refuses and each of these serves.
LAX = {
    "responses-temperature-clamped": {"input": "Hi", "temperature": 3},
    "responses-orphans-dropped": {"input": [HI, OUTPUT], "tools": [TOOL]},
    "responses-calls-answered": {"input": [HI, CALL], "tools": [TOOL], **CALM},
    "responses-ids-made-up": {
        "input": [HI, CALL | {"call_id": ""}, OUTPUT | {"call_id": ""}],
        "tools": [TOOL],
        **CALM,
    },
    "responses-names-mended": {"input": "Hi", "tools": [BLANK]},
    "responses-twins-dropped": {"input": "Hi", "tools": [TOOL, TOOL]},
    "responses-custom-ignored": {"input": "Hi", "tools": [{"type": "custom", "name": "edit"}]},
    "responses-model-defaulted": {"input": "Hi", "model": ...},
    "responses-input-defaulted": {"input": 7},
    "responses-roles-mended": {"input": [{"role": "narrator", "content": "Hi"}]},
    "messages-temperature-clamped": {"messages": [HI], "temperature": 3},
    "messages-choice-unknown-served": {"messages": [HI], "tools": [FUNCTION], "tool_choice": {"type": "sometimes"}},
    "messages-orphans-dropped": {**turns("Hi", "Hello.", [RESULT]), "tools": [FUNCTION], **QUIET},
    "messages-calls-answered": {
        **turns("Hi", [USE, USE | {"id": "call_1"}], [RESULT]),
        "tools": [FUNCTION],
        **QUIET,
    },
    "messages-messages-defaulted": {"messages": HI},
    "messages-roles-mended": {"messages": [HI, {"role": "tool", "content": "21"}]},
    "messages-unknown-model-mapped": {"messages": [HI], "model": "nobody-1"},
}
# What an honest server serves, and these in another way.
ELSE = {
    "responses-bound-exceeded": {"input": "Write a long essay.", "max_output_tokens": 4},
    "responses-tool-choice-ignored": {"input": CITY, "tools": [TOOL], "tool_choice": "none"},
    "responses-effort-ignored": {"input": "Hi", "reasoning": {"effort": "none"}},
    "messages-bound-exceeded": {"messages": [HI], "max_tokens": 4},
    "messages-tool-choice-ignored": {**turns(CITY), "tools": [FUNCTION], "tool_choice": {"type": "none"}},
    "messages-stops-ignored": {**turns("Say 'one two'"), "stop_sequences": [" two"]},
    "messages-thinking-ignored": {"messages": [HI], "thinking": {"type": "disabled"}},
    "messages-bearer-ignored": {"messages": [HI]},
}
OF_HEADERS = {"messages-x-api-key-wins"}


def test_each_has_a_row():
    assert set(names(".at_request_formats")) == LAX.keys() | ELSE.keys() | OF_HEADERS


@pytest.mark.parametrize("name", LAX)
def test_what_is_wrong_is_served(name):
    honest, changed, applied = outcome(name, LAX[name])
    assert (refused(honest), refused(changed), applied) == (True, False, True)


@pytest.mark.parametrize("name", ELSE)
def test_what_is_lost_changes_the_answer(name):
    honest, changed, applied = outcome(name, ELSE[name])
    assert not refused(honest)
    assert applied
    assert changed != honest


@pytest.mark.parametrize("name", [*LAX, *ELSE])
def test_no_other_format_is_touched(name):
    touches_no_other_format(name, (LAX | ELSE)[name])
