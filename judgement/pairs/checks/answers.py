"""Changes that a proxy makes to an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from echosounder.judgement.alone import failing, like
from echosounder.judgement.answers import asked, wants_stream
from echosounder.judgement.belonging import mixed_up, overlap, owned
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, excerpt
from echosounder.judgement.pairs.alignment import EVENT, Located
from echosounder.judgement.pairs.check import at, check, check_group, one_each
from echosounder.judgement.pairs.checks import requests
from echosounder.judgement.pairs.json_changes import Change, ChangeKind, read
from echosounder.judgement.pairs.pair import Pair
from echosounder.judgement.stated_cost import costs
from echosounder.wire.exchange import End, Exchange
from echosounder.wire.stream import StreamEnd, stream_end

# The first name of a place that is listed here decides; usage comes first since it may hold any of the others.
OWNERS = {
    "usage": "proxy.usage-untouched",
    "logprobs": "proxy.logprobs-kept",
    "finish_reason": "proxy.finish-kept",
    "tool_calls": "proxy.tool-calls-kept",
    "reasoning_content": requests.REASONING,
    "content": "proxy.content-kept",
    "text": "proxy.content-kept",
    "id": "proxy.ids-kept",
    "created": "proxy.ids-kept",
    "system_fingerprint": "proxy.ids-kept",
    "model": "proxy.ids-kept",
}


def owner(located: Located, stream: bool) -> str:
    """The requirement that a change of an answer breaks."""
    change: Change = located.change
    if change.place == EVENT:
        return "proxy.events-untouched"
    if change.kind is ChangeKind.ADDED:
        return "proxy.nothing-added"
    if change.kind in {ChangeKind.REORDERED, ChangeKind.RESPELT}:
        return "proxy.answer-spelling"
    names = change.place.split("/")
    if stream and located.event is not None and change.pointer.startswith("/choices"):
        return "proxy.events-untouched"
    known = (OWNERS[name] for name in OWNERS if name in names)
    return next(known, "proxy.events-untouched" if stream else "proxy.answer-fidelity")


def whole(pair: Pair) -> bool:
    """An answer that the upstream completed and the proxy forwarded."""
    return pair.source.status == pair.client.status == 200 and _finished(pair.source)


def _finished(source: Exchange) -> bool:
    """Who has [DONE] may hang up: the last chunk of the coding says nothing more."""
    if wants_stream(source):
        return stream_end(source) is StreamEnd.DONE
    return source.end is End.COMPLETE


def comparable(pair: Pair) -> bool:
    return pair.judgeable and whole(pair)


def changed(pairs: Sequence[Pair], requirement: str) -> Iterator[tuple[Pair, Located]]:
    for pair in pairs:
        stream = wants_stream(pair.client)
        for located in pair.answer_changes:
            change = located.change
            taken_out = requests.counts_for_itself(pair) and _usage_of_the_gateway(change)
            if owner(located, stream) == requirement and not _renamed_model(pair, change) and not taken_out:
                yield pair, located


def _renamed_model(pair: Pair, change: Change) -> bool:
    """Where the proxy maps the name of the model on the way up it has to map it on the way down."""
    return change.place == "/model" and any(each.change.place == "/model" for each in pair.request_changes)


def _usage_of_the_gateway(change: Change) -> bool:
    """The chunk that the gateway asked for, and with it the usage of the whole stream."""
    if change.place == EVENT:
        return change.kind is ChangeKind.DROPPED and requests.only_usage(parsed(change.before))
    return change.place == "/usage" and change.after is None


def parsed(text: str) -> Any:
    try:
        return read(text)
    except ValueError:
        return None


def _compares(requirement: str) -> None:
    def judge(pairs: Sequence[Pair], case: Case) -> Problems:
        yield from one_each(changed(pairs, requirement))

    check_group(requirement, comparable)(judge)


for _requirement in (
    "proxy.answer-fidelity",
    "proxy.events-untouched",
    "proxy.nothing-added",
    *(name for name in dict.fromkeys(OWNERS.values()) if name != requests.REASONING),
):
    _compares(_requirement)


@check_group(requests.REASONING, comparable)
def reasoning(pairs: Sequence[Pair], case: Case) -> Problems:
    yield from one_each(requests.changed(pairs, requests.REASONING))
    yield from one_each(changed(pairs, requests.REASONING))


@check_group("proxy.answer-spelling", comparable)
def spelling(pairs: Sequence[Pair], case: Case) -> Problems:
    """Bytes are compared only if the values are equal: a different value necessarily has different bytes."""
    yield from one_each(changed(pairs, "proxy.answer-spelling"))
    respelt = [pair for pair in pairs if not pair.answer_changes and pair.client.body != pair.source.body]
    if respelt:
        yield Problem(
            f"{len(respelt)} of {len(pairs)} answers were rewritten with the same content in other bytes (white space, escapes, "
            f"line ends, comments): {excerpt(respelt[0].client.body)}",
            exchange=respelt[0].client,
            cause="answer rewritten",
        )


_OPEN = frozenset({End.IDLE_TIMEOUT, End.TOTAL_TIMEOUT, End.CLIENT_CANCELLED})
"""Ends of a body that had said all and was still open: `proxy.ends-at-once` judges them."""


@check("proxy.answer-finished", lambda pair: pair.judgeable and pair.source.status == 200)
def answer_finished(pair: Pair, case: Case) -> Problems:
    """Neither side wanted an early end here, so the proxy caused it."""
    got = pair.client
    if got.status != 200:
        said = f"status {got.status}" if got.status is not None else f"nothing: {got.error or got.end}"
        yield Problem(f"the upstream answered with 200 ({pair.step}), the client got {said}", cause="answer lost")
    elif not _finished(pair.source):
        more = "" if got.end is End.COMPLETE else f", and the client's ended with {got.end}"
        message = f"the proxy hung up on the upstream in the middle of an answer ({pair.step}){more}"
        yield Problem(message, cause="answer broken off")
    elif got.end is not End.COMPLETE and not (got.end in _OPEN and wants_stream(got) and "[DONE]" in got.data):
        message = f"the upstream finished its answer ({pair.step}), the client's broke off: {got.error or got.end}"
        yield Problem(message, cause="answer broken off")


@check("proxy.still-valid", comparable)
def still_valid(pair: Pair, case: Case) -> Problems:
    """Applies a server check to one answer on both sides: a finding counts if only the client's side violates it."""
    client, source = pair.client, pair.source
    if wants_stream(client) != wants_stream(source):
        return  # told as a change of the request
    kind = _kind(client)
    after = tuple(failing(client, case, kind))
    before = {result.requirement for result in failing(source, case, kind)} if after else set()
    for result in after:
        if result.requirement not in before:
            first = result.findings[0]
            yield Problem(
                f"{result.requirement}: {first.message}; the upstream's answer was right",
                event=first.event,
                pointer=first.pointer,
                cause=f"breaks {result.requirement}",
            )


