"""How a proxy handles requests that the API refuses."""

from __future__ import annotations

from collections.abc import Iterator

from echosounder.judgement.check import Case, Problem, Problems
from echosounder.judgement.pairs.check import check
from echosounder.judgement.pairs.json_changes import ChangeKind
from echosounder.judgement.pairs.pair import Pair
from echosounder.wire.exchange import Exchange

FAULTS = "proxy.faults"
"""The probe of such requests."""


def faulty(pair: Pair) -> bool:
    return pair.client.probe == FAULTS


@check("proxy.faults-kept", lambda pair: faulty(pair) and pair.client.status is not None)
def faults_kept(pair: Pair, case: Case) -> Problems:
    """The proxy may refuse the request itself. It is not at fault if the upstream serves exactly the request that was sent."""
    status = pair.client.status or 0
    if status < 300 and not pair.arrived:
        yield Problem(
            f"{pair.step}: the proxy answered with {status}, expected a refusal as by the API", cause="fault served"
        )
    elif status < 300 and (mended := list(_mended(pair))):
        yield Problem(
            f"{pair.step}: the API refuses that; the proxy had it served: {'; '.join(mended)}",
            cause=f"{pair.step} served",
        )
    elif status >= 500 and not pair.arrived:
        yield Problem(f"{pair.step}: status {status}, expected 4xx for a faulty request", cause=f"fault gets {status}")


def _mended(pair: Pair) -> Iterator[str]:
    """What the request lost of its fault on the way."""
    for located in pair.request_changes:
        if located.change.kind not in {ChangeKind.REORDERED, ChangeKind.RESPELT}:
            yield located.change.sentence
    sent, received = _media_type(pair.client), _media_type(pair.upstream[0])
    if sent != received:
        yield f"content-type was {sent!r}, and became {received!r}"
    if pair.client.request.path.removeprefix("/v1") != pair.upstream[0].request.path.removeprefix("/v1"):
        yield f"{pair.client.request.path} reached the upstream as {pair.upstream[0].request.path}"


def _media_type(exchange: Exchange) -> str:
    """Of the request."""
    value = next((value for name, value in exchange.request.headers if name.lower() == "content-type"), "")
    return value.partition(";")[0].strip().lower()
