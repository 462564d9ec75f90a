"""Keys: who checks them, and where they must not turn up. And a client that hangs up."""

from __future__ import annotations

from collections.abc import Sequence

from echosounder.judgement.check import Case, Inconclusive, Problem, Problems
from echosounder.judgement.pairs.check import check, check_group
from echosounder.judgement.pairs.pair import Pair

SECOND = 1_000_000_000


def _step(pairs: Sequence[Pair], name: str) -> Pair | None:
    return next((pair for pair in pairs if pair.step == name), None)


def guards(pairs: Sequence[Pair]) -> bool:
    """Whether the proxy checks keys itself: refused requests do not reach the upstream."""
    wrong = _step(pairs, "wrong-key")
    return wrong is not None and not wrong.arrived


@check("proxy.auth-enforced", lambda pair: pair.step in {"no-key", "wrong-key"})
def auth_enforced(pair: Pair, case: Case) -> Problems:
    """Either the proxy refuses, or it forwards the credential for the upstream to judge."""
    if pair.client.status == 200:
        how = "arrived with another credential" if pair.arrived else "was answered by the proxy"
        yield Problem(f"{pair.step}: the request {how} and was served", cause="proxy is open")


@check("proxy.auth-status", lambda pair: pair.step in {"no-key", "wrong-key"} and not pair.arrived)
def auth_status(pair: Pair, case: Case) -> Problems:
    if pair.client.status not in {401, 403, 200}:
        yield Problem(f"{pair.step}: refused with {pair.client.status}, expected 401", cause="status of a refused key")


@check_group("proxy.secrets-upstream", lambda pair: True)
def secrets_upstream(pairs: Sequence[Pair], case: Case) -> Problems:
    """A proxy that checks keys itself has its own key for the upstream; the client's must not be forwarded."""
    if not guards(pairs):
        raise Inconclusive("the proxy passes keys on, so the client's is the upstream's")
    for pair in pairs:
        for place in pair.upstream[0].notes["key_in"] if pair.arrived else ():
            yield Problem(
                f"the client's key reached the upstream in {place}", exchange=pair.client, cause=f"key in {place}"
            )


@check_group("proxy.secrets-downstream", lambda pair: True)
def secrets_downstream(pairs: Sequence[Pair], case: Case) -> Problems:
    for pair in pairs:
        for whose in pair.client.notes.get("leaks", ()):
            yield Problem(f"the answer ({pair.step}) shows {whose}", exchange=pair.client, cause=f"{whose} shown")


@check(
    "proxy.cancel-propagates", lambda pair: pair.judgeable and pair.client.end in {"client-cancelled", "idle-timeout"}
)
def cancel_propagates(pair: Pair, case: Case) -> Problems:
    hung_up, noticed, ended = pair.client.t_closed, pair.source.notes["closed"], pair.source.notes["ended"]
    if hung_up is None or (noticed is None and not pair.source.notes["open"] and (ended or 0) <= hung_up):
        raise Inconclusive("the upstream had answered to its end before the client hung up")
    if noticed is None:
        more = "was still at work when we stopped waiting" if pair.source.notes["open"] else "answered to its end"
        yield Problem(f"{pair.step}: the client hung up, and the upstream {more}", cause="cancel not passed on")
    elif noticed - hung_up > SECOND:
        yield Problem(
            f"{pair.step}: the upstream was left {(noticed - hung_up) / 1e6:.0f} ms after the client hung up, expected 1000 at most",
            cause="cancel passed on late",
        )
