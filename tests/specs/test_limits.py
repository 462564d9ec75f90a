"""Limits by profile and model, as the tables of the documentation have them; and the document agrees."""

import pytest

from echosounder import specs

# profile, model, member, value
FACTS = [
    ("2024-07", "deepseek-coder", "max_tokens", 4096),
    ("2024-07", "deepseek-coder", "max_tokens_beta", 8192),
    ("2024-07", "deepseek-chat", "stop_max", 8),
    ("2024-07", "deepseek-chat", "malformed_status", 422),
    ("2024-07", "deepseek-chat", "cache_unit", 64),
    ("2024-12", "deepseek-chat", "max_tokens", 8192),
    ("2024-12", "deepseek-chat", "context", 65536),
    ("2025-01", "deepseek-reasoner", "reasoning_input", "forbidden"),
    ("2025-01", "deepseek-reasoner", "thinking_counted", False),
    ("2025-01", "deepseek-reasoner", "tools", False),
    ("2025-01", "deepseek-reasoner", "json_output", False),
    ("2025-01", "deepseek-chat", "tools", True),
    ("2025-08", "deepseek-reasoner", "max_tokens", 65536),
    ("2025-08", "deepseek-reasoner", "max_tokens_default", 32768),
    ("2025-08", "deepseek-chat", "max_tokens", 8192),
    ("2025-08", "deepseek-chat", "context", 131072),
    ("2025-08", "deepseek-reasoner", "logprobs", False),
    ("2025-12", "deepseek-chat", "malformed_status", 400),
    ("2025-12", "deepseek-chat", "reasoning_input", "required-with-tools"),
    ("2025-12", "deepseek-chat", "thinking_default", False),
    ("2026-04", "deepseek-v4-flash", "concurrency", 2500),
    ("2026-04", "deepseek-v4-pro", "concurrency", 500),
    ("2026-08", "deepseek-v4-flash", "thinking_default", True),
    ("2026-08", "deepseek-chat", "thinking_default", False),
    ("2026-08", "deepseek-v4-pro", "max_tokens", 393216),
    ("2026-08", "deepseek-v4-pro", "context", 1048576),
    ("2026-08", "deepseek-v4-pro", "cache_unit", 128),
    ("2026-08", "a-clone-of-its-own", "max_tokens", 393216),
    ("2026-09", "deepseek-flash", "max_tokens_default", 8192),
    ("2026-09", "deepseek-flash", "max_tokens_default_thinking", 65536),
    ("2026-11", "deepseek-flash", "max_tokens_default_max_effort", 131072),
    ("2026-11", "deepseek-flash", "tool_name_max", 128),
    ("2026-11", "deepseek-flash", "user_id_unit", "bytes"),
    ("2026-11", "deepseek-flash", "reasoning_input", "required-by-tools"),
    ("2026-11", "deepseek-flash", "top_p_when", "thinking"),
    ("2026-11", "deepseek-v4-pro", "top_p_when", "plain"),
    ("2026-11", "deepseek-v4-pro", "concurrency", 500),
    ("2026-11", "deepseek-flash", "effort_map", {"minimal": "low", "medium": "high", "xhigh": "high", "ultra": "max"}),
    (
        "2026-11",
        None,
        "aliases",
        {"deepseek-v4-flash": "deepseek-flash", "deepseek-v4-flash-vision-exp": "deepseek-flash"},
    ),
    ("openai", None, "fim", False),
    ("openai", None, "usage_placement", "extra-chunk"),
]


@pytest.mark.parametrize(("profile", "model", "member", "value"), FACTS)
def test_facts(profile, model, member, value):
    assert getattr(specs.limits(profile, model), member) == value


@pytest.mark.parametrize(
    ("profile", "models"),
    [
        ("2024-07", ("deepseek-chat", "deepseek-coder")),
        ("2024-12", ("deepseek-chat",)),
        ("2025-01", ("deepseek-chat", "deepseek-reasoner")),
        ("2026-08", ("deepseek-v4-flash", "deepseek-v4-pro")),
        ("2026-09", ("deepseek-flash", "deepseek-v4-pro")),
        ("2026-11", ("deepseek-flash", "deepseek-v4-pro")),
    ],
)
def test_models(profile, models):
    assert specs.models(profile) == models


@pytest.mark.parametrize("profile", specs.PROFILES)
def test_the_document_has_the_same_bounds(profile):
    limits = [specs.limits(profile, model) for model in specs.models(profile)]
    schemas = specs.document(profile)["components"]["schemas"]
    members = schemas["ChatRequest"]["properties"]
    biggest = [one.max_tokens_beta for one in limits if one.max_tokens_beta]
    assert members["max_tokens"].get("maximum") == (max(biggest) if biggest else None)
    assert schemas["Stop"]["anyOf"][1]["maxItems"] == limits[0].stop_max
    assert members["tools"]["maxItems"] == limits[0].tools_max
    assert members["top_logprobs"]["maximum"] == limits[0].top_logprobs_max
    assert schemas["Function"]["properties"]["name"]["maxLength"] == limits[0].tool_name_max
    assert members.get("user_id", {}).get("maxLength") == limits[0].user_id_max
    assert ("thinking" in members) == any(one.thinking == "switch" for one in limits)
    if profile != "openai":
        assert tuple(members.get("reasoning_effort", {}).get("enum", ())) == limits[0].efforts
        assert schemas["FimRequest"]["properties"]["max_tokens"]["maximum"] == limits[0].fim_max_tokens
