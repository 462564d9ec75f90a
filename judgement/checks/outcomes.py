"""Requests that must be served and requests that must be refused: a table each, for requirements that a status decides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase
from functools import cache

from echosounder import specs
from echosounder.judgement import unasked
from echosounder.judgement.check import (
    Case,
    Inconclusive,
    Pick,
    Problem,
    Problems,
    Unsupported,
    check,
    check_group,
    excerpt,
    picks,
)
from echosounder.judgement.checks.served import (
    NO_KEY,
    REFUSED_MEMBERS,
    absent,
    excused,
    legal,
    plainly_refused,
    too_long,
    unauthorized,
)
from echosounder.wire.exchange import NOT_SERVED, End, Exchange
from echosounder.wire.strict_json import at

CLIENT = range(400, 500)


@picks("sent, and not refused by a rate or load limit")
def tried(exchange: Exchange) -> bool:
    """A request without any answer counts as tried."""
    return exchange.status not in NOT_SERVED and exchange.end is not End.CONNECT_FAILED


def answered(exchange: Exchange) -> bool:
    return tried(exchange) and exchange.status is not None


def turned_away(exchange: Exchange) -> bool:
    """Refused like an invalid request."""
    return answered(exchange) and 400 <= (exchange.status or 0) < 500


def outcome(exchange: Exchange) -> str:
    """``status 400 "Invalid temperature"``, or how the exchange ended without one."""
    if exchange.status is None:
        return f"no answer ({exchange.error or exchange.end})"
    said = at(exchange.json, "error", "message")
    return f"status {exchange.status}" + (f" {excerpt(said)!r}" if isinstance(said, str) else "")


def named(exchange: Exchange) -> str:
    return f"{exchange.probe} ({exchange.step})" if exchange.step else exchange.probe


def steps(*patterns: str) -> Pick:
    """Exchanges that were tried, of one of the named steps of their probe; all steps where none is named."""
    return lambda exchange: (
        tried(exchange) and (not patterns or any(fnmatchcase(exchange.step, each) for each in patterns))
    )


def follow_up(step: str) -> Pick:
    """The step that a probe takes only if the model's answer allows it."""
    return picks(model=True)(steps(step))


def served(requirement: str, pick: Pick) -> None:
    """Registers the check that requests picked by *pick* get status 200 without an error."""

    def judge(exchange: Exchange, case: Case) -> Problems:
        if "fault" in exchange.notes:
            raise Inconclusive(f"{case.subject.model} must refuse it")
        if requirement not in NAMING and pardoned(exchange, case):
            raise Unsupported(f"{named(exchange)} got {outcome(exchange)}")
        if too_long(exchange):
            raise Inconclusive(f"the prompt is too long for the target: {outcome(exchange)}")
        if exchange.status != 200 or at(exchange.json, "error"):
            yield unserved(exchange)
        elif requirement in PLAIN and (wrong := _not_plain(exchange)):
            says = f"{named(exchange)} got {wrong}, expected a completion"
            yield Problem(says, cause=f"{named(exchange)} has an effect")

    judge.__name__ = requirement
    SERVED.add(requirement)
    check(requirement, pick, unasked=unasked.never)(judge)


def pardoned(exchange: Exchange, case: Case) -> bool:
    """Plainly refused because of a feature or a member that is always refused, which another requirement reports."""
    about = case.controls.refused & exchange.asked.keys()
    return excused(exchange, case.controls.absent or frozenset()) or (plainly_refused(exchange) and bool(about))


def _not_plain(exchange: Exchange) -> str:
    """What is wrong with an answer to a request that switches nothing on: it is a document that says something, and no more."""
    if exchange.media_type == "text/event-stream":
        return "an event stream"
    choice = at(exchange.json, "choices", 0)
    if not isinstance(choice, dict):
        return "no choice"
    if at(choice, "message", "tool_calls"):
        return "a call"
    return "log probabilities" if choice.get("logprobs") else ""


PLAIN = frozenset(
    {
        "chat.nulls-accepted",
        "chat.unknown-field-ignored",
        "chat.content-parts",
        "json.text-accepted",
        "tools.empty-array",
    }
)
"""The requirements that ask for an answer as to the same request without the member that they are about."""
NAMING = frozenset({"fim.available", "json.accepted", "prefix.accepted", "prefix.beta-route"})
"""The requirements that say that an optional feature is absent; all others excuse it."""
SERVED: set[str] = set()
"""The requirements that ask for requests of their own to be served, at their own level."""


@cache
def told_elsewhere() -> frozenset[str]:
    """The probes that they are about."""
    return frozenset(probe for id in SERVED for probe in specs.requirement(id).probes)


def promised(exchange: Exchange) -> bool:
    """Legal, tried, and not covered by another requirement."""
    return legal(exchange) and tried(exchange) and exchange.probe not in told_elsewhere()


