"""Legal forms of an answer that a proxy must understand: the client must get an equivalent answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from echosounder.judgement.answers import answer, wants_stream
from echosounder.judgement.check import Case, Problem, Problems, excerpt
from echosounder.judgement.pairs.check import at, check, check_group
from echosounder.judgement.pairs.pair import Pair
from echosounder.wire.exchange import Exchange
from echosounder.wire.stream import stream_end

# What makes an answer the same answer, and how to get it.
PARTS: dict[str, Callable[[Exchange], object]] = {
    "content": lambda exchange: answer(exchange).content or "",
    "finish_reason": lambda exchange: answer(exchange).finishes,
    "end": lambda exchange: stream_end(exchange).value if wants_stream(exchange) else exchange.end.value,
}
LEGAL = {
    "proxy.legal-framing": ("comments", "crlf", "no-space", "one-byte"),
    "proxy.legal-documents": ("blank-lines", "content-length"),
    "proxy.long-lines": ("long-line", "longest-line"),
    "proxy.compressed-upstream": ("gzip", "gzip-stream"),
}


def lost(pair: Pair) -> Iterator[tuple[str, str]]:
    """``(part, sentence)`` for each part of the answer that differs from the upstream's."""
    if pair.client.status != 200:
        yield "status", f"status {pair.client.status}, the upstream sent {pair.source.status}"
        return
    for name, part in PARTS.items():
        written, got = part(pair.source), part(pair.client)
        if name != "end" and written != got:
            yield name, f"{name} is {excerpt(got)}, the upstream sent {excerpt(written)}"
        elif name == "end" and wants_stream(pair.source) == wants_stream(pair.client) and written != got:
            yield name, f"the answer ended with {got}, the upstream's with {written}"


def _survives(requirement: str, steps: tuple[str, ...]) -> None:
    special = at(*steps)

    def judge(pairs: Sequence[Pair], case: Case) -> Problems:
        mine, usual = [pair for pair in pairs if special(pair)], [pair for pair in pairs if not special(pair)]
        for pair in mine:
            for part, sentence in lost(pair):
                if part not in _lost_anyway(usual, wants_stream(pair.client)):
                    cause = f"{pair.step} breaks the answer"
                    yield Problem(f"{pair.step}: {sentence}", cause=cause, exchange=pair.client)

    check_group(requirement, special, beside=_plain)(judge)


def _plain(pair: Pair) -> bool:
    """The same kind of answer in its usual form: what it loses has nothing to do with any other form."""
    return pair.arrived and not pair.behaviour and pair.client.probe == "proxy.fidelity" and pair.source.status == 200


def _lost_anyway(usual: Sequence[Pair], stream: bool) -> set[str]:
    """The parts that each answer of the mode loses."""
    parts = [{part for part, _ in lost(pair)} for pair in usual if wants_stream(pair.client) is stream]
    return set.intersection(*parts) if parts else set()


for _requirement, _steps in LEGAL.items():
    _survives(_requirement, _steps)


@check("proxy.utf8-whole", at("one-byte"))
def utf8_whole(pair: Pair, case: Case) -> Problems:
    written, got = answer(pair.source).content or "", answer(pair.client).content or ""
    bad = next(
        (place for place, letter in enumerate(got) if letter == "\ufffd" or "\ud800" <= letter <= "\udfff"), None
    )
    if bad is not None:
        yield Problem(
            f"a character became {got[bad]!a} at {bad}; the upstream sent {excerpt(written[bad : bad + 8])}",
            excerpt=got[max(bad - 20, 0) : bad + 20],
            cause="characters torn",
        )


@check("proxy.comments-stay-comments", at("comments", "quiet-start"))
def comments_stay_comments(pair: Pair, case: Case) -> Problems:
    known = {index for index, _ in pair.client.chunks}
    for index, text in enumerate(pair.client.data):
        if text != "[DONE]" and index not in known:
            yield Problem(f"event {index} is not JSON: {excerpt(text)}", event=index, cause="comment became an event")


@check_group("proxy.usage-after-finish", at("usage-apart"), beside=_plain)
def usage_after_finish(pairs: Sequence[Pair], case: Case) -> Problems:
    """The place of the usage is not judged if every stream lacks it."""
    usual = [pair for pair in pairs if _plain(pair) and wants_stream(pair.client)]
    for pair in (pair for pair in pairs if not _plain(pair)):
        written, got = answer(pair.source), answer(pair.client)
        if written.usage_raw != got.usage_raw and not (usual and all(map(_loses_usage, usual))):
            yield Problem(
                f"usage is {excerpt(got.usage_raw)}, the upstream sent {excerpt(written.usage_raw)} after the finish_reason",
                cause="usage chunk lost",
                exchange=pair.client,
            )
        if "[DONE]" not in pair.client.data and not (usual and all("[DONE]" not in each.client.data for each in usual)):
            yield Problem("[DONE] is missing after the usage chunk", cause="no [DONE]", exchange=pair.client)


def _loses_usage(pair: Pair) -> bool:
    return bool(answer(pair.source).usage_raw != answer(pair.client).usage_raw)
