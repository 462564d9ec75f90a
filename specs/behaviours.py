"""Server behavior per profile: the format of each path, additional headers, and the text of refusals."""

from __future__ import annotations

import functools
import string
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from echosounder.specs.lines import YamlFile
from echosounder.specs.vendors import inherited, vendor_table

FILE = "behaviour.yaml"
MERGED = ("formats", "model_names", "refusals", "texts")  # taken over from an earlier row one by one


@dataclass(frozen=True, slots=True)
class Refusal:
    """Text and content type of an error. Without ``type`` the text is the whole body; without ``content_type`` it has no label.

    ``text`` has gaps in braces, which the occasion fills. ``status`` None: that of the profile's limits.
    """

    text: str
    type: str
    code: str
    content_type: str | None
    status: int | None
    param: str | None

    def worded(self, **gaps: object) -> str:
        return self.text.format_map(gaps)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One profile."""

    profile: str
    # Paths below the base URL, by format: the first is where clients ask, the others lead there too.
    formats: Mapping[str, tuple[str, ...]]
    # By format: what else a model may be called there -> the model; shell patterns, the first that fits counts.
    model_names: Mapping[str, Mapping[str, str]]
    beta: bool  # a base URL /beta with prefix completion and larger bounds
    balance: bool  # GET /user/balance, and 402 when nothing is left
    single_models: bool  # GET /models/{id}
    model_entries: Mapping[
        str, Mapping[str, Any]
    ]  # by model: what its entry of GET /models has besides id, object and owned_by
    web_tools: bool  # POST /v1/tools/search and /v1/tools/fetch
    model_revisions: bool  # an answer may name a revision of the model that was asked
    lists_completions: bool  # GET /chat/completions is no error
    usage_details: bool  # usage.prompt_tokens_details
    cache_split: bool  # usage.prompt_cache_hit_tokens and prompt_cache_miss_tokens
    max_completion_tokens: bool  # the newer name of max_tokens is known
    top_p_zero: bool  # top_p 0 is allowed
    choices_max: int  # largest n
    developer_role: bool  # a message may have the role developer
    json_schema_malformed: bool  # response_format json_schema is refused as an unknown variant
    turns_alternate: bool  # a model that always thinks wants user and assistant to take turns
    fingerprint: str  # system_fingerprint, as recorded
    call_id_form: str  # uuid | letters
    parameter_statuses: tuple[int, ...]  # what a bad parameter may be answered with
    unknown_model_statuses: tuple[int, ...]
    error_code_nullable: bool
    error_content_types: tuple[str, ...]
    forced_call_finish: tuple[str, ...]  # finish_reason of an answer that had to call a function
    context_shown: int | None  # the bound that the refusal of a prompt that is too long names; None: the real one
    refusals: Mapping[str, Refusal]
    texts: Mapping[str, str]  # of the refusal ``invalid``: what is wrong, with gaps in braces

    def model_meant(self, form: str, name: str) -> str:
        """The model that a request in this format means by a name: that of the first pattern that fits, else the name itself."""
        patterns = self.model_names.get(form, {}).items()
        return next((model for pattern, model in patterns if fnmatchcase(name, pattern)), name)

    def sees(self, model: str) -> bool:
        """Whether a model takes images, by its entry of GET /models."""
        return "image" in self.model_entries.get(model, {}).get("input_modalities", ())

    def format_of(self, path: str) -> str | None:
        """The format of a path below the base URL; None where the profile serves none there."""
        plain = "/" + path.partition("?")[0].strip("/")
        return next((name for name, paths in self.formats.items() if plain in paths), None)


@functools.cache
def behaviour(profile: str) -> Behaviour:
    """SpecError if the profile is unknown, has no row, or a row that lacks a member."""
    return read(vendor_table(profile, FILE), profile)


def read(table: YamlFile, profile: str) -> Behaviour:
    """SpecError with file and line."""
    row = inherited(table, profile) | {name: inherited(table, profile, name) for name in MERGED}
    known = {field.name for field in fields(Behaviour)} - {"profile"}
    if wrong := known.symmetric_difference(row):
        raise table.error((profile,), f"{profile}: missing or unknown members: {', '.join(sorted(wrong))}")
    lists = {name: tuple(value) for name, value in row.items() if isinstance(value, list)}
    formats = {name: tuple(paths) for name, paths in row["formats"].items()}
    refusals = {name: _refusal(table, profile, name, each) for name, each in row["refusals"].items()}
    return Behaviour(**row | lists | {"formats": formats, "refusals": refusals}, profile=profile)


def _refusal(table: YamlFile, profile: str, name: str, row: dict[str, Any]) -> Refusal:
    plain = {
        "text": "",
        "type": "",
        "code": "invalid_request_error",
        "content_type": "application/json",
        "status": None,
        "param": None,
    }
    try:
        refusal = Refusal(**plain | row)
        list(string.Formatter().parse(refusal.text))
        return refusal
    except (TypeError, ValueError) as error:
        raise table.error((profile, "refusals", name), f"broken refusal: {error}") from error