def _kind(client: Exchange) -> str | None:
    """The probe of a server whose requirements hold for an answer like this one."""
    options = asked(client).get("stream_options")
    if (
        client.format == "chat"
        and wants_stream(client)
        and not (isinstance(options, dict) and options.get("include_usage"))
    ):
        return "chat.stream"
    return like(client)


@check_group(
    "proxy.answers-own", lambda pair: pair.arrived and bool(owned(pair.client)) and pair.client.status is not None
)
def answers_own(pairs: Sequence[Pair], case: Case) -> Problems:
    clients = [pair.client for pair in pairs]
    yield from mixed_up(clients, f"{len(clients)} requests at a time through the proxy")
    if not overlap((pair.source.t_sent, pair.source.notes["ended"]) for pair in pairs):
        raise Inconclusive("the proxy passed the requests on one after the other")


@check("proxy.coding-offered", lambda pair: pair.client.status is not None)
def coding_offered(pair: Pair, case: Case) -> Problems:
    coding = (pair.client.header("content-encoding") or "identity").strip().lower()
    offered = next((value for name, value in pair.client.request.headers if name.lower() == "accept-encoding"), "")
    if coding not in {"identity", *(each.partition(";")[0].strip().lower() for each in offered.split(","))}:
        yield Problem(
            f"content-encoding is {coding}, expected one that the client accepts ({offered or 'none'})",
            cause=f"unasked {coding}",
        )


@check("proxy.media-type-down", comparable)
def media_type_down(pair: Pair, case: Case) -> Problems:
    """Capitals and a charset change nothing; a parameter without a value is not a media type (RFC 9110, 8.3.1)."""
    wanted, got = pair.source.media_type, pair.client.media_type
    if wants_stream(pair.client) == wants_stream(pair.source) and got != wanted:
        yield Problem(
            f"content-type is {got or 'missing'}, the upstream sent {wanted}", cause=f"media type became {got}"
        )
    value = pair.client.header("content-type") or ""
    if any("=" not in each for each in value.split(";")[1:]):
        yield Problem(
            f"content-type is {value!r}, the upstream sent {pair.source.header('content-type')!r}",
            cause="media type malformed",
        )


TRACE = "x-ds-trace-id"


def passed_down(pair: Pair) -> bool:
    """The upstream's answer, not one generated by the gateway."""
    return pair.arrived and pair.client.status is not None and pair.client.status == pair.source.status


@check("proxy.trace-id-kept", lambda pair: passed_down(pair) and pair.source.header(TRACE) is not None)
def trace_id_kept(pair: Pair, case: Case) -> Problems:
    if pair.client.header(TRACE) != pair.source.header(TRACE):
        yield Problem(
            f"{TRACE} is {pair.client.header(TRACE)!r}, the upstream sent {pair.source.header(TRACE)!r}",
            cause=f"{TRACE} lost",
        )


# Framing and connection belong to each hop (RFC 9110, 7.6.1); date and server are the gateway's own; others have a requirement.
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "trailer", "upgrade"}
APART = frozenset(HOP | {"date", "server", "content-type", "retry-after", TRACE})


@check_group("proxy.headers-kept", lambda pair: at("extra-headers")(pair) and passed_down(pair))
def headers_kept(pairs: Sequence[Pair], case: Case) -> Problems:
    for pair in pairs:
        got = {name.lower(): value for name, value in pair.client.headers}
        for name, value in pair.source.headers:
            if name.lower() not in APART and name.lower() not in got:
                yield Problem(
                    f"header {name}: {value} was dropped", exchange=pair.client, cause=f"header {name.lower()}"
                )


@check("proxy.cost-stated", comparable)
def cost_stated(pair: Pair, case: Case) -> Problems:
    """Checked against the usage that the upstream reported, whatever the proxy changed."""
    usage = pair.source.answer.usage
    if usage is None:
        raise Inconclusive("the upstream reported no usage")
    yield from costs(pair.client, usage, str(asked(pair.source).get("model", "")), case)
