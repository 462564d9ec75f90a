"""Stricter servers of Responses and Messages: each row is served by an honest mock and refused here; no other format is touched."""

import pytest

from tests.mock_server.deviations.formats import (
    APPLY,
    CALL,
    FUNCTION,
    HI,
    LONG,
    OUTPUT,
    RESULT,
    SIGNED,
    THOUGHT,
    TOOL,
    USE,
    names,
    outcome,
    refused,
    touches_no_other_format,
    turns,
)

# What an honest server serves and each of these refuses.
STRICT = {
    "responses-members-refused": {"input": "Hi", "background": False},
    "responses-hot-refused": {"input": "Hi", "temperature": 2},
    "responses-answers-refused": {"input": [HI, {"role": "assistant", "content": "Hello."}, HI]},
    "responses-short-bound-refused": {"input": "Hi", "max_output_tokens": 4},
    "responses-text-refused": {"input": "Hi"},
    "responses-untyped-refused": {"input": [HI]},
    "responses-parts-refused": {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]},
    "responses-instructions-refused": {"instructions": "Hi"},
    "responses-system-refused": {"input": [{"role": "system", "content": "Be brief."}, HI]},
    "responses-developer-refused": {"input": [{"role": "developer", "content": "Be brief."}, HI]},
    "responses-items-refused": {"input": [{"type": "x_item"}, HI]},
    "responses-outputs-refused": {"input": [HI, THOUGHT, CALL, OUTPUT], "tools": [TOOL]},
    "responses-thoughts-refused": {"input": [HI, THOUGHT, CALL, OUTPUT], "tools": [TOOL]},
    "responses-built-in-refused": {"input": "Hi", "tools": [{"type": "image_generation"}]},
    "responses-custom-tools-refused": {"input": "Hi", "tools": [APPLY]},
    "responses-long-names-refused": {"input": "Hi", "tools": [LONG]},
    "responses-efforts-refused": {"input": "Hi", "reasoning": {"effort": "xhigh"}},
    "messages-members-refused": {"messages": [HI], "top_k": 1},
    "messages-hot-refused": {"messages": [HI], "temperature": 2},
    "messages-answers-refused": turns("Hi", "Hello.", "Hi"),
    "messages-short-bound-refused": {"messages": [HI], "max_tokens": 4},
    "messages-blocks-refused": turns([{"type": "text", "text": "Hi"}]),
    "messages-system-refused": {"messages": [HI], "system": "Be brief."},
    "messages-system-blocks-refused": {"messages": [HI], "system": [{"type": "text", "text": "Be brief."}]},
    "messages-claude-refused": {"messages": [HI], "model": "claude-opus-4-1"},
    "messages-choice-auto-refused": {"messages": [HI], "tools": [FUNCTION], "tool_choice": {"type": "auto"}},
    "messages-result-errors-refused": {
        **turns("Hi", [SIGNED, USE], [RESULT | {"is_error": True}]),
        "tools": [FUNCTION],
    },
    "messages-results-refused": {**turns("Hi", [SIGNED, USE], [RESULT]), "tools": [FUNCTION]},
    "messages-thoughts-refused": {**turns("Hi", [SIGNED, USE], [RESULT]), "tools": [FUNCTION]},
    "messages-budget-refused": {"messages": [HI], "thinking": {"type": "enabled", "budget_tokens": 1024}},
    "messages-efforts-refused": {"messages": [HI], "output_config": {"effort": "low"}},
    "messages-version-required": {"messages": [HI]},
}
OF_HEADERS = {"messages-version-checked", "messages-beta-checked"}


def test_each_has_a_row():
    assert set(names(".at_admission_formats")) == STRICT.keys() | OF_HEADERS


@pytest.mark.parametrize("name", STRICT)
def test_what_is_legal_is_refused(name):
    honest, changed, applied = outcome(name, STRICT[name])
    assert (refused(honest), refused(changed), applied) == (False, True, True)


@pytest.mark.parametrize("name", STRICT)
def test_no_other_format_is_touched(name):
    touches_no_other_format(name, STRICT[name])
