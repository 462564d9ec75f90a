"""JSON text to a body of the right types, refused in the words of serde_json, which the real server visibly uses.

Shapes are tables of field checks; a check raises :class:`Malformed` with serde's phrase. Unknown fields are ignored, ``null`` stands
for absent where the field is optional. Positions are honest only about the end of the text; clients must not rely on them.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from mock_server import errors
from specs import Limits

Check = Callable[[Any], None]
Shape = Mapping[str, tuple[Check, bool]]  # field name -> its check, and whether it must be there
ROLES = ("system", "user", "assistant", "tool", "latest_reminder")


class Malformed(Exception):
    """``path`` grows outwards while the exception travels: ``messages[0].role``."""

    def __init__(self, what: str, path: str = "") -> None:
        super().__init__(what)
        self.what, self.path = what, path

    def under(self, step: str) -> "Malformed":
        separator = "." if self.path and not self.path.startswith("[") else ""
        return Malformed(self.what, step + separator + self.path)


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
            raise Malformed(f"invalid type: {_serde(value)}, expected struct ChatCompletionRequest")
        unknown = _unknown_fields(some)
        _fields(value, {name: field for name, field in shape.items() if name not in unknown} if unknown else shape)
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


# --- checks


def _serde(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean `{str(value).lower()}`"
        case int():
            return f"integer `{value}`"
        case float():
            return f"floating point `{value}`"
        case str():
            return f"string {json.dumps(value, ensure_ascii=False)}"
        case list():
            return "sequence"
    return "map"


def _expect(value: Any, good: bool, wanted: str) -> None:
    if not good:
        raise Malformed(f"invalid type: {_serde(value)}, expected {wanted}")


def string(value: Any) -> None:
    if not isinstance(value, str):
        _expect(value, False, "a string")


def boolean(value: Any) -> None:
    if value is not True and value is not False:
        _expect(value, False, "a boolean")


def number(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _expect(value, False, "f32")


def integer(bits: int, signed: bool = False) -> Check:
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    name = f"{'i' if signed else 'u'}{bits}"

    def check(value: Any) -> None:
        _expect(value, isinstance(value, int) and not isinstance(value, bool), name)
        if not low <= value < high:
            raise Malformed(f"invalid value: integer `{value}`, expected {name}")

    return check


def anything(value: Any) -> None:
    """Checked later, or not at all."""


def mapping(value: Any) -> None:
    _expect(value, isinstance(value, dict), "a map")


def optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def sequence(check: Check) -> Check:
    def check_all(value: Any) -> None:
        if not isinstance(value, list):
            _expect(value, False, "a sequence")
        for index, item in enumerate(value):
            try:
                check(item)
            except Malformed as error:
                raise error.under(f"[{index}]") from None

    return check_all


def one_of(*names: str) -> Check:
    known = frozenset(names)
    listed = (
        f"expected one of {', '.join(f'`{name}`' for name in names)}" if len(names) > 1 else f"expected `{names[0]}`"
    )

    def check(value: Any) -> None:
        if not isinstance(value, str):
            _expect(value, False, "a string")
        if value not in known:
            raise Malformed(f"unknown variant `{value}`, {listed}")

    return check


def struct(name: str, shape: Shape) -> Check:
    def check(value: Any) -> None:
        _expect(value, isinstance(value, dict), f"struct {name}")
        _fields(value, shape)

    return check


def _fields(value: dict[str, Any], shape: Shape) -> None:
    for name, (check, required) in shape.items():
        if name in value:
            try:
                check(value[name])
            except Malformed as error:
                raise error.under(name) from None
        elif required:
            raise Malformed(f"missing field `{name}`")


def required(check: Check) -> tuple[Check, bool]:
    return check, True


def maybe(check: Check) -> tuple[Check, bool]:
    """Absent or null will do."""
    return optional(check), False


# --- shapes


def content(value: Any) -> None:
    """Text, or parts of text; an image or a file needs a vision model."""
    if isinstance(value, str):
        return
    if not isinstance(value, list):
        raise Malformed("data did not match any variant of untagged enum ChatCompletionRequestContent")
    sequence(struct("TextPart", {"type": required(one_of("text")), "text": required(string)}))(value)


FUNCTION_CALL = struct("FunctionCall", {"name": required(string), "arguments": required(string)})
TOOL_CALL = struct(
    "ToolCall", {"id": required(string), "type": required(one_of("function")), "function": required(FUNCTION_CALL)}
)
MESSAGES: Mapping[str, Shape] = {
    "system": {"content": required(content), "name": maybe(string)},
    "user": {"content": required(content), "name": maybe(string)},
    "assistant": {
        "content": maybe(content),
        "name": maybe(string),
        "prefix": maybe(boolean),
        "reasoning_content": maybe(string),
        "tool_calls": maybe(sequence(TOOL_CALL)),
    },
    "tool": {"content": required(content), "tool_call_id": required(string)},
    "latest_reminder": {"content": required(content)},
}
_ROLE = one_of(*MESSAGES)


def message(value: Any) -> None:
    _expect(value, isinstance(value, dict), "internally tagged enum ChatCompletionRequestMessage")
    if "role" not in value:
        raise Malformed("missing field `role`")
    try:
        _ROLE(value["role"])
    except Malformed as error:
        raise error.under("role") from None
    _fields(value, MESSAGES[value["role"]])


def stop(value: Any) -> None:
    if not isinstance(value, str):
        sequence(string)(value)


def tool_choice(value: Any) -> None:
    if isinstance(value, str) and value in ("none", "auto", "required"):
        return
    named = isinstance(value, dict) and value.get("type") == "function" and isinstance(value.get("function"), dict)
    if not (named and isinstance(value["function"].get("name"), str)):
        raise Malformed("expected one of `none`, `auto`, `required` or a tool")


TOOL = struct(
    "Tool",
    {
        "type": required(one_of("function")),
        "function": required(
            struct(
                "Function",
                {
                    "name": required(string),
                    "description": maybe(string),
                    "parameters": maybe(mapping),
                    "strict": maybe(boolean),
                },
            )
        ),
    },
)
_SAMPLING: Shape = {
    "frequency_penalty": maybe(number),
    "presence_penalty": maybe(number),
    "temperature": maybe(number),
    "top_p": maybe(number),
    "max_tokens": maybe(integer(32)),
    "stop": maybe(stop),
    "stream": maybe(boolean),
    "stream_options": maybe(struct("StreamOptions", {"include_usage": maybe(boolean)})),
    "n": maybe(integer(32)),
}
CHAT: Shape = {
    "messages": required(sequence(message)),
    "model": required(string),
    **_SAMPLING,
    "logprobs": maybe(boolean),
    "response_format": maybe(struct("ResponseFormat", {"type": required(string)})),
    "tool_choice": maybe(tool_choice),
    "tools": maybe(sequence(TOOL)),
    "top_logprobs": maybe(integer(8)),
    "thinking": maybe(struct("ThinkingOptions", {"type": required(one_of("enabled", "disabled", "adaptive"))})),
    "reasoning_effort": maybe(string),
    "user_id": maybe(string),
}
FIM: Shape = {
    "model": required(string),
    "prompt": required(string),
    **_SAMPLING,
    "echo": maybe(boolean),
    "logprobs": maybe(integer(8)),
    "suffix": maybe(string),
}
