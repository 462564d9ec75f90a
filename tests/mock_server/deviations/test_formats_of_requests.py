"""Laxer and stricter servers of Responses and Messages: a request that each is about, what it gets there, and that no other format is
touched."""

import pytest

from echosounder.mock_server.deviations import all_deviations
from tests.mock_server.deviations.formats import names, sent

HI = {"role": "user", "content": "Hi"}
PARAMETERS = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
TOOL = {"type": "function", "name": "get_weather", "parameters": PARAMETERS}
BLANK, LONG, APPLY = (
    TOOL | {"name": "get weather"},
    TOOL | {"name": "w" * 65},
    {"type": "custom", "name": "apply_patch"},
)
FUNCTION = {"name": "get_weather", "input_schema": PARAMETERS}
CALM, QUIET = {"reasoning": {"effort": "none"}}, {"thinking": {"type": "disabled"}}
CITY = "How's the weather in Paris?"


def item(kind, id="call_0", **more):
    return {"type": kind, "call_id": id, **more}


CALL, OUTPUT = item("function_call", name="get_weather", arguments="{}"), item("function_call_output", output="21")
USE = {"type": "tool_use", "id": "call_0", "name": "get_weather", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "call_0", "content": "21"}
THOUGHT = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]}
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "s"}


def turns(*contents):
    """A conversation of blocks, the user first."""
    roles = ["user", "assistant"] * len(contents)
    return {"messages": [{"role": role, "content": each} for role, each in zip(roles, contents, strict=False)]}


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
OF_HEADERS = {"messages-version-checked", "messages-beta-checked", "messages-x-api-key-wins"}


def outcome(name, body, form=""):
    """What an honest server answers, what the deviation makes of it, and whether that says it was applied."""
    form = form or name.partition("-")[0]
    honest, (changed, applied) = sent(form, body)[0], sent(form, body, name)
    return honest, changed, applied


def refused(written):
    return b'"error"' in written and b"invalid_request_error" in written


def test_each_has_a_row():
    mine = {*names(".at_request_formats"), *names(".at_admission_formats")}
    assert mine == LAX.keys() | ELSE.keys() | STRICT.keys() | OF_HEADERS
    assert not [each for each in all_deviations() if each.name in mine and each.legal]


@pytest.mark.parametrize("name", LAX)
def test_what_is_wrong_is_served(name):
    honest, changed, applied = outcome(name, LAX[name])
    assert (refused(honest), refused(changed), applied) == (True, False, True)


@pytest.mark.parametrize("name", STRICT)
def test_what_is_legal_is_refused(name):
    honest, changed, applied = outcome(name, STRICT[name])
    assert (refused(honest), refused(changed), applied) == (False, True, True)


@pytest.mark.parametrize("name", ELSE)
def test_what_is_lost_changes_the_answer(name):
    honest, changed, applied = outcome(name, ELSE[name])
    assert not refused(honest)
    assert applied
    assert changed != honest


@pytest.mark.parametrize("name", [*LAX, *ELSE, *STRICT])
def test_no_other_format_is_touched(name):
    body = (LAX | ELSE | STRICT)[name]
    for form in {"chat", "responses", "messages"} - {name.partition("-")[0]}:
        honest, changed, applied = outcome(name, {"model": "deepseek-flash", **body}, form)
        assert not applied
        assert changed.count(b'"error"') == honest.count(b'"error"')