@check_group("request.served", picks("a legal request that no rate or load limit refused")(promised))
def legal_served(exchanges: Sequence[Exchange], case: Case) -> Problems:
    """A request that is served once must always be served; an optional feature that is never served may be absent."""
    missing = absent(exchanges) if case.controls.absent is None else case.controls.absent
    for exchange in exchanges:
        silent = exchange.status is None and exchange.end not in {End.RESET, End.TRUNCATED, End.PROTOCOL_ERROR}
        excuse = excused(exchange, missing) or pardoned(exchange, case) or too_long(exchange)
        if silent or exchange.status == 200 or excuse:
            continue
        yield Problem(
            f"a legal request, {named(exchange)}, got {outcome(exchange)}, expected to be served",
            exchange=exchange,
            cause=f"a legal request is not served: {exchange.status or 'no answer'}",
        )
    if not any(exchange.status == 200 for exchange in exchanges):
        raise Inconclusive("no legal request was served")


@check("request.members-known", lambda exchange: legal(exchange) and exchange.status == 200)
@check("request.members-served", lambda exchange: legal(exchange) and exchange.status == 200)
def members_served(exchange: Exchange, case: Case) -> Problems:
    """A member that is refused in every request is one finding: the probes went on without it."""
    for name, says in exchange.notes.get(REFUSED_MEMBERS, {}).items():
        hint = "; --profile openai has no such member" if name == "thinking" else ""
        yield Problem(
            f"each request with {name} is refused: {says}; it is served without {name}, so the probes went on without{hint}",
            pointer=f"/{name}",
            excerpt=excerpt(exchange.request.body),
            cause=f"{name} is refused",
        )


def unserved(exchange: Exchange) -> Problem:
    where = named(exchange)
    return Problem(f"{where} got {outcome(exchange)}, expected to be served", cause=f"{where} is not served")


ASKS_FOR_NONE = "the target asks for no key, which error.status-401 reports"


def refused(
    requirement: str, pick: Pick, statuses: Collection[int] | Callable[[Case], Collection[int]] = CLIENT
) -> None:
    """Registers the check that the requests selected by *pick* are refused with one of *statuses*. A missing response violates another
    requirement.
    """

    def judge(exchange: Exchange, case: Case) -> Problems:
        allowed = statuses(case) if callable(statuses) else statuses
        fault = exchange.notes.get("fault")
        if fault is None:
            raise Inconclusive(f"{case.subject.model} need not refuse it")
        if case.controls.keyless and unauthorized(exchange) and (requirement, fault) != ("error.status-401", NO_KEY):
            raise Inconclusive(ASKS_FOR_NONE)
        if exchange.status not in allowed:
            how = f"refused with {exchange.status}" if turned_away(exchange) else "not refused"
            yield Problem(
                f"{fault}: {outcome(exchange)}, expected {spoken(allowed)}", cause=f"{named(exchange)} is {how}"
            )

    judge.__name__ = requirement
    check(requirement, lambda exchange: pick(exchange) and answered(exchange), unasked=unasked.never)(judge)


def spoken(statuses: Collection[int]) -> str:
    return (
        "a status from 400 to 499"
        if statuses == CLIENT
        else "status " + " or ".join(str(each) for each in sorted(statuses))
    )


def bad_request(case: Case) -> Collection[int]:
    """400, or the profile's status for a value out of range."""
    return {400, case.subject.limits.range_status}


def wrong_parameter(case: Case) -> Collection[int]:
    return case.subject.behaviour.parameter_statuses


def unknown_model(case: Case) -> Collection[int]:
    return case.subject.behaviour.unknown_model_statuses


def either(requirement: str, documented: Collection[int], pick: Pick = tried) -> None:
    """Registers the check of an open outcome: the requests selected by *pick* are served, or refused with a client error. The policy
    ``documented`` requires one of *documented*.
    """

    def judge(exchange: Exchange, case: Case) -> Problems:
        allowed = documented if case.policy == "documented" else {200, *CLIENT}
        expected = "to be served or refused" if len(allowed) > 5 else spoken(allowed)
        if exchange.status not in allowed:
            yield Problem(f"{named(exchange)} got {outcome(exchange)}, expected {expected}")

    judge.__name__ = requirement
    check(requirement, pick, unasked=unasked.never)(judge)


@check("request.open-answered", tried)
def open_answered(exchange: Exchange, case: Case) -> Problems:
    if "open" not in exchange.notes:
        raise Inconclusive(f"{case.subject.model} must serve it")
    broken_off = exchange.status is None and exchange.end in {End.RESET, End.TRUNCATED, End.PROTOCOL_ERROR}
    if exchange.status is None and not broken_off:
        raise Inconclusive("it was not answered, which another requirement covers")
    if broken_off or (exchange.status or 0) >= 500:
        yield Problem(
            f"{named(exchange)} got {outcome(exchange)}, expected to be served or refused",
            cause=f"{named(exchange)} has no answer",
        )


@check("transport.no-redirect", answered, unasked=unasked.of("chat", "fim", "messages", "responses"))
def no_redirect(exchange: Exchange, case: Case) -> Problems:
    if exchange.status is not None and exchange.status >= 500:
        yield Problem(f"{exchange.request.path} got {outcome(exchange)}, expected to be served or refused")
    if exchange.status is None or not 300 <= exchange.status < 400:
        return
    # RFC 9110, 15.4.2 and 15.4.3: "a user agent MAY change the request method from POST to GET"; 307 and 308 keep it.
    lost = ", on which clients turn a POST into a GET" if exchange.status in {301, 302, 303} else ""
    yield Problem(
        f"{exchange.request.path} is redirected with {exchange.status} to {exchange.header('location')}{lost}"
    )
