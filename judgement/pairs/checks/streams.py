"""Legal forms of an answer that a proxy has to understand: whatever it makes of them, the client must get the same answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from echosounder.judgement.answers import answer, wants_stream
from echosounder.judgement.check import Case, Problem, Problems, excerpt
from echosounder.judgement.pairs.check import at, check
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


def lost(pair: Pair) -> Iterator[str]:
    """Sentences on what of the answer is not what the upstream wrote."""
    if pair.client.status != 200:
        yield f"status {pair.client.status}, the upstream sent {pair.source.status}"
        return
    for name, part in PARTS.items():
        written, got = part(pair.source), part(pair.client)
        if name != "end" and written != got:
            yield f"{name} is {excerpt(got)}, the upstream sent {excerpt(written)}"
        elif name == "end" and wants_stream(pair.source) == wants_stream(pair.client) and written != got:
            yield f"the answer ended with {got}, the upstream's with {written}"


def _survives(requirement: str, steps: tuple[str, ...]) -> None:
    def judge(pair: Pair, case: Case) -> Problems:
        for sentence in lost(pair):
            yield Problem(f"{pair.step}: {sentence}", cause=f"{pair.step} breaks the answer")

    check(requirement, at(*steps))(judge)


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
            yield Problem(f"event {index} is no JSON: {excerpt(text)}", event=index, cause="comment became an event")


@check("proxy.usage-after-finish", at("usage-apart"))
def usage_after_finish(pair: Pair, case: Case) -> Problems:
    written, got = answer(pair.source), answer(pair.client)
    if written.usage_raw != got.usage_raw:
        yield Problem(
            f"usage is {excerpt(got.usage_raw)}, the upstream sent {excerpt(written.usage_raw)} after the finish_reason",
            cause="usage chunk lost",
        )
    if "[DONE]" not in pair.client.data:
        yield Problem("there is no [DONE] after the usage chunk", cause="no [DONE]")
