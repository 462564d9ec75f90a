"""Every kind of damage that a proxy can do, done to the log of a faithful one: what is found, and nothing else.

The sets are exact. A fault that breaks more than one requirement breaks each for a reason; read them as examples.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from echosounder.conformance.ask import Ask
from echosounder.conformance.proxy.probes import PROBES
from echosounder.judgement.alone import failing
from echosounder.judgement.check import Case
from echosounder.judgement.pairs.checks import answers
from echosounder.judgement.pairs.pair import upstream_side
from echosounder.judgement.pairs.score import score
from echosounder.judgement.report import report
from echosounder.wire.exchange import End, Exchange, Read
from echosounder.wire.runlog import Run, read
from echosounder.wire.verdict import Result

Change = Callable[[Exchange], Exchange]


@pytest.fixture(scope="module", autouse=True)
def judged_once() -> Iterator[None]:
    """Of three hundred exchanges a fault damages a few: what the others break by themselves is judged once for all rows."""
    known: dict[Any, tuple[Exchange, list[Result]]] = {}

    def remembered(exchange: Exchange, case: Case, probe: str | None) -> list[Result]:
        key = id(exchange), case, probe
        if key not in known:
            known[key] = exchange, list(failing(exchange, case, probe))  # kept, so that no other gets its id
        return known[key][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "failing", remembered)
        yield


@pytest.fixture(scope="module")
def faithful(faithful_log) -> Run:
    return read(faithful_log)


def broken(run: Run) -> set[str]:
    return {
        result.requirement for result in score(run) if result.verdict not in {"pass", "not-applicable", "inconclusive"}
    }


def damaged(run: Run, client: Change = lambda each: each, upstream: Change = lambda each: each) -> Run:
    return replace(run, exchanges=tuple((upstream if upstream_side(each) else client)(each) for each in run.exchanges))


# --- on the way up


def only(step: str, change: Change) -> Change:
    return lambda each: change(each) if each.step == step else each


def received(change: Callable[[Any], object], **style: Any) -> Change:
    """The upstream receives JSON that was changed and written anew, compact as the client wrote it."""

    def apply(each: Exchange) -> Exchange:
        try:
            value = json.loads(each.request.body)
        except ValueError:
            return each
        change(value)
        text = json.dumps(value, **{"separators": (",", ":"), "ensure_ascii": False, **style})
        return body(each, text.encode("utf-8", "surrogatepass"))

    return apply


def body(each: Exchange, new: bytes) -> Exchange:
    """An exchange that did not change stays the same object, with what is known about it already."""
    return each if new == each.request.body else replace(each, request=replace(each.request, body=new))


def without(*path: str) -> Change:
    def change(value: Any) -> None:
        for name in path[:-1]:
            value = value.get(name) or {}
        value.pop(path[-1], None)

    return received(change)


def turns(change: Callable[[Any], object]) -> Change:
    def each(value: Any) -> None:
        found = value.get("messages", ())
        for turn in found if isinstance(found, list) else ():
            change(turn)

    return received(each)


def renamed(value: Any) -> None:
    value["max_completion_tokens"] = value.pop("max_tokens")


def header_up(name: str, new: str | None) -> Change:
    def apply(each: Exchange) -> Exchange:
        kept = [(key, value) for key, value in each.request.headers if key.lower() != name]
        headers = tuple(kept) if new is None else (*kept, (name, new))
        return replace(each, request=replace(each.request, headers=headers))

    return apply


def path(old: str, new: str) -> Change:
    return lambda each: replace(each, request=replace(each.request, path=each.request.path.replace(old, new)))


def as_floats(each: Exchange) -> Exchange:
    try:
        value = json.loads(each.request.body, parse_int=float)
    except ValueError:
        return each
    return body(each, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


SPELT = "proxy.request-spelling"  # one body is spelt oddly on purpose: whoever writes JSON anew respells it
UP = {
    "nothing": (lambda each: each, set()),
    "written anew": (received(lambda value: None), {SPELT}),
    "drops an unknown member": (without("echosounder_extra"), {SPELT, "proxy.unknown-members"}),
    "drops thinking": (without("thinking"), {SPELT, "proxy.unknown-members"}),
    "drops stream options": (without("stream_options"), {SPELT, "proxy.request-fidelity", "proxy.nulls-kept"}),
    "drops a nested member": (without("stream_options", "include_usage"), {SPELT, "proxy.request-fidelity"}),
    "drops nulls": (
        received(lambda value: [value.pop(name) for name in list(value) if value[name] is None]),
        {SPELT, "proxy.nulls-kept"},
    ),
    "renames max_tokens": (received(renamed), {SPELT, "proxy.request-fidelity"}),
    "adds a default": (received(lambda value: value.setdefault("temperature", 1)), {SPELT, "proxy.no-defaults-added"}),
    "adds a message": (
        only("history", received(lambda value: value["messages"].append({"role": "system"}))),
        {"proxy.request-fidelity"},
    ),
    "another model": (received(lambda value: value.update(model="x")), {SPELT}),
    "sorts members": (received(lambda value: None, sort_keys=True), {SPELT, "proxy.request-order"}),
    "escapes characters": (received(lambda value: None, ensure_ascii=True), {SPELT}),
    "reads doubles": (as_floats, {SPELT, "proxy.request-numbers"}),
    "strips reasoning": (turns(lambda turn: turn.pop("reasoning_content", 0)), {SPELT, "proxy.reasoning-both-ways"}),
    "strips names": (turns(lambda turn: turn.pop("name", 0)), {SPELT, "proxy.request-fidelity"}),
    "strips the prefix": (turns(lambda turn: turn.pop("prefix", 0)), {SPELT, "proxy.unknown-members"}),
    "no JSON": (
        lambda each: replace(each, request=replace(each.request, body=b"oops")) if each.step == "document" else each,
        {"proxy.request-fidelity"},
    ),
    "text/plain": (header_up("content-type", "text/plain"), {"proxy.media-type-up"}),
    "own user agent": (header_up("user-agent", "gateway/1"), {"proxy.request-headers"}),
    "drops a header": (header_up("x-echosounder-trace", None), {"proxy.request-headers"}),
    "stable for beta": (path("/beta/", "/"), {"proxy.beta-routes"}),
    "v1": (path("/chat/", "/v1/chat/"), {"proxy.beta-routes"}),
    "v1 twice": (path("/chat/", "/v1/v1/chat/"), {"proxy.beta-routes", "proxy.paths-kept"}),
}


@pytest.mark.parametrize("name", UP)
def test_damage_to_requests(faithful, name):
    change, expected = UP[name]
    assert broken(damaged(faithful, upstream=change)) == expected


# --- on the way down


def got(old: bytes, new: bytes, *steps: str) -> Change:
    """The client gets other bytes, in these steps or in all."""

    def apply(each: Exchange) -> Exchange:
        whole = b"".join(read.data for read in each.reads)
        if (steps and each.step not in steps) or old not in whole:
            return each
        if sum(read.data.count(old) for read in each.reads) < whole.count(old):  # a read ends within one of them
            return replace(each, reads=(Read(each.reads[-1].at, whole.replace(old, new)),))
        return replace(each, reads=tuple(Read(read.at, read.data.replace(old, new)) for read in each.reads))

    return apply


def swapped(all: list[bytes]) -> list[bytes]:
    """Two neighbours that differ: a word may come twice in a row."""
    at = next(place for place in range(3, len(all) - 4) if all[place] != all[place + 1])
    return [*all[:at], all[at + 1], all[at], *all[at + 2 :]]


def header(name: str, new: str | None) -> Change:
    def apply(each: Exchange) -> Exchange:
        kept = [(key, value) for key, value in each.headers if key.lower() != name]
        return replace(each, headers=tuple(kept) if new is None else (*kept, (name, new)))

    return apply


def status(new: int) -> Change:
    return lambda each: replace(each, status=new)


def events(change: Callable[[list[bytes]], list[bytes]]) -> Change:
    """The events of a stream, each with its blank line, all read at the end."""

    def apply(each: Exchange) -> Exchange:
        whole = b"".join(read.data for read in each.reads)
        made = change([part + b"\n\n" for part in whole.removesuffix(b"\n\n").split(b"\n\n")])
        return replace(each, reads=(Read(each.reads[-1].at, b"".join(made)),))

    return apply


def renewed(event: bytes) -> bytes:
    return event.replace(b'"id":"', b'"id":"x')


TOO_HOT = b"Invalid temperature value, the valid range of temperature is [0, 2]"
EVENTS = "proxy.events-untouched"
VALID = "proxy.still-valid"
DOWN = {
    "other id": (got(b'"id":"', b'"id":"x'), {"proxy.ids-kept", "proxy.tool-calls-kept"}),
    "no fingerprint": (got(b'"system_fingerprint"', b'"fingerprint"'), {"proxy.ids-kept"}),
    # A letter that no piece of the answer has: with one that some have, an event could pass for another one.
    "other text": (got(b'"content":"', b'"content":"~', "stream"), {"proxy.content-kept"}),
    "member added": (
        got(b'{"id":', b'{"provider":"x","id":'),
        {"proxy.nothing-added"},
    ),
    "unknown member dropped": (
        got(b'"x_region":"eu-1"', b'"a":null', "extra-members"),
        {"proxy.answer-fidelity", "proxy.nothing-added", "proxy.usage-untouched"},
    ),
    "finish": (got(b'"finish_reason":"', b'"finish_reason":"x', "cut"), {"proxy.finish-kept"}),
    "usage": (got(b'"completion_tokens":', b'"completion_tokens":1', "stream"), {"proxy.usage-untouched"}),
    "arguments": (got(b"9007199254740993", b"9007199254740992", "tool"), {"proxy.tool-calls-kept"}),
    "reasoning": (got(b"reasoning_content", b"reasoning", "thinking"), {"proxy.reasoning-both-ways"}),
    "logprobs": (got(b'"logprob":-', b'"logprob":-1', "logprobs"), {"proxy.logprobs-kept"}),
    "a cost of its own": (
        only("document", header("x-litellm-response-cost", "0.5")),
        {"proxy.cost-stated"},
    ),
    "no media type": (only("document", header("content-type", None)), {"proxy.media-type-down"}),
    "malformed media type": (
        only("document", header("content-type", "application/json; charset")),
        {"proxy.media-type-down"},
    ),
    "media type in capitals": (only("document", header("content-type", "Application/JSON;Charset=UTF-8")), set()),
    "coding nobody offered": (only("document", header("content-encoding", "br")), {"proxy.coding-offered"}),
    "document without its end": (
        only("document", lambda each: replace(each, end=End.TRUNCATED)),
        {"proxy.answer-finished"},
    ),
    "trace": (header("x-ds-trace-id", None), {"proxy.trace-id-kept"}),
    "headers": (only("extra-headers", header("cf-ray", None)), {"proxy.headers-kept"}),
    "retry-after": (header("retry-after", None), {"proxy.retry-after-kept"}),
    "event lost": (only("stream", events(lambda all: all[:4] + all[5:])), {EVENTS, "proxy.content-kept"}),
    "event twice": (only("stream", events(lambda all: all[:5] + all[4:])), {EVENTS, "proxy.content-kept"}),
    "events swapped": (
        only("stream", events(swapped)),
        {EVENTS, "proxy.content-kept"},
    ),
    "no done": (only("stream", events(lambda all: all[:-1])), {EVENTS}),
    "done twice": (only("stream", events(lambda all: [*all, all[-1]])), {EVENTS}),
    "comment as data": (
        got(b": keep-alive", b"data: : keep-alive", "comments"),
        {"proxy.comments-stay-comments", EVENTS},
    ),
    "usage chunk lost": (
        only("usage-apart", events(lambda all: all[:-2])),
        {"proxy.usage-after-finish", "proxy.usage-untouched", EVENTS},
    ),
    "torn characters": (
        got("那".encode(), "\ufffd\ufffd".encode(), "one-byte"),
        {"proxy.utf8-whole", "proxy.legal-framing"},
    ),
    "crlf read as one event": (
        only("crlf", lambda each: replace(each, reads=())),
        {"proxy.legal-framing", EVENTS, "proxy.usage-untouched"},
    ),
    "gzip unread": (only("gzip", status(502)), {"proxy.compressed-upstream"}),
    "blank lines refused": (only("blank-lines", status(500)), {"proxy.legal-documents"}),
    "long line refused": (only("longest-line", status(502)), {"proxy.long-lines"}),
    "charset refused": (only("charset", status(415)), {"proxy.request-forms", "proxy.answer-finished"}),
    "402 as 400": (only("402", status(400)), {"proxy.status-kept"}),
    "503 as success": (only("503", status(200)), {"proxy.status-kept"}),
    "message replaced": (got(b'"message":"Insufficient Balance"', b'"message":"oops"', "402"), {"proxy.error-kept"}),
    "html for 500": (only("500", lambda each: replace(each, reads=(Read(1, b"<html>"),))), {"proxy.error-kept"}),
    "cut gets an end": (
        only(
            "mid-text", lambda each: replace(each, end=End.COMPLETE, reads=(*each.reads, Read(9, b"data: [DONE]\n\n")))
        ),
        {"proxy.truncation-visible"},
    ),
    "cut gets a finish": (
        only(
            "mid-text",
            lambda each: replace(
                each,
                end=End.COMPLETE,
                reads=(*each.reads, Read(9, b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n')),
            ),
        ),
        {"proxy.truncation-visible"},
    ),
    "cut leaves its client hanging": (
        only("mid-text", lambda each: replace(each, end=End.IDLE_TIMEOUT, error="timed out")),
        {"proxy.truncation-visible"},
    ),
    "lost upstream leaves its client hanging": (
        only("before-head", lambda each: replace(each, status=None, reads=(), end=End.IDLE_TIMEOUT, error="timed out")),
        {"proxy.truncation-visible"},
    ),
    "cut ends in good order": (
        only("mid-text", lambda each: replace(each, end=End.COMPLETE)),
        {"proxy.truncation-visible"},
    ),
    "cut is an error event": (
        only(
            "mid-text", lambda each: replace(each, reads=(*each.reads, Read(9, b'data: {"error":{"message":"m"}}\n\n')))
        ),
        set(),
    ),
    "error event swallowed": (only("error-event", events(lambda all: all[:-1])), {"proxy.error-event-kept"}),
    "400 for a lost upstream": (
        only("before-head", lambda each: replace(each, status=400, error="")),
        {"proxy.gateway-class", "proxy.gateway-json"},
    ),
    "html for a lost upstream": (
        only("before-head", lambda each: replace(each, status=502, error="", reads=(Read(1, b"<html>"),))),
        {"proxy.gateway-json"},
    ),
    "http/1.0": (lambda each: replace(each, http_version="HTTP/1.0"), {"proxy.http11"}),
    "unframed": (header("transfer-encoding", None), {"proxy.stream-framed"}),
    "error under another type": (only("402", header("content-type", "text/plain")), {"proxy.error-media-type"}),
    "another text for an error in text": (
        only("plain-text", lambda each: replace(each, reads=(Read(1, b"no"),))),
        {"proxy.error-kept"},
    ),
    "served without key": (only("no-key", status(200)), {"proxy.auth-enforced", "proxy.status-kept"}),
    "counts as fractions": (got(b',"completion_tokens":', b'.0,"completion_tokens":'), {"proxy.usage-untouched"}),
    "an id for each chunk": (
        only("stream", events(lambda all: [*all[:3], *map(renewed, all[3:])])),
        {"proxy.ids-kept"},
    ),
    "cut after its end": (
        only("stream", lambda each: replace(each, end=End.TRUNCATED, error="peer closed")),
        {"proxy.answer-finished"},
    ),
    "open after its end": (
        only("stream", lambda each: replace(each, end=End.IDLE_TIMEOUT, t_closed=each.t_closed + 60_000_000_000)),
        {"proxy.ends-at-once"},
    ),
    "pieces of another caller": (
        got('"ø'.encode(), '"ß'.encode(), "caller-1"),
        {"proxy.answers-own", "proxy.content-kept"},
    ),
    "another caller's answer": (
        got("ø".encode(), "þ".encode(), "caller-1"),
        {"proxy.answers-own", "proxy.content-kept"},
    ),
    "another caller's error": (
        only("caller-1", events(lambda all: [*all[:9], b'data: {"error":{"message":"%s"}}\n\n' % TOO_HOT])),
        {
            "proxy.answers-own",
            "proxy.content-kept",
            "proxy.finish-kept",
            "proxy.ids-kept",
            "proxy.usage-untouched",
            EVENTS,
        },
    ),
    "leak": (
        only("402", lambda each: replace(each, notes={**each.notes, "leaks": ["the upstream's key"]})),
        {"proxy.secrets-downstream"},
    ),
}


INVALID = {
    "no fingerprint", "finish", "usage", "no media type", "malformed media type", "coding nobody offered", "no done",
    "document without its end", "done twice", "comment as data", "usage chunk lost", "torn characters",
    "crlf read as one event", "counts as fractions", "an id for each chunk", "cut after its end",
}  # fmt: skip
"""Whose client gets what no server may send: the same is asked in both positions."""


@pytest.mark.parametrize("name", DOWN)
def test_damage_to_answers(faithful, name):
    change, expected = DOWN[name]
    found = broken(damaged(faithful, client=change))
    assert found - {VALID} == expected
    assert (VALID in found) is (name in INVALID)


# --- when, how often, and who else


def lost(step: str) -> Callable[[Run], Run]:
    """The proxy answers by itself."""
    ids = lambda run: {each.id for each in run.exchanges if each.step == step and not upstream_side(each)}  # noqa: E731
    return lambda run: replace(
        run, exchanges=tuple(each for each in run.exchanges if each.notes.get("of") not in ids(run))
    )


def again(step: str, after_ms: float = 1) -> Callable[[Run], Run]:
    """The proxy sends a request twice."""

    def apply(run: Run) -> Run:
        extra = [
            replace(each, id=f"{each.id}b", t_sent=(each.t_headers or 0) + round(after_ms * 1e6))
            for each in run.exchanges
            if each.step == step and upstream_side(each)
        ]
        return replace(run, exchanges=(*run.exchanges, *extra))

    return apply


def delayed(ms: float, *steps: str, whole: bool = False) -> Callable[[Run], Run]:
    """Reads come later: each by so much, or all of them with the last."""

    def late(each: Exchange) -> Exchange:
        if each.step not in steps:
            return each
        end = each.reads[-1].at
        reads = tuple(Read(end if whole else read.at + round(ms * 1e6), read.data) for read in each.reads)
        return replace(each, reads=reads, t_closed=(each.t_closed or 0) + round(ms * 1e6))

    return lambda run: damaged(run, client=late)


def in_bursts(size: int, step: str) -> Callable[[Run], Run]:
    """So many events at a time, read when the last of them came."""

    def apply(each: Exchange) -> Exchange:
        if each.step != step:
            return each
        ends = [
            each.reads[min(place // size * size + size, len(each.reads)) - 1].at for place in range(len(each.reads))
        ]
        return replace(each, reads=tuple(Read(end, read.data) for end, read in zip(ends, each.reads, strict=True)))

    return lambda run: damaged(run, client=apply)


def shifted(name: str, ms: float, *steps: str) -> Callable[[Run], Run]:
    def apply(each: Exchange) -> Exchange:
        return replace(each, **{name: getattr(each, name) + round(ms * 1e6)}) if each.step in steps else each

    return lambda run: damaged(run, client=apply)


def noted(**notes: Any) -> Callable[[Run], Run]:
    return lambda run: damaged(run, upstream=lambda each: replace(each, notes={**each.notes, **notes}))


def both(*changes: Callable[[Run], Run]) -> Callable[[Run], Run]:
    def apply(run: Run) -> Run:
        for change in changes:
            run = change(run)
        return run

    return apply


def silent(step: str) -> Callable[[Run], Run]:
    return lambda run: damaged(run, client=only(step, lambda each: replace(each, status=504, reads=())))


def served(step: str, upstream: Change = lambda each: each) -> Callable[[Run], Run]:
    """A request that the API refuses gets an answer after all, because it reached the upstream mended."""
    return lambda run: damaged(
        run, client=only(step, status(200)), upstream=only(step, lambda each: status(200)(upstream(each)))
    )


def hangs_up(step: str) -> Callable[[Run], Run]:
    """On the upstream, after a few events that the client gets all of."""

    def early(each: Exchange) -> Exchange:
        return replace(each, reads=each.reads[:4], end=End.CLIENT_CANCELLED if upstream_side(each) else End.COMPLETE)

    return lambda run: damaged(run, client=only(step, early), upstream=only(step, early))


OTHER = {
    "clamps": (served("too-hot", received(lambda value: value.update(temperature=2))), {"proxy.faults-kept"}),
    "serves text as JSON": (served("plain-text", header_up("content-type", "application/json")), {"proxy.faults-kept"}),
    "corrects a path": (served("wrong-path", path("completion", "completions")), {"proxy.faults-kept"}),
    "is refused no more by the API": (served("too-hot"), set()),
    "answers a fault itself": (
        both(lost("no-model"), lambda run: damaged(run, client=only("no-model", status(200)))),
        {"proxy.faults-kept"},
    ),
    "breaks down by a fault": (
        both(lost("no-model"), lambda run: damaged(run, client=only("no-model", status(500)))),
        {"proxy.faults-kept"},
    ),
    "refuses a fault itself": (lost("no-model"), set()),
    "hangs up upstream": (hangs_up("stream"), {"proxy.answer-finished"}),
    "refuses a member": (lost("unknown"), {"proxy.forwards"}),
    "answers the list itself": (lost("models"), {"proxy.routes-reach"}),
    "answers a repetition itself": (lost("again-same"), {"proxy.answers-fresh"}),
    "answers another bound itself": (lost("again-longer"), {"proxy.answers-fresh"}),
    "answers a stream again itself": (lost("again-stream-same"), {"proxy.answers-fresh"}),
    "turns one of several callers away": (
        both(lost("caller-2"), lambda run: damaged(run, client=only("caller-2", status(429)))),
        {"proxy.forwards"},
    ),
    "refuses a megabyte": (lost("large"), {"proxy.forwards", "proxy.large-request"}),
    "asks twice": (again("stream"), {"proxy.no-retry"}),
    "asks again after a cut": (again("mid-text"), {"proxy.no-retry"}),
    "repeats what was refused for good": (again("402"), {"proxy.no-senseless-retry"}),
    "repeats too soon": (again("429"), {"proxy.retry-after-obeyed", "proxy.retries-told"}),
    "repeats in time": (again("429", 1100), {"proxy.retries-told"}),
    "buffers": (delayed(0, "paced", whole=True), {"proxy.unbuffered"}),
    "buffers three events at a time": (in_bursts(3, "paced"), {"proxy.unbuffered"}),
    "lags a little": (delayed(60, "paced"), set()),
    "lags a lot": (delayed(300, "paced"), {"proxy.unbuffered"}),
    "lags at the end": (shifted("t_closed", 700, "paced"), {"proxy.ends-at-once"}),
    "swallows keep-alives": (delayed(2100, "quiet-start"), {"proxy.keepalives-pass", "proxy.ends-at-once"}),
    "holds the head back": (shifted("t_headers", 2100, "quiet-start"), {"proxy.headers-at-once"}),
    "commits early": (shifted("t_headers", -1500, "late"), {"proxy.status-not-early"}),
    "gives up early": (silent("late"), {"proxy.silence-tolerated"}),
    "goes on after a cancel": (noted(closed=None), {"proxy.cancel-propagates"}),
    "notices a cancel late": (shifted("t_closed", -1400, "waiting"), {"proxy.cancel-propagates"}),
    "passes the key on": (both(lost("wrong-key"), noted(key_in=["header x-api-key"])), {"proxy.secrets-upstream"}),
    "refuses a key with 400": (
        both(lost("wrong-key"), lambda run: damaged(run, client=only("wrong-key", status(400)))),
        {"proxy.auth-status", "proxy.secrets-upstream"},
    ),
}


@pytest.mark.parametrize("name", OTHER)
def test_damage_to_time_and_number(faithful, name):
    change, expected = OTHER[name]
    assert broken(change(faithful)) == expected


def test_a_behaviour_without_effect_is_inconclusive_and_no_fault_of_the_proxy(faithful):
    def idle(each: Exchange) -> Exchange:
        told = [{**one, "applied": False} for one in each.notes["deviations"]]
        return replace(each, notes={**each.notes, "deviations": told})

    results = score(damaged(faithful, upstream=idle))
    assert {result.verdict for result in results} == {"pass", "inconclusive", "not-applicable"}
    assert "sse-keepalive-comment" in next(r.note for r in results if r.requirement == "proxy.legal-framing")


def test_every_requirement_of_the_position_is_broken_by_something_here_or_has_a_test_of_its_own(faithful):
    elsewhere = {"proxy.connection-reuse", "proxy.stall-ends", "proxy.answer-spelling"}
    shown = set().union(*(row[1] for table in (UP, DOWN, OTHER) for row in table.values()))
    assert {result.requirement for result in score(faithful)} == shown | elsewhere | {VALID}


def test_the_steps_of_the_probes_have_names_of_their_own():
    """A check picks its pairs by step."""
    ask = Ask("2026-08", "deepseek-v4-flash")
    steps = [send.step for steps in PROBES.values() for send in steps(ask)]
    assert sorted(steps) == sorted(set(steps))


def test_what_an_upstream_was_told_to_refuse_is_not_counted_against_the_proxy(faithful):
    """The report opens with what was served; the first lines are for whoever has to mend the proxy."""
    served = report(faithful, score(faithful))["served"]
    assert served
    assert all(row["served"] == row["legal"] > 0 and not row["unserved"] for row in served), served
