"""Random bodies, legal by limits.yaml and the rules of the API, pass the document; one step out of bounds does not.

The generator knows the limits and the rules, not the document: two descriptions of one API must agree.
"""

import functools

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echosounder import specs

fast = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
text = st.text(max_size=12)
word = st.text("abcXYZ019_-", min_size=1, max_size=64)
PATHS = {"stable": "/chat/completions", "beta": "/beta/chat/completions", "fim": "/completions"}
DEEPSEEK = [name for name in specs.PROFILES if specs.profile(name).vendor == "deepseek"]
PLACES = [*((profile, place) for profile in DEEPSEEK for place in PATHS), ("openai", "stable")]


@functools.cache
def accepts(profile, place):
    document = specs.document(profile)
    body = document["paths"][PATHS[place]]["post"]["requestBody"]["content"]["application/json"]
    return jsonschema.Draft202012Validator({"components": document["components"], "allOf": [body["schema"]]}).is_valid


def largest(limits, place):
    return {"stable": limits.max_tokens, "beta": limits.max_tokens_beta, "fim": limits.fim_max_tokens}[place]


def common(limits, place):
    """Optional members that chat and FIM share."""
    members = {
        "max_tokens": st.integers(1, largest(limits, place) or 10**9),
        "stop": text | st.lists(text, max_size=limits.stop_max),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1, exclude_min=True),
        "frequency_penalty": st.floats(-2, 2),
        "presence_penalty": st.floats(-2, 2),
        "x_unknown": st.none() | st.booleans() | text,
    }
    return {name: strategy if name == "x_unknown" else strategy | st.none() for name, strategy in members.items()}


def calls_and_results(thinks):
    function = st.fixed_dictionaries({"name": word, "arguments": text})
    call = st.fixed_dictionaries({"id": st.text(min_size=1), "type": st.just("function"), "function": function})
    reasoning = {"reasoning_content": st.none() | text} if thinks else {}
    said = st.fixed_dictionaries({"role": st.just("assistant"), "content": st.none() | text, **reasoning})
    asked = st.builds(lambda m, c: {**m, "tool_calls": c}, said, st.lists(call, min_size=1, max_size=3))
    return asked.map(
        lambda m: [m, *({"role": "tool", "content": "7", "tool_call_id": c["id"]} for c in m["tool_calls"])]
    )


@st.composite
def conversations(draw, limits):
    user = st.builds(lambda content: {"role": "user", "content": content}, text)
    system = st.builds(lambda content: {"role": "system", "content": content}, text)
    history = draw(st.lists(calls_and_results(thinks=limits.reasoning_input != "forbidden"), max_size=2))
    return draw(st.lists(system, max_size=1)) + [m for part in history for m in part] + [draw(user)]


@st.composite
def options(draw, limits):
    """Members that go together, each group there or not."""
    format_ = {"type": draw(st.sampled_from(["text", "json_object"]))}
    parameters = st.just({"type": "object", "properties": {}})
    function = st.fixed_dictionaries({"name": word}, optional={"parameters": parameters, "description": text})
    functions = draw(st.lists(function, max_size=3, unique_by=lambda f: f["name"]))
    groups = [
        {"stream": True, "stream_options": draw(st.none() | st.just({"include_usage": True}))},
        {"logprobs": True, "top_logprobs": draw(st.none() | st.integers(0, limits.top_logprobs_max))},
        {"response_format": format_},
        {"tools": [{"type": "function", "function": f} for f in functions], "tool_choice": "auto"},
        {"user_id": draw(st.text("abc-_0", max_size=limits.user_id_max or 0))},
        draw(thoughts(limits)),
    ]
    return {name: value for group in groups if draw(st.booleans()) for name, value in group.items()}


def thoughts(limits):
    switched = [{"thinking": {"type": kind}} for kind in ("enabled", "disabled")] if limits.thinking == "switch" else []
    return st.sampled_from([{}, *switched, *({"reasoning_effort": effort} for effort in limits.efforts)])


@st.composite
def chats(draw, profile, place):
    limits = specs.limits(profile)
    body = draw(st.fixed_dictionaries({"messages": conversations(limits)}, optional=common(limits, place)))
    body |= {"model": limits.model} | draw(options(limits))
    if "response_format" in body:
        body["messages"].append({"role": "user", "content": "Write jSoN"})
    if place == "beta" and draw(st.booleans()):
        body["messages"].append({"role": "assistant", "content": draw(text), "prefix": True})
    return body


@st.composite
def fims(draw, profile):
    limits = specs.limits(profile)
    optional = common(limits, "fim") | {
        "suffix": st.none() | text,
        "echo": st.none() | st.booleans(),
        "logprobs": st.none() | st.integers(0, limits.top_logprobs_max),
    }
    return draw(st.fixed_dictionaries({"model": st.just(limits.model), "prompt": text}, optional=optional))


def bodies(profile, place):
    return fims(profile) if place == "fim" else chats(profile, place)


@pytest.mark.parametrize(("profile", "place"), PLACES)
def test_what_the_limits_allow_passes(profile, place):
    @fast
    @given(body=bodies(profile, place))
    def check(body):
        assert accepts(profile, place)(body)

    check()


def steps_out(limits, place):
    """Member -> strategy of values that are out of bounds while everything else stays legal."""
    out = {
        "max_tokens": st.integers(max_value=0) | st.just("8") | st.just(8.5),
        "stop": st.lists(text, min_size=limits.stop_max + 1, max_size=limits.stop_max + 3) | st.integers(),
        "temperature": st.floats(2, 1e9, exclude_min=True) | st.floats(-1e9, -1e-9) | text,
        "top_p": st.floats(1, 1e9, exclude_min=True) | st.floats(-1e9, -1e-9) | st.booleans(),
        "stream": text | st.integers(),
        "model": st.none() | st.integers(),
    }
    if largest(limits, place):
        out["max_tokens"] |= st.integers(largest(limits, place) + 1)
    if limits.profile != "openai":
        out["top_p"] |= st.just(0)
    if limits.penalties == "effective":
        out["presence_penalty"] = st.floats(2, 1e9, exclude_min=True) | st.floats(-1e9, -2.001)
    if place == "fim":
        out |= {
            "logprobs": st.integers(21) | st.integers(max_value=-1) | st.booleans(),
            "echo": st.integers(),
            "prompt": st.none(),
        }
    else:
        out |= {
            "messages": st.just([])
            | st.just({})
            | st.just([{"role": "nobody", "content": "x"}])
            | st.just([{"role": "user"}]),
            "tools": st.just([{"type": "function", "function": {"name": "f"}}] * (limits.tools_max + 1)),
            "tool_choice": st.just("maybe") | st.just({"type": "function"}),
        }
    if place == "stable" and limits.profile != "openai":
        out["messages"] |= st.just([{"role": "assistant", "content": "x", "prefix": True}])
    if limits.user_id_max:
        out |= {"user_id": st.just("u" * (limits.user_id_max + 1))} if place != "fim" else {}
    return out  # fmt: skip


@pytest.mark.parametrize(("profile", "place"), PLACES)
def test_one_step_out_of_bounds_is_refused(profile, place):
    out = steps_out(specs.limits(profile), place)

    @fast
    @given(body=bodies(profile, place), data=st.data())
    def check(body, data):
        member = data.draw(st.sampled_from(sorted(out)))
        assert not accepts(profile, place)(body | {member: data.draw(out[member])})

    check()
