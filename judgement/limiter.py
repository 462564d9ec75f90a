"""Judges a limiter, as identified by an experiment, by the requirements on limits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import chain

from echosounder.judgement.check import Inconclusive, Problem, Problems
from echosounder.judgement.evidence import NO_OCCASION, Checks
from echosounder.wire.exchange import Exchange, Headers
from echosounder.wire.stream import StreamEnd
from echosounder.wire.strict_json import at

SLOW = 0.25  # s after which a place that became free counts as slow to be given away


class LimiterKind(StrEnum):
    NONE = "none"
    CONCURRENCY = "concurrency"
    BUCKET = "token-bucket"
    FIXED = "fixed-window"
    SLIDING = "sliding-window"
    QUEUE = "queue"
    LEAKY = "leaky-bucket"
    QUOTA = "quota"
    UNRESOLVED = "unresolved"


NAMED = frozenset({LimiterKind.CONCURRENCY, LimiterKind.BUCKET, LimiterKind.SLIDING, LimiterKind.FIXED})


@dataclass(frozen=True, slots=True)
class LimiterRefusal:
    """``exchange`` is None if it was not kept."""

    status: int | None
    exchange: Exchange | None = None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Hinted:
    """A hint when to retry: whether it can be parsed, whether it was correct (None: unknown), and the observation, in words."""

    readable: bool
    honest: bool | None
    says: str


@dataclass(frozen=True, slots=True)
class LimiterEvidence:
    """``accepted``, ``refused``: cost of one request according to the balance, None if unknown. For a cap: ``lag`` (s for which a place
    stays occupied), ``resumes`` (range of the number in flight at which it accepts again after a refusal), ``cap``; ``penalty``: s
    without accepts after a refusal. ``ends`` of the accepted streams.
    """

    kind: LimiterKind
    refusals: Sequence[LimiterRefusal] = ()
    accepted: Fraction | None = None
    refused: Fraction | None = None
    lag: float = 0.0
    resumes: tuple[float, float] | None = None
    cap: float | None = None
    penalty: float | None = None
    hints: Sequence[Hinted] = ()
    ends: Sequence[StreamEnd] = ()


limiter: Checks[LimiterEvidence] = Checks()


@limiter("load.concurrency-limit")
def counts_in_flight(found: LimiterEvidence) -> Problems:
    if found.kind not in NAMED:
        raise Inconclusive(NO_OCCASION)
    if found.kind is not LimiterKind.CONCURRENCY:
        yield Problem(f"the limiter is a {found.kind}, expected a cap on requests in flight")
    if statuses := sorted({refusal.status for refusal in found.refusals} - {429}, key=str):
        yield Problem(f"refused with {', '.join(map(str, statuses))}, expected 429")


@limiter("load.429-envelope")
def envelope(found: LimiterEvidence) -> Problems:
    kept = [each.exchange for each in found.refusals if each.exchange and each.status == 429]
    if not kept:
        raise Inconclusive(NO_OCCASION)
    for exchange in kept:
        if (got := at(exchange.json, "error", "type")) != "rate_limit_error":
            message = f"a 429 has error.type {got!r}, expected 'rate_limit_error'"
            yield Problem(message, pointer="/error/type", excerpt=exchange.text[:200], exchange=exchange)
            return


@limiter("load.429-not-charged")
def not_charged(found: LimiterEvidence) -> Problems:
    if found.refused is None:
        raise Inconclusive(NO_OCCASION)
    if found.refused:
        share = float(found.refused / (found.accepted or 1))
        yield Problem(f"each refused request lowers the balance, by {share:.0%} of what an accepted one costs")


@limiter("load.recovers")
def recovers(found: LimiterEvidence) -> Problems:
    if found.kind is not LimiterKind.CONCURRENCY:
        raise Inconclusive(NO_OCCASION)
    if found.lag > SLOW:
        yield Problem(f"a place stays taken for {found.lag:.2f} s after its answer is complete")
    if found.resumes is not None and found.cap is not None:
        below = "{:.0f} to {:.0f}".format(*found.resumes)
        yield Problem(f"after a refusal no request is accepted until only {below} of {found.cap:.0f} are in flight")
    if found.penalty:
        yield Problem(
            f"after a refusal no request is accepted for about {found.penalty:.1f} s, and each further request prolongs this"
        )


@limiter("load.streams-complete")
def complete(found: LimiterEvidence) -> Problems:
    ends = Counter(str(end) for end in found.ends)
    if not ends:
        raise Inconclusive(NO_OCCASION)
    if cut := ends.total() - ends[StreamEnd.DONE]:
        how = ", ".join(f"{count} {end}" for end, count in ends.most_common() if end != StreamEnd.DONE)
        yield Problem(f"{cut} of {ends.total()} accepted streams did not run to [DONE]: {how}")


@limiter("load.retry-after-readable")
def readable(found: LimiterEvidence) -> Problems:
    if not found.hints:
        raise Inconclusive(NO_OCCASION)
    yield from _first(hint.says for hint in found.hints if not hint.readable)


@limiter("load.retry-after-true")
def true(found: LimiterEvidence) -> Problems:
    if all(hint.honest is None for hint in found.hints):
        raise Inconclusive(NO_OCCASION)
    yield from (Problem(hint.says) for hint in found.hints if hint.honest is False)


COUNTED = re.compile(r"\s*\d+\s*(?:[,;].*)?")
TIMED = re.compile(r"\s*(?=\d)(?:\d++(?:\.\d++)?(?:ms|[smhd]))*(?:\d++(?:\.\d++)?)?\s*|\d{4}-\d\d-\d\dT.*")


@limiter("transport.retry-after")
def well_formed(found: LimiterEvidence) -> Problems:
    """Counts of ``x-ratelimit-*`` are whole numbers, times are seconds, durations such as ``6m0s`` or RFC 3339."""
    told = [(name.lower(), value) for refusal in found.refusals for name, value in refusal.headers if _limits(name)]
    if not told and not found.hints:
        raise Inconclusive(NO_OCCASION)
    odd = (
        f"{name} is {value!r}" for name, value in told if not (TIMED if "reset" in name else COUNTED).fullmatch(value)
    )
    yield from _first(chain(odd, (hint.says for hint in found.hints if not hint.readable)))


def _limits(name: str) -> bool:
    return name.lower().startswith(("x-ratelimit-", "ratelimit-"))


def _first(sentences: Iterator[str]) -> Problems:
    for sentence in sentences:
        yield Problem(sentence)
        return
