"""Signature of a finding, stable from run to run: the probe, the place, and the message without its values.

    the sum of 12 and 7 is 20, expected 19          the sum of * and * is *, expected *
    the id 'chatcmpl-8a1' changes in event 4        the id '*' changes in event *
    got status 500, expected 400                    got status 500, expected 400

A baseline accepts a finding by its signature, so that another breach of the same requirement is still a failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from echosounder.wire.verdict import Place, Result

ANY = "*"
_VALUES = re.compile(
    r"(?P<kept>\bstatus \d{3}\b|\bHTTP/\d\S*)"
    r"|\{.*\}|\{.*$"  # an excerpt of JSON
    r"|'[^'\s]*+\s[^']*+'|\"[^\"\s]*+\s[^\"]*+\""  # words of a model
    r"|(?<![\w.-])[\w.-]*\d[\w.-]*",  # numbers, ids, dates
    re.DOTALL,
)
_SEVERAL = re.compile(r"\*(?:[\s,;:]*\*)+")
Probes = Mapping[str, str]
"""The probe of each exchange, by its id."""


@dataclass(frozen=True, slots=True)
class Signature:
    """``probe`` and ``at`` (a JSON pointer) are ``*`` if the finding has none. As a pattern, each ``*`` matches any text."""

    probe: str = ANY
    at: str = ANY
    finding: str = ANY

    def covers(self, other: Signature) -> bool:
        return matches(self.probe, other.probe) and matches(self.at, other.at) and matches(self.finding, other.finding)


def signatures(result: Result, probes: Probes) -> tuple[Signature, ...]:
    """One for each finding of *result*, in order; without findings, that of its note."""
    if not result.findings:
        return (Signature(finding=shape(result.note)),)
    return tuple(
        Signature(
            probes.get(each.exchange, "") or ANY, shape(each.pointer) if each.pointer else ANY, shape(each.message)
        )
        for each in result.findings
    )


def beyond(result: Result, probes: Probes) -> Iterator[str]:
    """The probes of violations beyond the recorded findings."""
    shown: set[Place] = {(each.exchange, each.event, each.cause) for each in result.findings}
    yield from dict.fromkeys(probes.get(place[0], "") or ANY for place in result.places if place not in shown)


def shape(text: str) -> str:
    """*text* with ``*`` for everything that varies between runs: numbers, ids, words of a model, excerpts of JSON."""
    words = text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate stands in no file
    return _SEVERAL.sub(ANY, _VALUES.sub(lambda match: match["kept"] or ANY, words))


def matches(pattern: str, text: str) -> bool:
    """Whether *text* matches *pattern*, where each ``*`` stands for any text. In linear time, since both are untrusted."""
    first, *rest = pattern.split(ANY)
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first):
        return False
    place = len(first)
    for piece in middle:
        if (place := text.find(piece, place)) < 0:
            return False
        place += len(piece)
    return text.endswith(last) and len(text) - len(last) >= place
