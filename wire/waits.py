"""Retry times in an answer: ``Retry-After`` and the other places that servers use. The only parser of such values.

    Retry-After: 3 · Wed, 21 Oct 2026 07:28:00 GMT        the two forms of RFC 9110, 10.2.3
    0.5 · -1 · 6m0s · 1764518400 · soon                   what is sent besides: read for what it means, and said to be wrong
    retry-after-ms, x-ratelimit-reset-…, RateLimit: t=3   further headers (:mod:`wire.limit_headers`), where there is none of the above
    {"retry_after": 3}, "Please try again in 1.5s"        the body, where no header says it

Every wait is a finite number of seconds from 0 to :data:`LONGEST`, whatever was sent; who waits has bounds of its own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from echosounder.wire.exchange import Headers
from echosounder.wire.outside import date as date
from echosounder.wire.strict_json import at

LONGEST = 1e9
"""s: no wait is longer."""
ABSURD = 366 * 86_400.0
"""s from which a delay is not a delay."""
AROUND = 2 * 86_400.0
"""s around now in which a number that would be an absurd delay is a Unix time."""
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|[smhd]))+", re.A)
PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|[smhd])", re.A)
DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.A)
PROSE = re.compile(
    r"(?:try again|retry|wait)(?: \w+){0,3} (?:in|after|for) (?P<wait>[\d.]+)\s?(?P<unit>ms|s|sec|m|min|h)?\b",
    re.I | re.A,
)


@dataclass(frozen=True, slots=True)
class Wait:
    """``form``: ``seconds`` or ``date`` as in the standard, else ``unparsable``. ``wait``: s after the answer, None if unknown.
    ``meant``: how a nonstandard value is interpreted: fraction, negative, duration, unix-time, absurd; else empty. ``source``: the
    header's name, or ``body``.
    """

    text: str
    form: str
    wait: float | None
    meant: str = ""
    source: str = "retry-after"

    @property
    def wrong(self) -> str:
        """Why no client can obey the value, as a sentence; empty if it follows the standard."""
        shown = f"Retry-After: {self.text[:80]!r}"
        if self.meant in {"unix-time", "absurd"}:
            means = "looks like a Unix time" if self.meant == "unix-time" else "is no wait"
            return f"{shown} is a delay of years: it {means}"
        if self.form == "unparsable":
            return f"{shown} is neither a whole number of seconds nor an HTTP date"
        return ""


def wait(headers: Headers, body: Any, now: datetime) -> Wait | None:
    """The retry time of an answer, from the most specific of its sources; None if it has none. *body*: its JSON, or None.

    Dates are read by the answer's own ``Date`` if it sends one; *now* is our clock at the answer.
    """
    named = {name.lower(): text for name, text in reversed(headers)}
    clock = date(named.get("date", "")) or now
    if (text := named.get("retry-after")) is not None:
        return read(text, clock)
    return next(_others(named, body, clock), None)


def read(text: str, now: datetime) -> Wait:
    """One value. ``Retry-After = HTTP-date / delay-seconds``, ``delay-seconds = 1*DIGIT``."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return _whole(text, now)
    if DECIMAL.fullmatch(text):
        value = float(text)
        return Wait(text, "unparsable", _bounded(value), "negative" if value < 0 else "fraction")
    if (found := duration(text)) is not None:
        return Wait(text, "unparsable", found, "duration")
    if (when := date(text)) is not None:
        return Wait(text, "date", _bounded((when - now).total_seconds()))
    return Wait(text, "unparsable", None)


def _whole(text: str, now: datetime) -> Wait:
    digits = text.lstrip("0") or "0"
    value = float(digits) if len(digits) < 16 else LONGEST
    if value < ABSURD:
        return Wait(text, "seconds", value)
    if (left := unix(value, now)) is not None:
        return Wait(text, "seconds", left, "unix-time")
    return Wait(text, "seconds", LONGEST, "absurd")


def unix(value: float, now: datetime) -> float | None:
    """Seconds until a Unix time in seconds or milliseconds; None if *value* is not a time near *now*."""
    lefts = (value / scale - now.timestamp() for scale in (1, 1000))
    return next((_bounded(left) for left in lefts if abs(left) <= AROUND), None)


def duration(text: str) -> float | None:
    """Seconds of ``6m0s``, ``250ms``; None for any other text."""
    if not DURATION.fullmatch(text):
        return None
    return _bounded(sum(float(number) * UNITS[unit] for number, unit in PART.findall(text)))


def _bounded(value: float) -> float:
    return min(max(value, 0.0), LONGEST)


# ------------------------------------------------------------------------------------------------- where there is no Retry-After


def _others(named: Mapping[str, str], body: Any, now: datetime) -> Iterator[Wait]:
    for name, scale in (("retry-after-ms", 0.001), ("x-ratelimit-reset-after", 1.0)):
        if (text := named.get(name, "").strip()) and DECIMAL.fullmatch(text):
            yield Wait(text, "unparsable", _bounded(float(text) * scale), "header", name)
    for pointer, scale in BODIES.items():
        if (found := _number(at(body, *pointer), scale, now)) is not None:
            yield Wait(str(at(body, *pointer))[:80], "unparsable", found, "body", "body")
    for message in (at(body, "error", "message"), at(body, "message"), at(body, "error"), at(body, "detail")):
        if isinstance(message, str) and (words := in_prose(message[:2000])) is not None:
            yield Wait(words[0], "unparsable", words[1], "body", "body")


BODIES: dict[tuple[str | int, ...], float] = {
    ("retry_after",): 1.0,
    ("error", "retry_after"): 1.0,
    ("error", "retryAfter"): 1.0,
    ("retry_after_seconds",): 1.0,
    ("error", "retry_after_seconds"): 1.0,
    ("retry_after_ms",): 0.001,
    ("error", "retry_after_ms"): 0.001,
    ("error", "metadata", "retry_after"): 1.0,
    ("parameters", "retry_after"): 1.0,
    ("error", "details", 0, "retryDelay"): 1.0,
    ("error", "details", 1, "retryDelay"): 1.0,
    ("error", "details", 2, "retryDelay"): 1.0,
}
"""Members that are known to hold a wait, and the seconds of their unit."""


def _number(value: Any, scale: float, now: datetime) -> float | None:
    """A number, or a text that holds one; a Unix time where it can be nothing else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or value != value:
        return None
    if isinstance(value, str):
        text = value.strip()
        if not DECIMAL.fullmatch(text):
            return duration(text)
        value = float(text)
    seconds = min(max(value, -LONGEST), 1e15) * scale
    return unix(seconds, now) or LONGEST if seconds >= ABSURD else _bounded(seconds)


def in_prose(text: str) -> tuple[str, float] | None:
    """``Please try again in 1.5s`` -> the text and the seconds."""
    match = PROSE.search(text)
    if match is None or match["wait"].count(".") > 1 or not match["wait"].strip("."):
        return None
    unit = {"sec": "s", "min": "m"}.get((match["unit"] or "s").lower(), (match["unit"] or "s").lower())
    return match[0], _bounded(float(match["wait"]) * UNITS[unit])
