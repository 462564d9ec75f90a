"""Limits of each profile, per model: sizes, counts, statuses and which features exist."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import Any

from echosounder.specs.lines import YamlFile
from echosounder.specs.vendors import inherited, vendor_table


@dataclass(frozen=True, slots=True)
class Limits:
    """One model in one profile. None = not limited, or not known.

    Sizes are in tokens unless said otherwise; "max" members are inclusive.
    """

    profile: str
    model: str
    models: tuple[str, ...]  # what GET /models lists
    aliases: dict[str, str]  # accepted names that are not listed -> the model that serves them
    max_tokens: int | None  # largest max_tokens on the stable base URL
    max_tokens_beta: int | None  # the same below /beta
    max_tokens_default: int | None  # where the request names none
    max_tokens_default_thinking: int | None  # the same while thinking; None: no other
    max_tokens_default_max_effort: int | None  # the same at effort max; None: no other
    context: int | None
    concurrency: int | None  # requests in flight per account
    wait_s: (
        int | None
    )  # seconds after which the server closes a connection: before 2025-12 unfinished, since then unstarted
    stop_max: int | None
    tools_max: int | None
    tool_name_max: int | None  # characters
    user_id_max: int | None  # None: the field is unknown and ignored
    user_id_unit: str  # characters | bytes (of UTF-8): what user_id_max counts
    top_logprobs_max: int
    json_output: bool
    tools: bool
    strict_tools: bool
    fim: bool
    fim_max_tokens: int | None
    cache_unit: int | None
    cache_model: (
        str | None
    )  # prefix-blocks: every block from token 0; prefix-units: stored at the ends of input and output
    malformed_status: int  # wrong type, missing field, unknown role: 422 or 400
    range_status: int  # right type, value out of range
    thinking: str  # none | always | switch (request field `thinking`)
    thinking_default: bool
    efforts: tuple[str, ...]  # accepted reasoning_effort; empty: the field is unknown and ignored
    effort_map: dict[str, str]  # accepted names that stand for another one
    top_p_when: str  # always | thinking | plain: when top_p has an effect
    top_p_floor: float | None  # values below it count as it
    thinking_counted: bool  # max_tokens bounds the chain of thought too
    # Of reasoning_content in the input: ignored | forbidden | required-with-tools (of messages that made calls)
    # | required-by-tools (of all, where tools are offered)
    reasoning_input: str
    logprobs: bool
    penalties: str  # effective | ignored
    forced_tools_in_thinking: bool  # tool_choice required or named while thinking
    usage_placement: str  # finish-chunk | extra-chunk: where the reference puts the usage of a stream
    template_tokens: int  # prompt tokens that the chat template adds to one user message (inferred from recordings)
    template_tokens_thinking: int | None  # the same while thinking; None: not known
    content_parts: bool  # user and tool messages may be arrays of parts, by the documentation

    @property
    def reasoning_kept(self) -> bool:
        """Whether the reasoning of calls must be returned."""
        return self.reasoning_input in ("required-with-tools", "required-by-tools")


FILE = "limits.yaml"
_PER_PROFILE = ("profile", "model", "models", "aliases")
_OF_A_ROW = {"models", "aliases", "all", "per_model"}


def limits(profile: str, model: str | None = None) -> Limits:
    """The limits of a model, or of the profile's first model. Aliases and names unknown to the profile are accepted:
    a clone has names of its own, and the common limits hold for it."""
    return _limits(profile, model)


@functools.cache
def _limits(profile: str, model: str | None) -> Limits:
    return _read(vendor_table(profile, FILE), profile, model)


def check(table: YamlFile, profile: str) -> None:
    """SpecError with file and line if a row of the profile lacks a member or has one too many."""
    row = _row(table, profile)
    for model in (*row["models"], *row["aliases"], *row["per_model"]):
        _read(table, profile, model)


def _row(table: YamlFile, profile: str) -> dict[str, Any]:
    """The row with what it takes from the one that ``like`` names, member by member."""
    row = inherited(table, profile)
    if wrong := row.keys() ^ _OF_A_ROW:
        raise table.error((profile,), f"{profile}: missing or unknown members: {', '.join(sorted(wrong))}")
    return row


def _read(table: YamlFile, profile: str, model: str | None) -> Limits:
    row = _row(table, profile)
    name = model or row["models"][0]
    served_by = row["aliases"].get(name, name)
    values = inherited(table, profile, "all") | row["per_model"].get(served_by, {}) | row["per_model"].get(name, {})
    known = {field.name for field in fields(Limits)} - set(_PER_PROFILE)
    if wrong := known.symmetric_difference(values):
        raise table.error((profile,), f"{name}: missing or unknown members: {', '.join(sorted(wrong))}")
    values = values | {"efforts": tuple(values["efforts"])}
    return Limits(profile=profile, model=name, models=tuple(row["models"]), aliases=dict(row["aliases"]), **values)


def models(profile: str) -> tuple[str, ...]:
    """Models in the order of ``GET /models``."""
    return limits(profile).models
