"""Whether tools are called when they must be and only then, and how such an answer ends."""

from __future__ import annotations

from collections.abc import Sequence

from echosounder.judgement import unasked
from echosounder.judgement.answers import answer, asked, chat_completion, whole
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
from echosounder.judgement.checks.chunks import MARKUP
from echosounder.judgement.checks.schemas import reasons
from echosounder.judgement.checks.tool_arguments import loaded
from echosounder.judgement.checks.tool_calls import called_in_document, calling, complete_calls, cut, with_tools
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

NOT_FORCED = "the model always thinks, and a thinking model cannot be forced to call"


@picks("an answer to a request with tools that ended by itself", model=True)
def uncut(exchange: Exchange) -> bool:
    return with_tools(exchange) and not cut(exchange)


@check("tools.required-calls", uncut, unasked=unasked.asking("tools"))
def required_calls(exchange: Exchange, case: Case) -> Problems:
    if asked(exchange).get("tool_choice") != "required":
        raise Inconclusive(NOT_FORCED)
    found = answer(exchange)
    if not found.calls:
        yield Problem(
            f"the answer has no call, expected one: tool_choice is required; content is {excerpt(found.content or '')!r}",
            pointer="/choices/0/message",
            cause="no call",
        )


@check("tools.named-calls", uncut, unasked=unasked.asking("tools"))
def named_calls(exchange: Exchange, case: Case) -> Problems:
    wanted = at(asked(exchange).get("tool_choice"), "function", "name")
    if wanted is None:
        raise Inconclusive(NOT_FORCED)
    if wanted not in [call.name for call in answer(exchange).calls]:
        yield Problem(
            f"the answer calls {[call.name for call in answer(exchange).calls]}, expected only {wanted}, which tool_choice names",
            cause="no call",
        )


@check("tools.none-no-calls", with_tools, unasked=unasked.asking("tool_choice", value="none"))
def none_no_calls(exchange: Exchange, case: Case) -> Problems:
    found = answer(exchange)
    if not (found.calls or found.content):
        raise Inconclusive("the content is empty")
    if found.calls:
        yield Problem(
            f"the answer calls {found.calls[0].name}, expected no call: tool_choice is none", event=found.calls[0].event
        )
    if any(mark in (found.content or "") for mark in MARKUP):
        yield Problem(
            "content has a call written as text, expected none: tool_choice is none", excerpt=found.content or ""
        )


@check("tools.finish-reason", complete_calls, unasked=unasked.asking("tools"))
def finish_reason(exchange: Exchange, case: Case) -> Problems:
    choice = asked(exchange).get("tool_choice")
    forced = choice == "required" or isinstance(choice, dict)
    lenient = forced and case.policy == "interop"
    allowed = case.subject.behaviour.forced_call_finish if lenient else ("tool_calls",)
    found = answer(exchange)
    known = {"function_call"} & set(reasons(case))  # what OpenAI said of calls before they were tools
    if found.finish not in (*allowed, *known):
        yield Problem(
            f"finish_reason is {found.finish!r}, expected 'tool_calls': the answer calls a tool",
            pointer="/choices/0/finish_reason",
        )


@check("tools.cut-marked", calling)
def cut_marked(exchange: Exchange, case: Case) -> Problems:
    """A client runs calls after tool_calls; truncated arguments must not look complete."""
    found = answer(exchange)
    usage, most = found.usage, asked(exchange).get("max_tokens")
    count = usage.completion if usage else None
    torn = [call for call in found.calls if isinstance(call.arguments, str) and loaded(call)[1]]
    if not torn or count is None or count < (most or 0):
        raise Inconclusive("max_tokens did not cut a call")
    if found.finish != "length":
        yield Problem(
            f"max_tokens {most} cut the arguments of {torn[0].name}, but finish_reason is {found.finish!r}, expected 'length'",
            pointer="/choices/0/finish_reason",
            excerpt=torn[0].arguments,
            cause="a cut call looks complete",
        )


@picks("a complete chat answer")
def ended(exchange: Exchange) -> bool:
    return chat_completion(exchange) and whole(exchange)


@check("tools.finish-has-calls", ended, unasked=unasked.of("chat"))
def finish_has_calls(exchange: Exchange, case: Case) -> Problems:
    """Independent of the model: finish reason and calls must be consistent."""
    found = answer(exchange)
    if found.finish != "tool_calls":
        raise Inconclusive("no answer ended with tool_calls")
    if not found.calls:
        yield Problem(
            "the answer has no call, expected one: finish_reason is 'tool_calls'",
            pointer="/choices/0/finish_reason",
            cause="no call",
        )


@check("tools.no-markup-in-content", with_tools, unasked=unasked.asking("tools"))
def no_markup(exchange: Exchange, case: Case) -> Problems:
    text = answer(exchange).content or ""
    if answer(exchange).empty:
        raise Inconclusive("the content is empty")
    for mark in MARKUP:
        if mark in text:
            yield Problem(
                f"a call is written as text: content contains {mark!r}, expected it in tool_calls",
                excerpt=text,
                cause="template markup in content",
            )
            return


@check("tools.content-beside-calls", called_in_document, unasked=unasked.asking("tools"))
def content_beside(exchange: Exchange, case: Case) -> Problems:
    content = at(exchange.json, "choices", 0, "message", "content")
    if content is not None and not isinstance(content, str):
        yield Problem(
            f"content next to a call is {excerpt(content)}, expected null or a string",
            pointer="/choices/0/message/content",
        )


@check_group("tools.parallel", with_tools)
def parallel(exchanges: Sequence[Exchange], case: Case) -> Problems:
    several = [exchange for exchange in exchanges if len(answer(exchange).calls) > 1 and not cut(exchange)]
    if not several:
        raise Inconclusive("the model did not make two calls in one answer, or the answer was cut")
    for exchange in several:
        for call in answer(exchange).calls:
            if not call.id or not call.name or loaded(call)[1]:
                yield Problem(
                    f"one of {len(answer(exchange).calls)} calls lacks its id, name or arguments: "
                    f"{excerpt([call.id, call.name, call.arguments])}",
                    event=call.event,
                    exchange=exchange,
                )


@check("tools.parallel-off", calling, unasked=unasked.asking("parallel_tool_calls", value=False))
def parallel_off(exchange: Exchange, case: Case) -> Problems:
    if len(answer(exchange).calls) > 1:
        yield Problem(
            f"the answer makes {len(answer(exchange).calls)} calls, expected at most one: parallel_tool_calls is false"
        )
