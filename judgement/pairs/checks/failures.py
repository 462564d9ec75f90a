"""Errors that the client receives when the upstream fails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from echosounder.judgement.answers import answer, asked
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, excerpt
from echosounder.judgement.pairs import behaviours
from echosounder.judgement.pairs.check import at, check, check_group
from echosounder.judgement.pairs.checks.faults import faulty
from echosounder.judgement.pairs.pair import Pair
from echosounder.wire.exchange import End, Exchange
from echosounder.wire.stream import StreamEnd, stream_end
from echosounder.wire.strict_json import at as member
from echosounder.wire.waits import wait

NEVER = datetime.fromtimestamp(0, UTC)  # no delay in seconds is told from a time of day by our clock
REFUSALS = tuple(map(str, behaviours.STATUSES))
LATE = ("429-stream-late", "500-stream-late")
BEFORE_HEAD = ("before-head", "reset-before-head")
CUT = tuple(step for step in behaviours.CUTS if step not in BEFORE_HEAD)
NOT_RETRIABLE = frozenset({"400", "401", "402", "422", "invalid"})
MEMBERS = ("message", "type", "param", "code")


_HUNG = frozenset({End.IDLE_TIMEOUT, End.TOTAL_TIMEOUT})


@check("proxy.truncation-visible", at(*behaviours.CUTS, "body-cut", "stall"))
def truncation_visible(pair: Pair, case: Case) -> Problems:
    """A success invented by the proxy: a finish_reason, [DONE], or a normal end of the body that the upstream did not send."""
    client, source = pair.client, pair.source
    if client.end in _HUNG and pair.step != "stall":
        yield Problem(
            f"the upstream broke off ({pair.step}), and its client is left hanging: {client.error or client.end}, "
            "expected an error or a connection that ends",
            cause="client left hanging",
        )
        return
    if client.status != 200:
        return
    if asked(client).get("stream"):
        yield from _masked(source, client)
    elif client.end is End.COMPLETE and client.json is not None and not member(client.json, "error"):
        yield Problem(
            "the client got a complete response with status 200, expected an error: the response of the upstream was cut",
            cause="cut masked",
        )


def _masked(source: Exchange, client: Exchange) -> Problems:
    if stream_end(client) is StreamEnd.ERROR_EVENT:
        return
    if "[DONE]" in client.data and "[DONE]" not in source.data:
        yield Problem(
            "the upstream broke off, and the client got [DONE]", event=client.data.index("[DONE]"), cause="cut masked"
        )
    invented = [finish for finish in answer(client).finishes if finish not in answer(source).finishes]
    if invented:
        yield Problem(f"the upstream broke off, and the client got finish_reason {invented[0]!r}", cause="cut masked")
    if not invented and client.end is End.COMPLETE and stream_end(client) is StreamEnd.EOF_WITHOUT_FINISH:
        yield Problem(
            "the upstream's connection broke, and the client's body ends as if it were complete", cause="cut unmarked"
        )


def refused(pair: Pair) -> bool:
    """A request that the upstream refused, by instruction or because of the request."""
    by_itself = (faulty(pair) or pair.step in ("no-key", "wrong-key")) and pair.arrived
    return at(*REFUSALS, *LATE, "invalid")(pair) or (by_itself and (pair.source.status or 0) >= 400)


@check("proxy.status-kept", refused)
def status_kept(pair: Pair, case: Case) -> Problems:
    if pair.client.status != pair.source.status:
        yield Problem(
            f"status {pair.client.status}, the upstream sent {pair.source.status}",
            cause=f"{pair.source.status} becomes {pair.client.status}",
        )


@check("proxy.error-kept", refused)
def error_kept(pair: Pair, case: Case) -> Problems:
    """The text of an error that is not JSON must reach the client, in any wrapping."""
    sent, got = _error(pair.source), _error(pair.client)
    if sent is None:
        if pair.source.text.strip() not in {pair.client.text.strip(), (got or {}).get("message")}:
            yield Problem(
                f"the error is {excerpt(pair.client.body)}, the upstream ({pair.source.status}) sent {excerpt(pair.source.body)}",
                cause="error text changed",
            )
        return
    for name in MEMBERS:
        if (got or {}).get(name) != sent.get(name):
            yield Problem(
                f"error.{name} is {excerpt((got or {}).get(name))}, the upstream ({pair.source.status}) sent {excerpt(sent.get(name))}",
                pointer=f"/error/{name}",
                cause=f"error.{name} changed",
            )


@check("proxy.error-media-type", refused)
def error_media_type(pair: Pair, case: Case) -> Problems:
    """An empty body needs no content type."""
    wanted, got = pair.source.media_type, pair.client.media_type
    if pair.source.body and pair.client.status == pair.source.status and got != wanted:
        yield Problem(
            f"the error's content-type is {got or 'missing'}, the upstream sent {wanted or 'none'}",
            cause=f"media type of an error became {got}",
        )


def _error(exchange: Exchange) -> dict[str, Any] | None:
    """The error of a body, or of the first event where the refusal came as a stream."""
    found = member(exchange.json, "error")
    if found is None:
        found = next(
            (value["error"] for _, value in exchange.chunks if isinstance(value, dict) and "error" in value), None
        )
    return found if isinstance(found, dict) else None


@check("proxy.retry-after-kept", lambda pair: pair.judgeable and pair.source.header("retry-after") is not None)
def retry_after_kept(pair: Pair, case: Case) -> Problems:
    if pair.client.header("retry-after") != pair.source.header("retry-after"):
        yield Problem(
            f"retry-after is {pair.client.header('retry-after')!r}, the upstream sent {pair.source.header('retry-after')!r}",
            cause="retry-after lost",
        )


@check("proxy.error-event-kept", at("error-event"))
def error_event_kept(pair: Pair, case: Case) -> Problems:
    sent, got = _error(pair.source), _error(pair.client)
    if sent is None:
        raise Inconclusive("the upstream sent no error event")
    if got is None:
        yield Problem(
            f"the upstream sent an error in mid-stream ({excerpt(sent.get('message'))}), the client got none; "
            f"its stream ended with {stream_end(pair.client)}",
            cause="error event swallowed",
        )


@check("proxy.gateway-class", at(*BEFORE_HEAD))
def gateway_class(pair: Pair, case: Case) -> Problems:
    """A connection that also breaks on the client's side is not a fault: a tunnel passes the break on like that."""
    status = pair.client.status
    if status is not None and status < 500:
        yield Problem(
            f"the upstream broke off before its answer, and the client got status {status}, expected 502 or 504",
            cause=f"gateway status {status}",
        )


