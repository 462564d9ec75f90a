"""JSON text to a body of the right types. Positions in refusals are honest only about the end of the text."""

import json
from collections.abc import Callable
from typing import Any

from mock_server import errors
from mock_server.serde import Malformed, Shape, check_fields, named
from mock_server.shapes import CHAT, FIM
from specs import Limits


def parse(text: bytes, profile: str) -> Any:
    """Raises :class:`errors.Refused` on what is not JSON."""
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise errors.not_json(profile, "recursion limit exceeded at line 1 column 128") from None
    except UnicodeDecodeError as error:
        raise errors.not_json(profile, f"invalid unicode code point at line 1 column {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise errors.not_json(profile, _syntax(error, text)) from None
    except ValueError as error:  # a NaN literal, or an integer of thousands of digits
        raise errors.not_json(profile, f"expected value at line 1 column 1 ({error})"[:120]) from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _syntax(error: json.JSONDecodeError, text: bytes) -> str:
    at_end = error.pos >= len(error.doc.rstrip()) or "Unterminated string" in error.msg
    what = "EOF while parsing a value" if at_end else "expected value"
    column = len(text.rpartition(b"\n")[2]) if at_end else error.colno
    return f"{what} at line {error.lineno} column {column}"


def chat(text: bytes, limits: Callable[[str | None], Limits]) -> dict[str, Any]:
    return _body(text, CHAT, limits)


def fim(text: bytes, limits: Callable[[str | None], Limits]) -> dict[str, Any]:
    return _body(text, FIM, limits)


def _body(text: bytes, shape: Shape, limits: Callable[[str | None], Limits]) -> dict[str, Any]:
    """``limits`` gives the limits of a model, for the status and for the fields that the profile knows."""
    some = limits(None)
    value = parse(text, some.profile)
    try:
        if not isinstance(value, dict):
            raise Malformed(f"invalid type: {named(value)}, expected struct ChatCompletionRequest")
        unknown = _unknown_fields(some)
        check_fields(value, {name: field for name, field in shape.items() if name not in unknown} if unknown else shape)
    except Malformed as error:
        lines = text.split(b"\n")
        where = f" at line {len(lines)} column {len(lines[-1])}"
        problem = (f"{error.path}: " if error.path else "") + error.what + where
        raise errors.malformed(some.profile, some.malformed_status, problem) from None
    return value


def _unknown_fields(limits: Limits) -> set[str]:
    absent = {
        "thinking": limits.thinking != "switch",
        "reasoning_effort": not limits.efforts,
        "user_id": limits.user_id_max is None,
    }
    return {name for name, unknown in absent.items() if unknown}
