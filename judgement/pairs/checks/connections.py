"""The connection between client and proxy."""

from __future__ import annotations

from collections.abc import Sequence

from echosounder.judgement.answers import wants_stream
from echosounder.judgement.check import Case, Problem, Problems
from echosounder.judgement.pairs.check import check, check_group
from echosounder.judgement.pairs.pair import Pair


@check_group("proxy.http11", lambda pair: pair.client.status is not None)
def http11(pairs: Sequence[Pair], case: Case) -> Problems:
    old = [pair for pair in pairs if pair.client.http_version == "HTTP/1.0"]
    if old:
        yield Problem(f"{len(old)} of {len(pairs)} answers are HTTP/1.0", exchange=old[0].client, cause="HTTP/1.0")


@check_group("proxy.stream-framed", lambda pair: wants_stream(pair.client) and pair.client.status == 200)
def stream_framed(pairs: Sequence[Pair], case: Case) -> Problems:
    """Without chunks or a length, a client cannot tell the end of a stream from its loss."""
    bare = [pair for pair in pairs if not _framed(pair)]
    if bare:
        yield Problem(
            f"{len(bare)} of {len(pairs)} streams have neither chunks nor a length: they end where the connection closes",
            exchange=bare[0].client,
            cause="stream ends by close",
        )


def _framed(pair: Pair) -> bool:
    if pair.client.http_version not in {"HTTP/1.1", "HTTP/1.0", ""}:
        return True
    coding = pair.client.header("transfer-encoding") or ""
    return "chunked" in coding.lower() or pair.client.header("content-length") is not None


@check("proxy.connection-reuse", lambda pair: pair.step in {"second", "rested"})
def connection_reuse(pair: Pair, case: Case) -> Problems:
    client = pair.client
    if client.status is None:
        yield Problem(
            f"{pair.step}: the kept connection failed: {client.error or client.end}", cause="kept connection breaks"
        )
    elif client.t_connected is not None and client.t_sent is not None:
        yield Problem(f"{pair.step}: the proxy closed the kept connection, expected it open", cause="connection closed")
