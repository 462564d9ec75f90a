"""A non-streaming completion, and rules for both modes."""

from __future__ import annotations

from collections.abc import Sequence

from echosounder.judgement import unasked
from echosounder.judgement.answers import (
    CHOICES,
    answer,
    asked,
    chat_chosen,
    chat_completion,
    chosen,
    completion,
    document,
    objects,
    whole,
)
from echosounder.judgement.check import (
    Case,
    Inconclusive,
    Problem,
    Problems,
    check,
    check_group,
    excerpt,
    picks,
)
from echosounder.judgement.checks.identity import recent
from echosounder.judgement.checks.outcomes import turned_away, unserved
from echosounder.judgement.checks.schemas import chat_document, reasons
from echosounder.wire import strict_json
from echosounder.wire.exchange import End, Exchange, Observed
from echosounder.wire.strict_json import at, entries


@picks("a non-streaming chat response that is a JSON object")
def readable(exchange: Exchange) -> bool:
    return chat_document(exchange) and isinstance(exchange.json, dict)


@picks("a non-streaming chat response with a choice in it")
def choosing_document(exchange: Exchange) -> bool:
    return readable(exchange) and chosen(exchange)


@check("chat.content-type", document, rests=[Observed.HEADERS])
def content_type(exchange: Exchange, case: Case) -> Problems:
    if exchange.media_type != "application/json":
        got = exchange.header("content-type") or "no content-type"
        yield Problem(f"content-type is {got}, expected application/json", cause="wrong content-type")


@picks("a non-streaming response that is not blank, or broke off")
def filled(exchange: Exchange) -> bool:
    return document(exchange) and (bool(exchange.body.strip()) or exchange.end is not End.COMPLETE)


@check("chat.single-json", filled)
def single_json(exchange: Exchange, case: Case) -> Problems:
    if exchange.end is not End.COMPLETE:
        yield Problem(f"the body broke off ({exchange.end}): {exchange.error}", cause="body cut")
        return
    try:
        exchange.body.decode("utf-8")
        parsed = strict_json.parse(exchange.text.strip())
    except UnicodeDecodeError as error:
        yield Problem(
            f"byte {error.start} of the body is not UTF-8 ({error.reason})",
            offset=error.start,
            cause="characters were cut",
        )
        return
    except ValueError as error:
        offset = getattr(error, "pos", None)
        yield Problem(f"the body is not one JSON value: {error}", offset=offset, cause="not a non-streaming response")
        return
    for problem in parsed.problems:
        yield Problem(f"the body holds a {problem}, which is not JSON")


@check(
    "chat.leading-blank-lines", lambda exchange: document(exchange) and b"{" in exchange.body, rests=[Observed.BYTES]
)
def leading_blanks(exchange: Exchange, case: Case) -> Problems:
    lead = exchange.body[: exchange.body.index(b"{")]
    if lead.strip():
        yield Problem(f"{excerpt(lead)!r} precedes the JSON object, expected blank lines at most", offset=0)


@check("chat.no-error-in-success", lambda exchange: document(exchange) and exchange.parsed is not None)
def no_error_in_success(exchange: Exchange, case: Case) -> Problems:
    if at(exchange.json, "error"):
        yield Problem(
            f"status 200 carries the error {excerpt(exchange.json['error'])}",
            pointer="/error",
            cause="error as success",
        )
    elif exchange.format in CHOICES and not isinstance(at(exchange.json, "choices"), list):
        yield Problem(
            f"choices is {excerpt(at(exchange.json, 'choices'))}, expected an array",
            pointer="/choices",
            cause="no choices",
        )


@check("chat.body-not-empty", document)
def body_not_empty(exchange: Exchange, case: Case) -> Problems:
    if not exchange.body.strip():
        yield Problem(
            f"the body is blank ({len(exchange.body)} bytes) with status 200, expected a JSON object",
            cause="empty answer",
        )


@check("chat.one-choice", lambda exchange: readable(exchange) and isinstance(exchange.json.get("choices"), list))
def one_choice(exchange: Exchange, case: Case) -> Problems:
    choices = exchange.json["choices"]
    if [at(choice, "index") for choice in choices] != [0]:
        yield Problem(
            f"choices have the indexes {[at(choice, 'index') for choice in choices]}, expected [0]", pointer="/choices"
        )


@check("chat.object", readable)
def names_itself(exchange: Exchange, case: Case) -> Problems:
    if exchange.json.get("object") != "chat.completion":
        yield Problem(f"object is {exchange.json.get('object')!r}, expected 'chat.completion'", pointer="/object")


@check_group("chat.id-unique", chat_completion)
def id_unique(exchanges: Sequence[Exchange], case: Case) -> Problems:
    seen: dict[str, Exchange] = {}
    for exchange in exchanges:
        event, body = next(iter(objects(exchange)), (None, exchange.json))
        id = at(body, "id")
        if not isinstance(id, str) or not id:
            says = f"id is {id!r}, expected a non-empty string"
        elif id in seen:
            says = f"the answers {seen[id].id} and {exchange.id} share the id {id!r}"
        else:
            seen[id] = exchange
            continue
        yield Problem(says, event=event, pointer="/id", exchange=exchange)
    if len(exchanges) == len(seen) == 1:
        raise Inconclusive("there is only one answer, and no other id to compare with")


@check("chat.created-recent", readable)
def created_recent(exchange: Exchange, case: Case) -> Problems:
    value = exchange.json.get("created")
    if not isinstance(value, int) or isinstance(value, bool):
        yield Problem(f"created is {value!r}, expected whole Unix seconds", pointer="/created")
        return
    yield from recent(exchange, case)


