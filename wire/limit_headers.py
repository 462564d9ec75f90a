"""Limits in headers: number, unit, remainder, and time of reset.

x-ratelimit-limit-requests: 60 · -remaining-requests: 59 · -reset-requests: 1s          OpenAI and many gateways; also -tokens
anthropic-ratelimit-requests-limit: 50 · -remaining: 49 · -reset: 2026-11-30T12:00:00Z
x-ratelimit-limit: 60 · -remaining · -reset                                             a wait, or a Unix time
RateLimit-Limit: 100, 100;w=60 · RateLimit-Remaining · RateLimit-Reset                  IETF drafts to 06
RateLimit: limit=100, remaining=5, reset=30                                             IETF draft 07
RateLimit-Policy: "burst";q=100;w=60 · RateLimit: "burst";r=5;t=30                       IETF drafts from 08
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from echosounder.wire.exchange import Headers
from echosounder.wire.waits import ABSURD, DECIMAL, LONGEST, date, duration, unix

NAME = re.compile(
    r"(?:x-|anthropic-)?ratelimit-(?:(?P<member>limit|remaining|reset)(?:-(?P<what>[\w-]+))?|(?P<named>[\w-]+)-(?P<last>limit|remaining|reset))"
)
PER = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
UNNAMED = ("default", "requests", "")
MEMBER = re.compile(r"\s*(?P<name>[A-Za-z][\w*-]*)\s*=\s*(?P<value>[\d.]+)\s*", re.A)


@dataclass(frozen=True, slots=True)
class Announced:
    """One announced limit. ``what``: requests, tokens, or the name of a policy. ``window``, ``reset``: s; None if absent."""

    what: str
    limit: float | None = None
    remaining: float | None = None
    reset: float | None = None
    window: float | None = None


def announced(headers: Headers, now: datetime) -> tuple[Announced, ...]:
    """Each limit that *headers* announce, sorted by name; unreadable ones are omitted."""
    found: dict[str, dict[str, float | None]] = {}
    named = {name.lower(): text for name, text in reversed(headers)}
    clock = date(named.get("date", "")) or now
    for name, text in sorted(named.items()):
        for what, member, value in _members(name, text, clock):
            found.setdefault(what, {}).setdefault(member, value)
    if {"", "requests"} <= found.keys():
        found["requests"] = found.pop("") | found["requests"]
    return tuple(Announced(what or "requests", **members) for what, members in sorted(found.items()))


def _members(name: str, text: str, now: datetime) -> Iterator[tuple[str, str, float | None]]:
    if name in {"ratelimit", "ratelimit-policy"}:
        yield from _structured(text)
    elif match := NAME.fullmatch(name):
        member = match["member"] or match["last"]
        what = (match["what"] or match["named"] or "").lower()
        if what in PER:
            yield what, "window", PER[what]
        if member == "limit" and (window := _window(text)) is not None:
            yield what, "window", window
        if (value := _reset(text, now) if member == "reset" else _count(text)) is not None:
            yield what, member, value


def _count(text: str) -> float | None:
    first = re.split("[,;]", text)[0].strip()
    return min(float(first), LONGEST) if DECIMAL.fullmatch(first) and len(first) < 30 else None


def _window(text: str) -> float | None:
    """``w`` of ``100, 100;w=60``."""
    match = re.search(r";\s*w=(\d{1,9})\b", text, re.A)
    return float(match[1]) if match else None


def _reset(text: str, now: datetime) -> float | None:
    text = text.strip()
    if DECIMAL.fullmatch(text) and len(text) < 30:
        value = float(text)
        return min(max(value, 0.0), LONGEST) if value < ABSURD else unix(value, now)
    if (found := duration(text)) is not None:
        return found
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max((when - now).total_seconds(), 0.0), LONGEST)


MEMBERS: Mapping[str, str] = {
    "limit": "limit", "q": "limit", "remaining": "remaining", "r": "remaining", "reset": "reset", "t": "reset", "w": "window"
}  # fmt: skip
"""Of draft 07 and of those after it -> of :class:`Announced`."""


def _structured(text: str) -> Iterator[tuple[str, str, float | None]]:
    """``limit=100, remaining=5``, ``100;w=60`` or a list of ``"name";q=100;w=60``."""
    for item in text[:2000].split(","):
        first, *others = item.split(";")
        name = first.strip().strip('"').lower() if first.strip().startswith('"') else ""
        what = "" if name in UNNAMED else name
        parts = others if name or first.strip().startswith('"') else [first, *others]
        for part in parts:
            if (match := MEMBER.fullmatch(part)) and match["name"].lower() in MEMBERS and match["value"].count(".") < 2:
                digits = match["value"].strip(".")
                if digits and len(digits) < 30:
                    yield what, MEMBERS[match["name"].lower()], min(float(match["value"]), LONGEST)
        if not name and DECIMAL.fullmatch(first.strip()) and (value := _count(first)) is not None:
            yield what, "limit", value
