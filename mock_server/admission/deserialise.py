"""Parses JSON text into a body with the right types. Error positions are exact only at the end of the text."""

import json
from typing import Any

from echosounder import specs
from echosounder.mock_server.admission import refusals
from echosounder.mock_server.admission.serde import Malformed, Shape, check_fields, named


def parse(text: bytes, profile: str) -> Any:
    """Parse the JSON value. Raises :class:`refusals.Refused` for invalid JSON."""
    try:
        return _decode(text.decode("utf-8"))
    except RecursionError:
        raise refusals.not_json(profile, "recursion limit exceeded at line 1 column 128") from None
    except UnicodeDecodeError as error:
        raise refusals.not_json(profile, f"invalid unicode code point at line 1 column {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise refusals.not_json(profile, _syntax(error, text)) from None
    except ValueError as error:  # a NaN literal, or an integer with thousands of digits
        raise refusals.not_json(profile, f"expected value at line 1 column 1 ({error})"[:120]) from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


_decode = json.JSONDecoder(parse_constant=_no_constant).decode  # created once: creating it is half of the cost


def _syntax(error: json.JSONDecodeError, text: bytes) -> str:
    at_end = error.pos >= len(error.doc.rstrip()) or "Unterminated string" in error.msg
    what = "EOF while parsing a value" if at_end else "expected value"
    column = len(text.rpartition(b"\n")[2]) if at_end else error.colno
    return f"{what} at line {error.lineno} column {column}"


def body(text: bytes, shape: Shape, profile: str) -> dict[str, Any]:
    """Parse and type-check a body. Raises :class:`refusals.Refused` (400 or 422)."""
    value = parse(text, profile)
    try:
        if not isinstance(value, dict):
            raise Malformed(f"invalid type: {named(value)}, expected struct ChatCompletionRequest")
        check_fields(value, shape)
    except Malformed as error:
        lines = text.split(b"\n")
        where = f" at line {len(lines)} column {len(lines[-1])}"
        problem = (f"{error.path}: " if error.path else "") + error.what + where
        raise refusals.malformed(profile, specs.limits(profile).malformed_status, problem) from None
    if specs.behaviour(profile).max_completion_tokens and value.get("max_tokens") is None:
        value["max_tokens"] = value.get("max_completion_tokens")
    return value
