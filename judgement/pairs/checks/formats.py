"""Responses and Messages through a proxy: content that must be preserved, with the upstream in the same or in another format.

Both sides are compared by meaning (:mod:`judgement.pairs.checks.said`, :class:`wire.answer.Answer`), not by form. Losses that a
translation cannot avoid are not judged: ids of answers and of calls, signatures, the time, the fingerprint, log probabilities,
names of messages, which stop text ended an answer, and what hit a cache where a format does not count it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from echosounder.judgement.absence import OPTIONAL, foreign, missing
from echosounder.judgement.alone import broken, failing, like
from echosounder.judgement.answers import answer, wants_stream
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, Unsupported, excerpt
from echosounder.judgement.pairs.check import Pick, check
from echosounder.judgement.pairs.checks.said import Piece, given, said, shown
from echosounder.judgement.pairs.pair import Pair
from echosounder.wire.answer import Answer
from echosounder.wire.exchange import Exchange
from echosounder.wire.stream import StreamEnd, stream_end

PLAIN = "plain"
PROBES = {f"proxy.{name}": name for name in OPTIONAL}
"""The probes of this module, and the format of each."""
SERVED = frozenset(f"translation.{name}" for name in OPTIONAL)
"""The requirements that name a format which is not served; all others are silent then."""
WHOLE = ("plain", "document", "stream", "thinking", "thinking-stream", "calls", "calls-stream", "history", "cut-short")
ANSWERED = (*WHOLE, "cut-short-stream", "paced")
REFUSED = ("400", "429", "500")
UP = (*ANSWERED, "hung-up", "broken-off", "error-event", *REFUSED)


def step(pair: Pair) -> str:
    """The name of the step without its prefix, the name of its format."""
    return pair.step.removeprefix(f"{PROBES.get(pair.client.probe, '')}-")


def absent(pairs: Sequence[Pair]) -> dict[str, str]:
    """The probes whose format the proxy does not serve, and why, by the plainest request of each."""
    plain = [pair.client for pair in pairs if pair.client.probe in PROBES and step(pair) == PLAIN]
    return {each.probe: reason for each in plain if (reason := missing(each) or foreign(each))}


def of(*steps: str, served: bool = False) -> Pick:
    """Selects the pairs of these steps in one of the formats that reached an upstream which behaved as requested."""

    def pick(pair: Pair) -> bool:
        there = pair.client.probe in PROBES and pair.judgeable and step(pair) in steps
        return there and (not served or pair.source.status == pair.client.status == 200)

    return pick


def available(pair: Pair, case: Case) -> Problems:
    if reason := missing(pair.client):
        raise Unsupported(reason)
    if reason := foreign(pair.client):
        yield Problem(reason, cause="another format")
    elif pair.client.status != 200:
        yield Problem(f"a plain request got status {pair.client.status}: {excerpt(pair.client.body)}")


def plain(probe: str) -> Pick:
    return lambda pair: pair.client.probe == probe and step(pair) == PLAIN


for probe, name in PROBES.items():
    check(f"translation.{name}", plain(probe))(available)


# ------------------------------------------------------------------------------------------------------ the request


def differing(sent: Sequence[Piece], got: Sequence[Piece], what: str) -> Problems:
    """The first place where two lists differ."""
    if tuple(sent) == tuple(got):
        return
    place = next(
        (n for n, both in enumerate(zip(sent, got, strict=False)) if both[0] != both[1]), min(len(sent), len(got))
    )
    was, became = (side[place] if place < len(side) else None for side in (sent, got))
    yield Problem(
        f"{what} {place} was {shown(was)}, and reached the upstream as {shown(became)}", cause=f"{what} changed"
    )


@check("translation.turns", of(*UP))
def turns(pair: Pair, case: Case) -> Problems:
    sent, got = said(pair.client), said(pair.upstream[0])
    yield from differing(_joined(sent.only("system")), _joined(got.only("system")), "the system text")
    yield from differing(_joined(sent.only(*TALK)), _joined(got.only(*TALK)), "turn")


TALK = ("user", "assistant")


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """What one side says in several pieces is one text: blocks and items may be joined."""
    groups = groupby(pieces, key=lambda piece: piece[0])
    return [(kind, "".join(piece[-1] for piece in group)) for kind, group in groups]


@check("translation.history", of("history"))
def history(pair: Pair, case: Case) -> Problems:
    yield from differing(said(pair.client).calls, said(pair.upstream[0]).calls, "call or result")


@check("translation.thoughts-up", of("history"))
def thoughts(pair: Pair, case: Case) -> Problems:
    sent, got = said(pair.client).only("thought"), said(pair.upstream[0]).only("thought")
    yield from differing(sent, got, "thought")


@check("translation.tools", of("calls", "calls-stream", "history"))
def tools(pair: Pair, case: Case) -> Problems:
    yield from differing(said(pair.client).tools, said(pair.upstream[0]).tools, "tool")


@check("translation.parameters", of(*UP))
def parameters(pair: Pair, case: Case) -> Problems:
    sent, got = said(pair.client), said(pair.upstream[0])
    for name, was, became in (
        ("the bound of the output", sent.bound, got.bound),
        ("the temperature", sent.temperature, got.temperature),
        ("stream", sent.stream, got.stream),
    ):
        if was != became:
            yield Problem(
                f"{name} was {excerpt(was)}, and reached the upstream as {excerpt(became)}", cause=f"{name} changed"
            )


# ------------------------------------------------------------------------------------------------------- the answer


def both(pair: Pair) -> tuple[Answer, Answer]:
    return answer(pair.source), answer(pair.client)


def lost(what: str, sent: object, got: object) -> Problems:
    if sent != got:
        yield Problem(f"{what} is {excerpt(got)}, the upstream sent {excerpt(sent)}", cause=f"{what} changed")


@check("translation.text", of(*ANSWERED, served=True))
def text(pair: Pair, case: Case) -> Problems:
    sent, got = both(pair)
    yield from lost("the text", sent.content or "", got.content or "")


@check("translation.reasoning", of(*ANSWERED, served=True))
def reasoning(pair: Pair, case: Case) -> Problems:
    sent, got = both(pair)
    yield from lost("the reasoning", sent.reasoning or "", got.reasoning or "")


@check("translation.calls", of(*ANSWERED, served=True))
def calls(pair: Pair, case: Case) -> Problems:
    """Ids may be replaced, but each call needs one."""
    sent, got = ([(call.name, given(call.arguments)) for call in side.calls] for side in both(pair))
    yield from lost("the calls", sent, got)
    ids = [call.id for call in both(pair)[1].calls]
    if len(set(map(repr, ids))) < len(ids) or not all(ids):
        yield Problem(f"the calls have the ids {excerpt(ids)}, expected one for each", cause="ids of calls")


@check("translation.usage", of(*ANSWERED, served=True))
def usage(pair: Pair, case: Case) -> Problems:
    """The sums; their parts are compared if both formats report them."""
    sent, got = (side.usage for side in both(pair))
    if sent is None:
        raise Inconclusive("the upstream reported no usage")
    if got is None:
        yield Problem("the client got no usage, expected that of the upstream", cause="usage lost")
        return
    yield from lost("the count of the prompt", sent.prompt, got.prompt)
    yield from lost("the count of the output", sent.completion, got.completion)


@check("translation.end", of(*ANSWERED, served=True))
def end(pair: Pair, case: Case) -> Problems:
    meant, got = (side.reader.grammar.meaning(answer(side).finish) for side in (pair.source, pair.client))
    if meant != got:
        words = answer(pair.client).finish, answer(pair.source).finish
        yield Problem(
            f"the answer ends with {words[0]!r} ({got}), the upstream's with {words[1]!r} ({meant})",
            cause="end changed",
        )


@check("translation.order", of("thinking-stream", "calls-stream", "stream", served=True))
def order(pair: Pair, case: Case) -> Problems:
    sent, got = kinds(pair.source), kinds(pair.client)
    yield from lost("the order of a stream", sent, got)


def kinds(exchange: Exchange) -> list[str]:
    """Kinds of output of a stream, in order: reasoning, content, tool."""
    return [kind for kind, _ in groupby(mark.kind for _, mark in exchange.marks if mark.kind)]


@check("translation.own-grammar", of(*WHOLE, "cut-short-stream", served=True))
def own_grammar(pair: Pair, case: Case) -> Problems:
    """The client's answer is valid in its own format, by the checks of that format."""
    theirs = set(broken(pair.source, case)) if pair.source.format == pair.client.format else set()
    for result in failing(pair.client, case, like(pair.client)):
        if result.requirement not in theirs:
            first = result.findings[0]
            says = f"the answer breaks {result.requirement}: {first.message}"
            yield Problem(says, event=first.event, pointer=first.pointer, cause=result.requirement)


