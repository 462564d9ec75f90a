"""What the documentation of September to November 2026 says, fact by fact, asked of the mock; and what it was before."""

from datetime import datetime
from json import loads

import httpx
import pytest

from echosounder import specs
from echosounder.mock_server.admission.money import PriceList
from echosounder.mock_server.formats.chat.prompt import read

FLASH, PRO = "deepseek-flash", "deepseek-v4-pro"
HI = [{"role": "user", "content": "Repeat exactly: one two three"}]
OFF, ON = {"type": "disabled"}, {"type": "enabled"}


def tool(name):
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def asked(client, path="/chat/completions", **more):
    plain = {"model": FLASH, "messages": HI, "thinking": OFF, "max_tokens": 8}
    return client.post(path, json={name: value for name, value in {**plain, **more}.items() if value is not ...})


# --- defaults of max_tokens: 8K, 64K while thinking, 128K at effort max

DEFAULTS = [
    ("2026-11", {"thinking": OFF}, 8192),
    ("2026-11", {"reasoning_effort": "none"}, 8192),
    ("2026-11", {}, 65536),
    ("2026-11", {"reasoning_effort": "low"}, 65536),
    ("2026-11", {"reasoning_effort": "high"}, 65536),
    ("2026-11", {"reasoning_effort": "xhigh"}, 65536),
    ("2026-11", {"reasoning_effort": "max"}, 131072),
    ("2026-11", {"reasoning_effort": "ultra"}, 131072),
    ("2026-11", {"reasoning_effort": "max", "max_tokens": 7}, 7),
    ("2025-08", {"model": "deepseek-chat"}, 4096),
    ("2025-08", {"model": "deepseek-reasoner"}, 32768),
]


@pytest.mark.parametrize(("profile", "more", "most"), DEFAULTS)
def test_how_long_an_answer_may_be(profile, more, most):
    body = {"model": FLASH, "messages": HI, **more}
    assert read(body, specs.limits(profile, body["model"]), False, str.split).most == most


@pytest.mark.parametrize("model", [FLASH, PRO, "deepseek-v4-flash"])
def test_the_defaults_are_those_of_every_model(model):
    body = {"model": model, "messages": HI, "reasoning_effort": "max"}
    assert read(body, specs.limits("2026-11", model), False, str.split).most == 131072


# --- what is served and what is refused: profile, members, status

THREE_BYTES = "你"
NAMES = [tool("a" * 128), tool("a" * 127)]
TURN = [*HI, {"role": "assistant", "content": "one", "reasoning_content": None}, *HI]
ASKED = {
    "a user of 512 bytes": ({"user_id": THREE_BYTES * 170 + "uu"}, 200),
    "a user of 513 bytes": ({"user_id": THREE_BYTES * 171}, 400),
    "names of 128 characters": ({"tools": NAMES}, 200),
    "a name of 129 characters": ({"tools": [tool("a" * 129)]}, 400),
    "a name twice": ({"tools": [tool("a"), tool("a")]}, 400),
    "a forced tool while thinking": ({"tools": [tool("a")], "tool_choice": "required", "thinking": ON}, 400),
    "a named tool while thinking": (
        {"tools": [tool("a")], "tool_choice": {"type": "function", "function": {"name": "a"}}, "thinking": ON},
        400,
    ),
    "a forced tool": ({"tools": [tool("a")], "tool_choice": "required"}, 200),
    "stream_options alone": ({"stream_options": {"include_usage": True}}, 400),
    "the longest answer": ({"max_tokens": 393216}, 200),
    "a longer answer": ({"max_tokens": 393217}, 400),
    "no answer": ({"max_tokens": 0}, 400),
    "effort ultra": ({"reasoning_effort": "ultra", "thinking": ON}, 200),
    "no such effort": ({"reasoning_effort": "utmost", "thinking": ON}, 400),
    "top_p while thinking": ({"top_p": 0.5, "thinking": ON}, 200),
    "top_p of pro": ({"top_p": 0.5, "model": PRO}, 200),
    "penalties": ({"frequency_penalty": 3, "presence_penalty": -3}, 200),
    "a turn without its reasoning, no tools": ({"messages": TURN, "thinking": ON}, 200),
    "a turn without its reasoning, with tools": ({"messages": TURN, "thinking": ON, "tools": [tool("a")]}, 400),
    "a user in parts": ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}]}, 200),
    "members of a harness": ({"dsh_plugin_packages": ["a"], "dsh_session_log": {}}, 200),
    "a retired model": ({"model": "deepseek-v4-flash-vision-exp"}, 200),
    "no such model": ({"model": "deepseek-v5"}, 400),
}


