"""Retries of a client: number, delays, and whether the request had been charged already."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from echosounder.judgement.check import Case, Problem, Problems, excerpt
from echosounder.judgement.client.check import check
from echosounder.judgement.client.scene import Scene
from echosounder.wire.exchange import Exchange

MOST = 10
"""Attempts at one request: the most patient of the usual SDKs makes six."""
AT_ONCE_S = 0.05
"""A request that follows a refusal sooner than this has not waited at all."""
EARLY_S = 0.02
"""What clocks and timers may differ by."""


def forgotten(exchange: Exchange) -> bool:
    """Whether the mock no longer had its bytes: it keeps those of the latest few hundred requests."""
    return not exchange.request.headers


def attempts(scene: Scene) -> list[Exchange]:
    """The requests with the body of the first that is known: it and its repetitions."""
    body = next((each.request.body for each in scene.asked if not forgotten(each)), b"")
    return [each for each in scene.asked if forgotten(each) or each.request.body == body]


def gaps(tries: list[Exchange]) -> Iterator[tuple[Exchange, float, Exchange]]:
    """``(refused, seconds until the next, next)``: from the last byte of the refusal to the arrival of the next attempt."""
    for before, after in pairwise(tries):
        ended = before.notes.get("ended") or before.t_sent
        if ended is not None and after.t_sent is not None:
            yield before, (after.t_sent - ended) / 1e9, after


@check("client.retries-bounded")
def retries_bounded(scene: Scene, case: Case) -> Problems:
    tries, command = attempts(scene), scene.command
    if len(tries) > MOST:
        when = f"in {command.seconds:.1f} s" + (", and had to be stopped" if command.hung else "")
        yield Problem(
            f"{command.deviations!r}: the same request was sent {len(tries)} times {when}, expected at most {MOST}"
        )


@check("client.retries-too-many-requests", "client.retries-overload")
def retried(scene: Scene, case: Case) -> Problems:
    if len(attempts(scene)) == 1:
        yield Problem(
            f"the request was sent once, expected a retry after status {scene.first.status}, which does not blame the request"
        )


@check("client.no-retry-refused-key", "client.no-retry-refused-request", "client.no-retry-no-money")
def not_retried(scene: Scene, case: Case) -> Problems:
    tries = attempts(scene)
    if len(tries) > 1:
        status = next((each.status for each in tries if each.status), None)
        yield Problem(f"the request was sent {len(tries)} times, expected once: status {status} is permanent")


def tried_again(scene: Scene) -> bool:
    return len(scene.asked) > 1


def told_when(scene: Scene) -> bool:
    return tried_again(scene) and scene.first.header("retry-after") is not None


def billed(scene: Scene) -> bool:
    return bool(_paid(scene))


def _paid(scene: Scene) -> list[Decimal]:
    """What each attempt cost that the bill names."""
    return [Decimal(each.notes["price"]) for each in attempts(scene) if each.notes.get("price")]


@check("client.retry-after-kept", where=told_when)
def retry_after_kept(scene: Scene, case: Case) -> Problems:
    for before, gap, after in gaps(attempts(scene)):
        asked = before.header("retry-after") or ""
        if asked.isdigit() and gap < int(asked) - EARLY_S:
            yield Problem(
                f"the next request came after {gap:.2f} s, expected at least the {asked} s of Retry-After",
                exchange=after,
            )


@check("client.retry-back-off", where=tried_again)
def retry_back_off(scene: Scene, case: Case) -> Problems:
    waits = [gap for _, gap, _ in gaps(attempts(scene))]
    shown = ", ".join(f"{gap:.2f}" for gap in waits[:6])
    if min(waits, default=AT_ONCE_S) < AT_ONCE_S:
        yield Problem(
            f"a refused request was sent again without a pause ({shown} s), expected at least {AT_ONCE_S:g} s"
        )


@check("client.retry-identical", where=tried_again)
def retry_identical(scene: Scene, case: Case) -> Problems:
    known = [each for each in scene.asked if not forgotten(each)]
    for after in known[1:]:
        if after.request.path == known[0].request.path and after.request.body != known[0].request.body:
            yield Problem(
                "the body of the retry differs, expected that of the first attempt",
                exchange=after,
                excerpt=excerpt(after.request.body),
            )


@check("client.no-retry-paid", where=billed)
def no_retry_paid(scene: Scene, case: Case) -> Problems:
    """A request that was billed and sent again, though the client did not ask for a second answer."""
    tries, paid = attempts(scene), _paid(scene)
    if len(paid) > 1:
        yield Problem(
            f"{scene.command.deviations!r}: the answer broke off after it had been billed, and the request was sent "
            f"{len(tries)} times: {sum(paid)} in place of {paid[0]} are on the bill"
        )
