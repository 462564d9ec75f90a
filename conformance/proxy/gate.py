"""Checks with the very first request that the proxy forwards to us, before anything else is sent.

A proxy that forwards elsewhere may be spending real money there, so one small request is all it gets.
"""

from __future__ import annotations

from echosounder.conformance import gate as server
from echosounder.judgement.check import excerpt
from echosounder.judgement.pairs.pair import Pair
from echosounder.wire.errors import CannotJudge, KeyRefused, Unreachable
from echosounder.wire.exchange import End


def verdict(pair: Pair, upstream: str) -> CannotJudge | None:
    """Why the run cannot go on, or None. *upstream* is the address at which we listen."""
    client = pair.client
    if pair.arrived:
        return None if pair.source.status == 200 else _refused_upstream(pair, upstream)
    if client.status is not None and 200 <= client.status < 300 and client.media_type != "text/html":
        return CannotJudge(
            f"the proxy answered with {client.status}, but nothing reached our upstream {upstream}: it forwards elsewhere; "
            "stopped after one request, set its upstream to that address"
        )
    known = server.verdict([client])
    if known is not None and not (client.end is End.IDLE_TIMEOUT and client.status is None):
        return known.around("", f" (and nothing reached our upstream {upstream})")
    if client.status is None:
        return Unreachable(
            f"the proxy took the request but nothing reached our upstream {upstream} in time: does it forward to itself, "
            "or to an address that does not answer?"
        )
    return CannotJudge(
        f"nothing reached our upstream {upstream}; the proxy itself answered {client.status} "
        f"({excerpt(client.body) or 'no body'}): set its upstream to that address"
    )


def _refused_upstream(pair: Pair, upstream: str) -> CannotJudge:
    request, status = pair.source.request, pair.source.status
    if status in {401, 403}:
        return KeyRefused(
            f"the proxy reached our upstream without a key that it takes (status {status})",
            ": give the proxy any key that begins with sk-, or, where it passes on the client's, check {variable}",
        )
    return CannotJudge(
        f"the proxy reached our upstream {upstream} as {request.method} {request.path}, which was answered with {status}: "
        "check the path that it puts before the API's"
    )