@pytest.mark.parametrize("case", ASKED)
def test_what_is_served_and_what_is_refused(client, case):
    members, status = ASKED[case]
    assert asked(client, **members).status_code == status, asked(client, **members).text


BEFORE = {
    "a user of 512 characters": ({"user_id": THREE_BYTES * 512}, 200),
    "a name of 65 characters": ({"tools": [tool("a" * 65)]}, 400),
    "a turn without its reasoning, with tools": ({"messages": TURN, "thinking": ON, "tools": [tool("a")]}, 200),
    "effort ultra": ({"reasoning_effort": "ultra", "thinking": ON}, 400),
}


@pytest.mark.parametrize("case", BEFORE)
def test_what_it_was_in_august(of_profile, case):
    members, status = BEFORE[case]
    assert asked(of_profile("2026-08"), model=PRO, **members).status_code == status


@pytest.mark.parametrize("model", [FLASH, PRO])
def test_both_models_fill_gaps(client, model):
    answer = client.post("/beta/completions", json={"model": model, "prompt": "def f():\n", "max_tokens": 4})
    assert (answer.status_code, answer.json()["model"]) == (200, model)


def test_headers_of_a_harness_pass(client):
    headers = {"x-deepseek-harness-session": "1", "x-deepseek-harness-version": "0.3"}
    assert client.post("/chat/completions", json={"model": FLASH, "messages": HI}, headers=headers).status_code == 200


# --- bills of what has been so since mid-October

BILLED = [
    ("2026-10-16T23:59:59+00:00", 150_000),  # before: the prices that stand for the profile
    ("2026-10-17T07:00:00+00:00", 150_000),  # Saturday
    ("2026-10-19T07:00:00+00:00", 300_000),  # Monday, peak
    ("2026-10-19T10:00:00+00:00", 150_000),
    ("2026-11-30T01:00:00+00:00", 300_000),
]


@pytest.mark.parametrize(("at", "pico"), BILLED)
def test_what_a_missed_token_costs(at, pico):
    assert PriceList("2026-11", "USD").rates(FLASH, datetime.fromisoformat(at).timestamp()).miss == pico


# --- answers


@pytest.mark.parametrize("thinking", [OFF, ON])
@pytest.mark.parametrize("options", [..., {"include_usage": True}])
def test_the_chunk_with_the_reason_brings_the_usage_and_nothing_new(client, thinking, options):
    text = asked(client, stream=True, stream_options=options, thinking=thinking, max_tokens=...).text
    *chunks, last = [loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert all(chunk["choices"][0]["finish_reason"] is None and not chunk.get("usage") for chunk in chunks)
    [choice] = last["choices"]
    assert choice["finish_reason"] == "stop"
    assert not any(choice["delta"].get(name) for name in ("content", "reasoning_content", "tool_calls"))
    assert last["usage"]["prompt_tokens_details"] == {"cached_tokens": last["usage"]["prompt_cache_hit_tokens"]}


def test_usage_tells_what_was_cached_also_where_nothing_was(client):
    assert asked(client, messages=[{"role": "user", "content": "Never asked."}]).json()["usage"][
        "prompt_tokens_details"
    ] == {"cached_tokens": 0}


MEMBERS = {
    "name",
    "context_window",
    "max_output_tokens",
    "input_modalities",
    "output_modalities",
    "effort",
    "api_capabilities",
}


def test_models_say_what_they_can_do(client: httpx.Client, of_profile):
    entries = {entry["id"]: entry for entry in client.get("/models").json()["data"]}
    assert set(entries) == {FLASH, PRO}
    for name, entry in entries.items():
        assert entry.keys() == MEMBERS | {"id", "object", "owned_by"}
        assert (entry["context_window"], entry["max_output_tokens"]) == (1048576, 393216)
        assert entry["effort"] == {"supported_levels": ["low", "high", "max"], "default_level": "high"}
        assert client.get(f"/models/{name}").json() == entry
    assert [entries[name]["input_modalities"] for name in (FLASH, PRO)] == [["text", "image"], ["text"]]
    assert of_profile("2026-08").get("/models").json()["data"][0].keys() == {"id", "object", "owned_by"}
