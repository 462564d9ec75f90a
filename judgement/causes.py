"""Which violated requirement explains another one, so that a report shows the cause before its effects.

Verdicts do not depend on it. The report says of a broken requirement which other one explains it, and whether it is an
umbrella; renderers put effects below their cause, and umbrellas after what says more precisely what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from echosounder.judgement.rule import MAX_FINDINGS
from echosounder.wire.verdict import Place, Result, Verdict

Effects = tuple[tuple[str, tuple[str, ...]], ...]
"""``(cause, effects)``; effects are shell-style patterns. Of several broken causes the first in its table explains."""

UMBRELLAS = frozenset({
    "response.document-valid", "chat.response-schema", "stream.chunk-schema", "fim.response-schema", "fim.stream-chunk",
    "models.schema", "balance.schema", "error.client-fault-4xx", "error.status-400-parameter", "stream.equals-nonstream",
    "chat.legal-served", "chat.conversation-served", "fim.legal-served", "proxy.still-valid",
    "responses.legal-served", "responses.conversation-served", "messages.legal-served", "messages.conversation-served",
})  # fmt: skip
"""Requirements that ask at once for what others ask for one by one."""

STREAMED = (
    "stream.*",
    "fim.stream*",
    "chat.unicode",
    "json.*",
    "logprobs.*",
    "prefix.*",
    "thinking.*",
    "tools.*",
    "usage.*",
)
ANSWERED = (
    "chat.*",
    "fim.*",
    "prefix.*",
    "cache.*",
    "json.*",
    "logprobs.*",
    "thinking.*",
    "tools.*",
    "usage.*",
    "stream.*",
)
REFUSED = ("error.*", "limits.*", "*-refused")

BLOCKING: Effects = (
    ("transport.answered", ("*",)),
    ("request.served", ("*",)),
    ("fim.available", ("fim.*",)),
    ("logprobs.shape", ("logprobs.*",)),
    ("json.accepted", ("json.*",)),
    ("tools.strict-accepted", ("tools.strict-followed",)),
    ("prefix.accepted", ("prefix.*",)),
    ("usage.present", ("usage.*", "cache.*")),
    ("tools.finish-has-calls", ("tools.*",)),
    ("usage.cache-split", ("cache.*",)),
    ("stream.usage-present", ("stream.usage-*", "usage.*")),
    ("tools.required-calls", ("tools.*",)),
    ("thinking.enabled", ("thinking.*",)),
    ("error.prompt-refusal", REFUSED),
    ("error.no-html", REFUSED),
    ("error.body-not-empty", REFUSED),
    ("error.envelope", REFUSED),
    ("stream.complete", STREAMED),
    ("stream.content-type", STREAMED),
    ("stream.fields-known", STREAMED),
    ("stream.keepalive-is-comment", STREAMED),
    ("stream.data-is-json", STREAMED),
    ("chat.body-not-empty", ANSWERED),
    ("chat.single-json", ANSWERED),
    ("chat.no-error-in-success", ANSWERED),
)
"""Explains why nothing in the same answer was left to judge: what is looked at is not there, or, from the wire upwards, the
answer cannot be read."""

TO_THE_END = ("fim.stream*", "stream.ends-with-done", "stream.finish-once", "stream.text-complete", "stream.usage-*", "json.*",
              "thinking.length", "tools.arguments-*", "tools.stream-complete", "tools.finish-reason")  # fmt: skip
ENDS = ("*.length-finish", "chat.stop-*", "fim.stop", "prefix.stop", "tools.finish-reason", "thinking.length")
CHOICE = (*ENDS, "fim.*", "prefix.*", "logprobs.*", "stream.text-complete", "thinking.*", "tools.*")
HISTORY = ("tools.round-trip", "tools.parallel", "thinking.reasoning-kept", "thinking.tools")
TEXT = ("json.*", "logprobs.text-complete", "tools.arguments-*", "chat.unicode", "stream.text-complete")

CHUNK = ("stream.chunk-schema", "stream.choices-present", "stream.finish-key-present", "stream.*-constant", "stream.usage-null-before",
         "response.document-valid")  # fmt: skip

IN_ONE_EVENT: Effects = (("stream.object", CHUNK),)
"""Explains what is wrong with the same events: one that is not a chunk has nothing that chunks have."""

IN_ONE_ANSWER: Effects = (
    # A front end that answers with a page answers in place of the API.
    ("transport.answered", ("*",)),
    ("error.no-html", ("error.*", "limits.*")),
    # What breaks off has no end, and what is lost on the way is not in the text.
    ("stream.complete", TO_THE_END),
    ("chat.body-not-empty", ("chat.single-json", "chat.leading-blank-lines")),
    ("chat.no-error-in-success", CHOICE),
    ("stream.fields-known", ("stream.data-is-json", "stream.keepalive-is-comment")),
    ("stream.keepalive-is-comment", ("stream.data-is-json",)),
    ("stream.content-type", ("fim.stream",)),
    ("stream.data-is-json", TO_THE_END),
    # A member of another type, or with a word that does not exist, does not say what it should.
    ("stream.choice-index", ("stream.role-first",)),
    ("chat.finish-reason-known", ENDS),
    ("stream.finish-reason-known", (*ENDS, "stream.finish-*")),
    ("fim.finish-reason-known", ENDS),
    ("stream.finish-once", ENDS),
    ("stream.finish-last", ENDS),
    ("thinking.reasoning-string", ("thinking.*",)),
    ("tools.name-offered", ("tools.named-calls",)),
    (
        "tools.arguments-intact",
        (
            "tools.arguments-*",
            "tools.parallel",
            "tools.stream-complete",
            "tools.strict-followed",
            "transport.numbers-exact",
        ),
    ),
    ("stream.text-kept", ("stream.text-complete", "chat.unicode")),
    ("tools.finish-has-calls", ("tools.required-calls", "tools.named-calls", "tools.stream-complete")),
    ("json.no-whitespace-flood", ("json.*",)),
)
"""Explains what is wrong with the same answer."""

ABOUT = {cause: "finish" for cause, effects in IN_ONE_ANSWER if {*effects} - {"stream.finish-*"} == {*ENDS}}
"""What the findings of an effect have to speak of, where an answer may also break a requirement for another reason."""
UNSERVED = frozenset({"transport.answered", "request.served"})
"""Causes for which it is enough that one of the requests was not served: what else was asked for the same reason fared alike."""
SAME_ID = "share the id"
"""In the findings of ``chat.answers-fresh`` that show a repeated id and nothing else of a cache."""
MARKER = "no [DONE]"
"""The cause of findings on streams that came whole, but for their closing marker: nothing of the answer is missing."""

ELSEWHERE: Effects = (
    # What is answered out of a cache of responses is not an answer to what was asked.
    (
        "chat.answers-fresh",
        (
            "cache.*",
            "chat.id-unique",
            "chat.answers-own",
            "transport.connection-order",
            "transport.trace-id",
            "chat.created-recent",
            "*.length-finish",
            "chat.stop-*",
            "usage.*",
            "tools.*",
            "error.*",
            "thinking.*",
            "stream.created-recent",
            "logprobs.*",
            "json.*",
        ),
    ),
    # A text that loses pieces loses those of its contents too.
    ("chat.content-not-null", TEXT),
    ("stream.delta-incremental", TEXT),
    ("stream.text-complete", TEXT),
    ("stream.utf8", TEXT),
    # What is built on a feature that is refused, or does nothing, is refused or does nothing.
    ("error.status-401", ("*.auth", "error.401-*", "error.bad-scheme")),
    ("chat.system-message", ("chat.message-name", "chat.multi-turn", "json.*", "cache.*", "usage.prompt-grows")),
    ("chat.multi-turn", ("chat.message-name", "cache.*", "usage.prompt-grows", *HISTORY)),
    ("json.word-any-case", ("json.*",)),
    ("fim.available", ("fim.*",)),
    ("tools.call-shape", HISTORY),
    ("tools.arguments-string", HISTORY),
    ("tools.id-present", HISTORY),
    ("thinking.enabled", ("thinking.*",)),
    # A part of a sum that is wrong is not to be trusted.
    ("usage.completion-counted", ("*.length-finish", "logprobs.count", "usage.*-completion", "thinking.both-counted")),
    ("usage.plausible", ("cache.*",)),
)
"""Explains what is wrong with other answers too."""

SYSTEMATIC: Effects = (
    (
        "error.client-fault-4xx",
        (
            "error.status-400-*",
            "error.missing-*",
            "error.empty-messages",
            "error.unknown-*",
            "error.wrong-type",
            "limits.max-tokens-*",
            "limits.temperature",
            "limits.top-*",
            "limits.stop-17",
            "limits.n",
            "limits.penalties",
            "limits.stream-options-alone",
        ),
    ),
)
"""Umbrellas that are the fault itself where they are broken again and again: a server that refuses nothing lacks one thing."""

BROKEN = frozenset({Verdict.FAIL, Verdict.NONSTRICT, Verdict.UNTESTABLE})


def explanations(results: Iterable[Result]) -> dict[str, str]:
    """``{effect: cause}`` of broken requirements. A cause has a finding that shows it; an effect may be a requirement that could no
    longer be tested. Free of cycles: untestable requirements explain nothing, and causes are ordered.
    """
    broken = [result for result in results if result.verdict in BROKEN]
    found = {result.requirement: result for result in broken if result.findings}
    if _constant_id(found):
        del found["chat.answers-fresh"]
    whys = ((result.requirement, next(_causes(result, found), None)) for result in broken)
    return {effect: cause for effect, cause in whys if cause is not None}


def _constant_id(found: Mapping[str, Result]) -> bool:
    """Whether answers look cached only because each of them has the same id."""
    fresh = found.get("chat.answers-fresh")
    return fresh is not None and systematic(found.get("chat.id-unique")) and _speaks(fresh, SAME_ID)


def _causes(effect: Result, found: dict[str, Result]) -> Iterator[str]:
    if effect.findings and effect.requirement not in found:  # looks cached only because of its constant id
        yield "chat.id-unique"
    yield from (
        cause for cause, effects in SYSTEMATIC if systematic(found.get(cause)) and _among(effect.requirement, effects)
    )
    yield from _of_one_event(effect, found)
    tables = (IN_ONE_ANSWER,) if effect.findings else (BLOCKING, IN_ONE_ANSWER)
    near = [
        cause for table in tables for cause in _above(effect, table) if cause in found and _meet(found[cause], effect)
    ]
    if {*near} & UNSERVED or _whole(effect) <= {exchange for cause in near for exchange in _hurt(found[cause], effect)}:
        yield from near
    yield from (cause for cause in _above(effect, ELSEWHERE) if cause in found)


def _of_one_event(effect: Result, found: dict[str, Result]) -> Iterator[str]:
    mine = {(exchange, event) for exchange, event, _ in _places(effect)}
    for cause in _above(effect, IN_ONE_EVENT):
        theirs = {(exchange, event) for exchange, event, _ in _places(found.get(cause))}
        if mine and mine <= theirs and all(event is not None for _, event in mine):
            yield cause


def _above(effect: Result, table: Effects) -> Iterator[str]:
    """The causes of *table* that the effect may have; those after itself explain it no more."""
    for cause, effects in table:
        if cause == effect.requirement:
            return
        if _among(effect.requirement, effects) and _speaks(
            effect, ABOUT.get(cause, "") if table is IN_ONE_ANSWER else ""
        ):
            yield cause


def _speaks(effect: Result, word: str) -> bool:
    return all(word in finding.message for finding in effect.findings)


def _among(id: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(id, each) for each in patterns)


def umbrella(result: Result) -> bool:
    """Whether another requirement describes the fault more precisely."""
    return result.requirement in UMBRELLAS and not (result.requirement in dict(SYSTEMATIC) and systematic(result))


def systematic(result: Result | None) -> bool:
    return result is not None and len(result.findings) >= MAX_FINDINGS


def _places(result: Result | None) -> tuple[Place, ...]:
    """Of every finding, also of those that were cut off."""
    if result is None:
        return ()
    return result.places or tuple((each.exchange, each.event, each.cause) for each in result.findings)


def _whole(effect: Result) -> set[str]:
    """The exchanges that have to be explained: those with a finding, or all that could not be judged."""
    return {exchange for exchange, _, _ in _places(effect)} or set(effect.exchanges)


def _hurt(cause: Result, effect: Result) -> set[str]:
    """The exchanges in which *cause* can have hurt *effect*."""
    spared = cause.requirement == "stream.complete" and effect.requirement != "stream.ends-with-done"
    return {exchange for exchange, _, named in _places(cause) if not (spared and named == MARKER)}


def _meet(cause: Result, effect: Result) -> bool:
    everywhere = cause.requirement in UNSERVED and systematic(cause)
    return everywhere or bool(_whole(effect) & _hurt(cause, effect))
