"""The catalogue: complete, sourced, and split by profile as the API was."""

import dataclasses

import pytest

from echosounder import specs
from echosounder.specs.lines import load

# Each statement of the two documents that the project began with, and the requirements that hold an endpoint to it.
SEEDS = {
    "JSON output": ["json.accepted", "json.valid", "json.length-cut"],
    "function calling, up to 128, in parallel": ["tools.count-128", "tools.count-129", "tools.parallel"],
    "prefix completion below /beta": ["prefix.accepted", "prefix.off-beta-refused", "prefix.beta-route"],
    "a code fence as prefix and stop": ["prefix.stop"],
    "going on after a cut": ["prefix.truncation-resumed"],
    "8K max_tokens below /beta only": ["chat.beta-8k", "chat.beta-8k-only"],
    "FIM, charged like chat": ["fim.available", "fim.same-price", "fim.off-beta-refused"],
    "deepseek-chat and deepseek-coder": ["models.expected-2024-07"],
    "model and prompt are required": ["fim.prompt-required", "error.missing-model"],
    "echo": ["fim.echo", "fim.echo-off", "fim.echo-with-suffix"],
    "suffix": ["fim.suffix", "fim.suffix-counted"],
    "logprobs up to 20": ["fim.logprobs", "fim.logprobs-width", "fim.logprobs-null", "fim.bounds"],
    "max_tokens": ["fim.max-tokens-4k", "fim.length-finish"],
    "stop": ["fim.stop", "fim.bounds"],
    "stream and stream_options": ["fim.stream", "fim.stream-chunk", "fim.stream-usage"],
    "temperature and top_p": ["fim.bounds"],
    "penalties from -2 to 2": ["limits.penalties", "limits.penalties-ignored"],
    "nullable parameters": ["fim.nulls-accepted"],
    "answer with id, choices, created, model, object": ["fim.response-schema", "fim.object"],
    "usage": ["usage.present", "usage.total-is-sum"],
}
# Requirement, profiles that hold to it, profiles that do not.
DATED = [
    ("chat.stop-8", ["2024-07"], ["2024-12", "2026-08", "openai"]),
    ("chat.stop-16", ["2024-12", "2026-08"], ["2024-07", "openai"]),
    ("chat.beta-8k-only", ["2024-07"], ["2024-12", "2026-08"]),
    ("cache.unit-64", ["2024-07", "2025-12"], ["2026-04", "2026-08", "openai"]),
    ("cache.unit-128", ["2026-04", "2026-08"], ["2024-07", "openai"]),
    ("thinking.reasoning-refused", ["2025-01"], ["2024-12", "2025-08", "2026-08"]),
    ("thinking.reasoning-kept", ["2025-12", "2026-08"], ["2025-08"]),
    ("limits.penalties", ["2024-07", "2025-12"], ["2026-04"]),
    ("limits.user-id-512", ["2026-04"], ["2025-12", "openai"]),
    ("tools.strict-accepted", ["2025-08", "2026-08"], ["2025-01", "openai"]),
    ("balance.schema", ["2024-07", "2026-08"], ["openai"]),
    ("limits.max-completion-tokens", ["openai"], ["2024-07", "2026-08"]),
    ("stream.ends-with-done", list(specs.PROFILES), []),
]


def test_there_are_enough_and_each_has_a_source():
    rows = specs.requirements()
    assert len(rows) >= 180
    assert all(row.sources for row in rows)
    assert len({row.text for row in rows}) == len(rows)


@pytest.mark.parametrize("statement", SEEDS)
def test_each_statement_of_the_first_documents_is_covered(statement):
    assert [specs.requirement(id).id for id in SEEDS[statement]]


@pytest.mark.parametrize(("id", "admitting", "others"), DATED)
def test_profiles_admit_what_held_at_their_time(id, admitting, others):
    held = {profile for profile in specs.PROFILES if specs.requirement(id) in specs.requirements(profile)}
    assert held >= set(admitting)
    assert not held & set(others)


def test_the_openai_dialect_is_held_to_what_still_holds():
    row = specs.requirement("stream.ends-with-done")
    assert row.admits("openai")
    assert not dataclasses.replace(row, until="2025-12").admits("openai")
    assert dataclasses.replace(row, since="2026-08").admits("openai")


def own(row):
    """A page of OpenAI's is no third party's for whoever is held to OpenAI's dialect alone."""
    return row.vendors == ("openai",) and all(source.page.startswith("openai-") for source in row.sources)


def test_third_parties_never_gate():
    kinds = {key: source["kind"] for key, source in load("sources.yaml").value.items()}
    told = [row for row in specs.requirements() if {kinds[source.page] for source in row.sources} == {"third-party"}]
    assert [row.id for row in told if row.level == "MUST" and not own(row)] == []


def test_reason_or_probe():
    assert [row.id for row in specs.requirements() if bool(row.excluded) == bool(row.probes)] == []


@pytest.mark.parametrize("feature", ["proxy", "load", "client"])
def test_proxy_and_load_probes(feature):
    rows = [row for row in specs.requirements() if row.id.startswith(f"{feature}.") and not row.excluded]
    assert rows
    assert all(probe.startswith(f"{feature}.") for row in rows for probe in row.probes)


def test_unknown_ids_suggest_the_nearest():
    with pytest.raises(specs.SpecError, match=r"did you mean stream\.ends-with-done"):
        specs.requirement("stream.end-with-done")