@check("chat.fingerprint-present", chat_completion)
def fingerprint(exchange: Exchange, case: Case) -> Problems:
    value = at(exchange.chunks[0][1] if exchange.chunks else exchange.json, "system_fingerprint")
    if not isinstance(value, str) or not value:
        yield Problem(f"system_fingerprint is {value!r}, expected a string", pointer="/system_fingerprint")


@check("chat.logprobs-null", choosing_document, unasked=unasked.without("logprobs"))
def logprobs_null(exchange: Exchange, case: Case) -> Problems:
    for position, choice in enumerate(entries(exchange.json.get("choices"))):
        if not isinstance(choice, dict) or choice.get("logprobs", "absent") is not None:
            got = excerpt(at(choice, "logprobs")) if isinstance(choice, dict) and "logprobs" in choice else "absent"
            yield Problem(f"logprobs is {got}, expected null", pointer=f"/choices/{position}/logprobs")


@check("chat.finish-reason-known", choosing_document)
def finish_known(exchange: Exchange, case: Case) -> Problems:
    for position, choice in enumerate(entries(exchange.json.get("choices"))):
        if at(choice, "finish_reason") not in reasons(case):
            got = at(choice, "finish_reason")
            yield Problem(
                f"finish_reason is {got!r}, expected one of {', '.join(reasons(case))}",
                pointer=f"/choices/{position}/finish_reason",
            )


# Not of answers to others: one may end by itself with the last token that it may have.
@check("chat.length-finish", lambda exchange: chat_completion(exchange) and whole(exchange), unasked=unasked.never)
def length_finish(exchange: Exchange, case: Case) -> Problems:
    found, bound = answer(exchange), exchange.reader.bound(asked(exchange))
    count = found.usage.completion if found.usage else None
    if found.finish != "length" and count is None:
        raise Inconclusive(
            f"the answer does not report completion tokens, so it is unknown whether max_tokens {bound} cut it"
        )
    if found.finish != "length" and count != bound:  # more is a bound that is ignored
        raise Inconclusive(f"the answer took {count} tokens, so max_tokens {bound} did not cut it")
    if found.finish != "length":
        yield Problem(
            f"finish_reason is {found.finish!r}, expected 'length': max_tokens {bound} cut the answer after {count} tokens",
            pointer="/choices/0/finish_reason",
        )


@check("chat.role-assistant", choosing_document)
def role(exchange: Exchange, case: Case) -> Problems:
    for position, choice in enumerate(entries(exchange.json.get("choices"))):
        if at(choice, "message", "role") != "assistant":
            yield Problem(
                f"role is {at(choice, 'message', 'role')!r}, expected 'assistant'",
                pointer=f"/choices/{position}/message/role",
            )


@check("chat.no-tool-calls-key", chat_chosen, unasked=unasked.of("chat"))
def no_tool_calls_key(exchange: Exchange, case: Case) -> Problems:
    if asked(exchange).get("tools"):
        raise Inconclusive("each answer might have called a tool")
    for event, body in exchange.chunks if exchange.chunks else ((None, exchange.json),):
        for member in ("delta", "message"):
            calls = at(body, "choices", 0, member, "tool_calls")
            if calls is not None:
                pointer = f"/choices/0/{member}/tool_calls"
                yield Problem(
                    f"tool_calls is {excerpt(calls)}, expected absent or null in an answer without calls",
                    event=event,
                    pointer=pointer,
                )


@check(
    "chat.stream-false",
    lambda exchange: exchange.format == "chat" and (exchange.status == 200 or turned_away(exchange)),
)
def stream_false(exchange: Exchange, case: Case) -> Problems:
    if turned_away(exchange):
        yield unserved(exchange)
    elif exchange.media_type == "text/event-stream" or exchange.body.startswith(b"data:"):
        yield Problem(
            f"stream {asked(exchange).get('stream')!r} was answered with an event stream, expected a non-streaming response",
            cause="not a non-streaming response",
        )


@picks("a non-streaming response with text that is complete: neither cut nor a call", model=True)
def plain(exchange: Exchange) -> bool:
    message = at(exchange.json, "choices", 0, "message")
    return readable(exchange) and answer(exchange).finish == "stop" and not at(message, "tool_calls")


@check("chat.content-not-null", plain)
def content_not_null(exchange: Exchange, case: Case) -> Problems:
    message = at(exchange.json, "choices", 0, "message")
    if not isinstance(at(message, "content"), str):
        yield Problem(
            f"content is {excerpt(at(message, 'content'))}, expected a string", pointer="/choices/0/message/content"
        )


def named_like(got: str, case: Case) -> bool:
    """Whether it is the requested name, the target of an alias, or one of the list. OpenAI reports the revision, or the model behind a
    deployment.
    """
    asked_for = case.subject.model
    return case.subject.behaviour.model_revisions or got in {
        asked_for,
        case.subject.limits.aliases.get(asked_for),
        *case.served,
    }


@check("chat.model-served", completion)
def model_served(exchange: Exchange, case: Case) -> Problems:
    got = (exchange.marks[0][1] if exchange.marks else exchange.reader.whole(exchange.json)).model
    if not isinstance(got, str) or not got:
        yield Problem(f"model is {got!r}, expected a name", pointer="/model")
    elif not named_like(got, case):
        yield Problem(
            f"model is {got!r}, expected {case.subject.model!r} or a name in the list of models",
            pointer="/model",
        )
