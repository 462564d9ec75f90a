"""Converters for published traces, from their lines to our rows. Pure; ``inputs`` validates the rows.

Mooncake (JSON lines; its block hashes become shared prefixes), BurstGPT and Azure's LLM inference traces (CSV), and spans of
OpenTelemetry as its file exporter writes them (a JSON document a line, attributes by the GenAI conventions; other spans are passed over).
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from echosounder.load import sharegpt
from echosounder.load.trace_error import Line, TraceError

Row = tuple[int, dict[str, Any]]  # offset (s), prompt_tokens, output_tokens, and blocks if prompts share prefixes
BLOCK = 512  # tokens per block hash of Mooncake
_INPUT, _OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"


def rows(lines: Sequence[Line]) -> Iterator[Row]:
    """The requests of a trace, in any supported format, with offsets from the first request. Raises :class:`TraceError`."""
    number, first = lines[0]
    head = [cell.strip() for cell in first.split(",")]
    if {"TIMESTAMP", "ContextTokens", "GeneratedTokens"} <= set(head):
        return _from_the_first(_table(lines, _azure))
    if {"Timestamp", "Request tokens", "Response tokens"} <= set(head):
        return _from_the_first(_table(lines, _burst))
    if sharegpt.recognised(lines):
        raise TraceError(
            number, "ShareGPT's conversations have no times: give the file with --prompts, and --users or --rate"
        )
    document = _json(number, first)
    if "resourceSpans" in document:
        return _from_the_first(row for at, text in lines for row in _spans(at, _json(at, text)))
    if "input_length" in document:
        return _from_the_first((at, _converted(at, _mooncake, _json(at, text))) for at, text in lines)
    return ((at, _json(at, text)) for at, text in lines)


def _from_the_first(found: Iterator[Row]) -> Iterator[Row]:
    made = list(found)
    begin = min((row["offset"] for _, row in made), default=0.0)
    return ((at, {**row, "offset": row["offset"] - begin}) for at, row in made)


def _json(number: int, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TraceError(number, repr(error)) from None
    if not isinstance(document, dict):
        raise TraceError(number, "it is not a JSON object")
    return document


def _table(lines: Sequence[Line], convert: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[Row]:
    numbers = [number for number, _ in lines[1:]]
    for number, row in zip(numbers, csv.DictReader([text for _, text in lines], skipinitialspace=True), strict=True):
        yield number, _converted(number, convert, row)


def _converted(number: int, convert: Callable[[dict[str, Any]], dict[str, Any]], row: dict[str, Any]) -> dict[str, Any]:
    try:
        return convert(row)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise TraceError(number, repr(error)) from None


def _azure(row: dict[str, Any]) -> dict[str, Any]:
    stamp = datetime.fromisoformat(row["TIMESTAMP"].strip()[:26])
    offset = (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()
    return _row(offset, int(row["ContextTokens"]), int(row["GeneratedTokens"]))


def _burst(row: dict[str, Any]) -> dict[str, Any]:
    """Rows of BurstGPT; a response without tokens is a failed request."""
    answered = int(row["Response tokens"])
    if not answered:
        raise ValueError("it failed: 0 response tokens; take the file without failures, or delete the line")
    return _row(float(row["Timestamp"]), int(row["Request tokens"]), answered)


def _mooncake(row: dict[str, Any]) -> dict[str, Any]:
    blocks, tokens = tuple(row.get("hash_ids") or ()), row["input_length"]
    if not all(type(each) is int for each in blocks):
        raise ValueError("hash_ids must be whole numbers")
    if blocks and not (len(blocks) - 1) * BLOCK < tokens <= len(blocks) * BLOCK:
        raise ValueError(f"{len(blocks)} hash_ids are not {tokens} tokens: each stands for {BLOCK}")
    return _row(row["timestamp"] / 1000, tokens, row["output_length"]) | {"blocks": blocks}


def _spans(number: int, document: dict[str, Any]) -> Iterator[Row]:
    try:
        spans = [
            span
            for resource in document["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]
        for span in spans:
            told = {each["key"]: each["value"] for each in span.get("attributes", ())}
            if _INPUT in told and _OUTPUT in told:
                tokens = (int(told[name]["intValue"]) for name in (_INPUT, _OUTPUT))
                yield number, _row(int(span["startTimeUnixNano"]) / 1e9, *tokens)
    except (ValueError, KeyError, TypeError) as error:
        raise TraceError(number, repr(error)) from None


def _row(offset: float, prompt: int, output: int) -> dict[str, Any]:
    return {"offset": offset, "prompt_tokens": prompt, "output_tokens": output}
