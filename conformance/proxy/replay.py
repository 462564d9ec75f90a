"""One request of a run in the proxy position, sent again through the proxy to an upstream that behaves as it did then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from echosounder.conformance.ask import Ask, Send
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.proxy.probes import PROBES
from echosounder.conformance.proxy.sender import PairSender
from echosounder.conformance.proxy.upstream import UpstreamControl
from echosounder.conformance.replay import Replay, compare
from echosounder.judgement.pairs.pair import Pair, pairs
from echosounder.judgement.pairs.score import score
from echosounder.wire.errors import CannotJudge, UsageError
from echosounder.wire.exchange import Exchange
from echosounder.wire.runlog import Run
from echosounder.wire.target import Target
from echosounder.wire.verdict import Finding


def again(
    run: Run, id: str, target: Target, api_key: str | None, upstream: str, bounds: Bounds | None = None
) -> Replay:
    """Sends exchange *id* of *run* once more to the proxy *target*, whose upstream is the mock at *upstream*.

    The new pair is judged together with the others of the run. Raises ``UsageError`` if the run has no such exchange, ``CannotJudge``
    if the upstream is gone.
    """
    before = next(
        (pair for pair in pairs(run.exchanges) if id in {pair.client.id, *(each.id for each in pair.upstream)}), None
    )
    if before is None or before.client.probe not in PROBES:
        raise UsageError(f"the run has no exchange {id!r} that a probe of this version sent")
    with (
        UpstreamControl(upstream) as control,
        PairSender(target, api_key, bounds or Bounds(), control, f"{time.time():.3f}") as position,
    ):
        [pair] = position.pairs([_send(before, _ask(run))], before.client.probe)
        position.rest()
    after = _named(pair, before.client.id)
    if before.upstream and not after.upstream:
        raise CannotJudge(
            f"{after.client.request.url}: the request did not reach the upstream this time (status {after.client.status}), "
            "so the findings cannot be checked"
        )
    others = [each for each in run.exchanges if each.id != after.client.id and each.notes.get("of") != after.client.id]
    renewed = replace(run, exchanges=(*others, after.client, *after.upstream))
    old, new = tuple(_findings(run, before)), tuple(_findings(renewed, after))
    return Replay(compare(old, new), before.client, after.client, old, new)


def _ask(run: Run) -> Ask:
    return Ask(run.header.profile, run.header.target.model or "", run.header.seed or 0)


def _send(pair: Pair, ask: Ask) -> Send:
    """The step of its probe: what was sent, with a marker of its own."""
    for send in PROBES[pair.client.probe](ask):
        if send.step == pair.step:
            return send
    raise UsageError(f"{pair.client.probe} has no step {pair.step!r} any more: the log is from another version")


def _named(pair: Pair, id: str) -> Pair:
    """*pair* in the place of the one that goes by *id*."""

    def side(each: Exchange, place: int) -> Exchange:
        return replace(each, id=f"{id}u{place}", notes={**each.notes, "of": id})

    return Pair(replace(pair.client, id=id), tuple(side(each, place) for place, each in enumerate(pair.upstream, 1)))


def _findings(run: Run, pair: Pair) -> Iterator[Finding]:
    ids = {pair.client.id, *(each.id for each in pair.upstream)}
    return (finding for result in score(run) for finding in result.findings if finding.exchange in ids)
