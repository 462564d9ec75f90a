"""Changes that a proxy makes to a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from echosounder.judgement.answers import answer, wants_stream
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, excerpt
from echosounder.judgement.pairs.alignment import Located
from echosounder.judgement.pairs.check import at, check, check_group, one_each
from echosounder.judgement.pairs.json_changes import Change, ChangeKind
from echosounder.judgement.pairs.pair import Pair
from echosounder.wire.strict_json import at as at_

UNKNOWN = ("echosounder_extra", "user_id", "thinking", "prefix", "reasoning_effort", "seed", "suffix")
"""Members that a proxy made for another API does not know."""
REASONING = "proxy.reasoning-both-ways"


def owner(change: Change) -> str:
    """The requirement that a change of a request breaks; empty for the one change that a proxy may make: its names for models."""
    names = change.place.split("/")
    match change.kind:
        case ChangeKind.NUMBER:
            return "proxy.request-numbers"
        case ChangeKind.REORDERED:
            return "proxy.request-order"
        case ChangeKind.RESPELT:
            return "proxy.request-spelling"
        case ChangeKind.ADDED if len(names) == 2:
            return "proxy.no-defaults-added"
        case ChangeKind.DROPPED if change.before is None:
            return "proxy.nulls-kept"
    if "reasoning_content" in names:
        return REASONING
    if set(names) & set(UNKNOWN):
        return "proxy.unknown-members"
    return "" if change.place == "/model" else "proxy.request-fidelity"


def passed_on(pair: Pair) -> bool:
    return pair.arrived and pair.client.request.method == "POST"


def changed(pairs: Sequence[Pair], requirement: str) -> Iterator[tuple[Pair, Located]]:
    for pair in pairs:
        for located in pair.request_changes:
            of_its_own = located.change.place.startswith("/stream_options") and counts_for_itself(pair)
            if owner(located.change) == requirement and not of_its_own:
                yield pair, located


def counts_for_itself(pair: Pair) -> bool:
    """A gateway that needs the usage for billing requests it for streams whose client did not, and removes the extra chunk again."""
    sent, received = (at_(each.asked, "stream_options", "include_usage") for each in (pair.client, pair.upstream[0]))
    leaked = any(only_usage(chunk) for _, chunk in pair.client.chunks)
    return wants_stream(pair.client) and sent is not True and received is True and not leaked


def only_usage(chunk: Any) -> bool:
    return isinstance(chunk, dict) and chunk.get("choices") == [] and isinstance(chunk.get("usage"), dict)


def _compares(requirement: str) -> None:
    def judge(pairs: Sequence[Pair], case: Case) -> Problems:
        yield from one_each(changed(pairs, requirement))

    check_group(requirement, passed_on)(judge)


for _requirement in (
    "proxy.request-fidelity",
    "proxy.request-numbers",
    "proxy.unknown-members",
    "proxy.no-defaults-added",
    "proxy.nulls-kept",
    "proxy.request-order",
):
    _compares(_requirement)


@check_group("proxy.request-spelling", passed_on)
def spelling(pairs: Sequence[Pair], case: Case) -> Problems:
    """Only if nothing else changed: a different value necessarily has different bytes."""
    yield from one_each(changed(pairs, "proxy.request-spelling"))
    respelt = [pair for pair in pairs if not pair.request_changes and _bodies_differ(pair)]
    if respelt:
        first = respelt[0]
        yield Problem(
            f"{len(respelt)} of {len(pairs)} bodies were rewritten with the same content in other bytes (white space, escapes): "
            f"{excerpt(first.upstream[0].request.body)}",
            exchange=first.client,
            cause="body rewritten",
        )


def _bodies_differ(pair: Pair) -> bool:
    return pair.client.request.body != pair.upstream[0].request.body


ROUTES = frozenset({"models", "balance"})
"""Steps for other addresses, which have a requirement of their own."""


@check_group("proxy.forwards", lambda pair: pair.step not in ROUTES)
def forwards(pairs: Sequence[Pair], case: Case) -> Problems:
    for pair in pairs:
        if not pair.arrived and "fault" not in pair.client.notes:
            said = f"status {pair.client.status}" if pair.client.status is not None else pair.client.error
            yield Problem(
                f"{pair.client.request.method} {pair.client.request.path} ({pair.step}) never reached the upstream; "
                f"the proxy itself answered: {said}",
                exchange=pair.client,
                cause=f"not forwarded: {pair.client.request.path}",
            )


@check_group("proxy.answers-fresh", lambda pair: pair.step.startswith("again-") and pair.client.status is not None)
def answers_fresh(pairs: Sequence[Pair], case: Case) -> Problems:
    """A proxy must not answer from a cache; refusing a repeated request is another matter."""
    if not any(pair.arrived for pair in pairs):
        raise Inconclusive("none of the questions reached the upstream")
    kept = [pair for pair in pairs if pair.client.status == 200 and not pair.arrived]
    for pair in kept[:1]:
        steps = ", ".join(each.step.removeprefix("again-") for each in kept)
        yield Problem(
            f"a response cache: of {len(pairs)} questions that are alike, {len(kept)} never reached the upstream ({steps}); "
            f"the client got {excerpt(answer(pair.client).content or pair.client.text)} all the same",
            exchange=pair.client,
            cause="a response cache",
        )


@check("proxy.request-forms", lambda pair: pair.step in {"charset", "capitals", "chunked"})
def request_forms(pair: Pair, case: Case) -> Problems:
    if pair.client.status != 200:
        at_fault = "the upstream got it garbled and said" if pair.arrived else "the proxy itself said"
        yield Problem(f"a legal request ({pair.step}) failed: {at_fault} {pair.client.status}, expected 200")


@check("proxy.large-request", lambda pair: pair.step == "large")
def large_request(pair: Pair, case: Case) -> Problems:
    if not pair.arrived:
        size = len(pair.client.request.body)
        yield Problem(f"a request of {size:,} bytes was not forwarded; the proxy said {pair.client.status}")


@check("proxy.media-type-up", passed_on)
def media_type_up(pair: Pair, case: Case) -> Problems:
    received = pair.upstream[0].request
    value = next((value for name, value in received.headers if name.lower() == "content-type"), "")
    if value.partition(";")[0].strip().lower() != "application/json":
        yield Problem(f"content-type reached the upstream as {value!r}, expected application/json", cause="media type")


@check("proxy.request-headers", at("headers"))
def request_headers(pair: Pair, case: Case) -> Problems:
    received = {name.lower(): value for name, value in pair.upstream[0].request.headers}
    for name, value in pair.client.request.headers:
        if name in {"x-echosounder-trace", "accept-language", "user-agent"} and received.get(name) != value:
            yield Problem(
                f"header {name}: {value} reached the upstream as {received.get(name)!r}", cause=f"header {name}"
            )


@check("proxy.beta-routes", lambda pair: pair.arrived and pair.client.request.path.startswith("/beta/"))
def beta_routes(pair: Pair, case: Case) -> Problems:
    wanted, got = pair.client.request.path, pair.upstream[0].request.path
    if got != wanted:
        yield Problem(f"{wanted} reached the upstream as {got}", cause="beta path lost")


@check("proxy.paths-kept", lambda pair: pair.arrived and not pair.client.request.path.startswith("/beta/"))
def paths_kept(pair: Pair, case: Case) -> Problems:
    """/v1 may be added or removed: it is an alias."""
    wanted, got = pair.client.request.path, pair.upstream[0].request.path
    if got.removeprefix("/v1") != wanted.removeprefix("/v1"):
        yield Problem(f"{wanted} reached the upstream as {got}", cause=f"path became {got}")


@check("proxy.routes-reach", lambda pair: pair.step in ROUTES)
def routes_reach(pair: Pair, case: Case) -> Problems:
    if not pair.arrived:
        yield Problem(
            f"GET {pair.client.request.path} was answered by the proxy itself ({pair.client.status}), not by the upstream",
            cause=f"own answer to {pair.client.request.path}",
        )