@check("translation.incremental", of("paced", served=True))
def incremental(pair: Pair, case: Case) -> Problems:
    """Half of the texts must reach the client before the upstream writes its last one."""
    written, read = ([stamped.at for stamped in side.events] for side in (pair.source, pair.client))
    if len(written) < 4 or not read:
        raise Inconclusive("too few events to judge")
    early = sum(at < written[-1] for at in read)
    if early * 2 < len(written):
        yield Problem(
            f"only {early} events reached the client before the upstream wrote the last of {len(written)}: buffered",
            cause="stream buffered",
        )


# ------------------------------------------------------------------------------------------------- what goes wrong


@check("translation.status", of(*REFUSED))
def status(pair: Pair, case: Case) -> Problems:
    yield from lost("the status", pair.source.status, pair.client.status)


@check("translation.error-told", of(*REFUSED))
def error_told(pair: Pair, case: Case) -> Problems:
    told = pair.source.reader.message(pair.source.reader.error_of(pair.source.json or {}))
    if isinstance(told, str) and told not in pair.client.text:
        yield Problem(
            f"the client got {excerpt(pair.client.body)}, expected the error of the upstream: {excerpt(told)}",
            cause="error hidden",
        )


@check("translation.cut-visible", of("broken-off", "error-event"))
def cut_visible(pair: Pair, case: Case) -> Problems:
    if pair.client.status != 200 or not wants_stream(pair.client):
        return
    if stream_end(pair.client) is StreamEnd.DONE:
        how = "sent an error event" if step(pair) == "error-event" else "broke off"
        yield Problem(
            f"the upstream {how}, and the client's stream ends with {answer(pair.client).finish!r} as if it were complete",
            cause="cut masked",
        )