@check("proxy.gateway-json", lambda pair: at(*BEFORE_HEAD)(pair) and pair.client.status is not None)
def gateway_json(pair: Pair, case: Case) -> Problems:
    if not isinstance(member(pair.client.json, "error"), dict):
        yield Problem(
            f"the gateway's own error is {pair.client.media_type or 'untyped'}, expected JSON with an error object",
            excerpt=excerpt(pair.client.body),
            cause="gateway error is not JSON",
        )


@check("proxy.stall-ends", at("stall"))
def stall_ends(pair: Pair, case: Case) -> Problems:
    if pair.client.end is End.IDLE_TIMEOUT:
        raise Inconclusive(
            f"the proxy was silent with the upstream for {pair.client.notes.get('idle_s')} s; the run did not wait for its timeout"
        )
    yield from _masked(pair.source, pair.client)


def started(pair: Pair) -> bool:
    return pair.judgeable and pair.upstream[0].t_headers is not None


@check_group("proxy.no-retry", started)
def no_retry(pairs: Sequence[Pair], case: Case) -> Problems:
    """Sent again although the upstream had begun to answer, and not with a refusal that permits a retry."""
    for pair in pairs:
        again, status = len(pair.upstream) - 1, pair.upstream[0].status
        if again and status == 200:
            yield Problem(
                f"the upstream had begun to answer with 200 ({pair.step}), and got the same request {again} more times",
                exchange=pair.client,
                cause="request duplicated",
            )


@check("proxy.no-senseless-retry", lambda pair: at(*NOT_RETRIABLE)(pair) or (faulty(pair) and refused(pair)))
def no_senseless_retry(pair: Pair, case: Case) -> Problems:
    if len(pair.upstream) > 1:
        yield Problem(
            f"sent {len(pair.upstream)} times, expected once: a retry cannot fix status {pair.upstream[0].status}",
            cause="senseless retry",
        )


@check("proxy.retries-told", lambda pair: at("429", "503", "500")(pair) and pair.client.status is not None)
def retries_told(pair: Pair, case: Case) -> Problems:
    """The client adds its own retries to hidden ones: load and cost multiply."""
    again = len(pair.upstream) - 1
    if again:
        yield Problem(
            f"refused with {pair.upstream[0].status}, and sent {again} times more without the client's knowledge",
            cause="silent retry",
        )


@check(
    "proxy.retry-after-obeyed",
    lambda pair: (
        at("429", "503", "500")(pair) and len(pair.upstream) > 1 and pair.upstream[0].header("retry-after") is not None
    ),
)
def retry_after_obeyed(pair: Pair, case: Case) -> Problems:
    first, *more = pair.upstream
    if more and first.t_headers is not None and more[0].t_sent is not None:
        waited, said = (more[0].t_sent - first.t_headers) / 1e9, wait(first.headers, None, NEVER)
        wanted = said.wait if said and said.form == "seconds" and said.wait else 0.0
        if waited < wanted:
            yield Problem(
                f"the request was repeated after {waited:.2f} s, expected at least the {wanted:g} s of retry-after ({first.status})",
                cause="retry-after ignored",
            )
