"""Documents that mean harm, drawn by seed: honest ones with something else in one of their places."""

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from zlib import crc32

ROOT = Path(__file__).parents[2]


def seed() -> int:
    """Another one with every change, and the same for everybody who has it."""
    return crc32((ROOT / "CHANGELOG.md").read_bytes())


def nested(depth: int, kind: Callable[[Any], Any] = lambda inner: [inner]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = kind(value)
    return value


LEAVES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**31,
    2**53 + 1,
    2**63,
    -(2**64),
    10**400,
    float("nan"),
    float("inf"),
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "NaN",
    "9" * 400,
    "9" * 5000,
    "\0",
    "\ud800",
    "\udfff\ud800",
    "\x1b]0;x\x07\x1b[31m",
    "\u202e\u2066",
    "`](http://evil.example)![x](http://evil.example/x.png)",
    "<script>alert(1)</script>",
    "a" * 10_000,
    "é" * 100,
    "2026-02-30T25:61:61Z",
    "9999-12-31T23:59:59+00:00",
    "javascript:alert(1)",
    "http://a..b",
    "http://[::1",
    [],
    {},
    [[]],
    {"": ""},
    [None] * 20,
    {"type": "text", "text": None},
    nested(60),
    nested(60, lambda inner: {"a": inner}),
)


def leaf(dice: random.Random) -> Any:
    return deepcopy(dice.choice(LEAVES))


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value in a document, itself included."""
    yield way
    if isinstance(value, dict):
        for name, member in value.items():
            yield from places(member, (*way, name))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from places(member, (*way, number))


def mutated(value: Any, dice: random.Random) -> Any:
    """A copy with one to three places spoilt."""
    copy = json.loads(json.dumps(value))
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        copy = _spoilt(copy, dice)
    return copy


def _spoilt(value: Any, dice: random.Random) -> Any:
    *way, last = dice.choice([place for place in places(value) if place] or [("",)])
    if not isinstance(value, dict | list) or not value:
        return leaf(dice)
    inner = value
    for step in way:
        inner = inner[step]
    match dice.randrange(8):
        case 0:
            del inner[last]
        case 1 if isinstance(inner, dict):
            inner[dice.choice(("", "\ud800", "\x1b[0m", "a" * 300, "index", "id", "type", "kind"))] = inner.pop(last)
        case 2 if isinstance(inner, list):
            inner.insert(last, leaf(dice))
        case 3 if isinstance(inner, list):
            inner.append(inner[last])
        case 4:
            inner[last] = [inner[last]]
        case _:
            inner[last] = leaf(dice)
    return value


def written(value: Any) -> bytes:
    """As a target would send it: what is no Unicode as the bytes that it stands for."""
    return json.dumps(value, ensure_ascii=random.Random(len(str(value)[:50])).random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )


SPOILT_BYTES = (
    b"\xff\xfe",
    b"\0",
    b"\r",
    b"\n\n",
    b"data: ",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"\xed\xa0\x80",
    b"[DONE]",
    b"{",
    b'"',
    b"9" * 5000,
)


def spoilt_bytes(data: bytes, dice: random.Random) -> bytes:
    """Cut, doubled, or with something strange in it."""
    at = dice.randrange(len(data) + 1)
    match dice.randrange(4):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + data[at // 2 :]
        case 2:
            return data[:at] + data[at + 1 :]
        case _:
            return data[:at] + dice.choice(SPOILT_BYTES) + data[at:]
