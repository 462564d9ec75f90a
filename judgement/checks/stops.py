"""Stop texts: an answer ends before the first of them."""

from __future__ import annotations

from echosounder.judgement.answers import answer, asked, chat_completion, whole
from echosounder.judgement.check import Case, Problem, Problems, check, picks
from echosounder.judgement.checks.outcomes import turned_away, unserved
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at, entries


def told_to_stop(exchange: Exchange) -> list[str]:
    stop = asked(exchange).get("stop")
    return [stop] if isinstance(stop, str) else [each for each in entries(stop) if isinstance(each, str)]


@picks("an answer with text that was not cut before the stop text", model=True)
def came_to_the_stop(exchange: Exchange) -> bool:
    said = answer(exchange).content or ""
    if not (chat_completion(exchange) and whole(exchange)):
        return False
    ended = answer(exchange).finish != "length"
    return (ended and led_up(exchange, said)) or any(stop in said for stop in told_to_stop(exchange))


def led_up(exchange: Exchange, said: str) -> bool:
    """Whether the answer contains the text before the stop text that it was asked to repeat. A canned answer does not."""
    asking = str(at(exchange.asked, "messages", -1, "content") or "")
    places = (asking.find(stop) for stop in told_to_stop(exchange) if stop in asking)
    return any(before[-1] in said for place in places if (before := asking[:place].split()))


@check("chat.stop-string", came_to_the_stop)
def stop_string(exchange: Exchange, case: Case) -> Problems:
    found = answer(exchange)
    yield from stopped(exchange, case)
    if found.finish not in ("stop", "length"):
        yield Problem(f"finish_reason is {found.finish!r}, expected 'stop'", pointer="/choices/0/finish_reason")


@picks(model=True)
def stopped_or_refused(exchange: Exchange) -> bool:
    return came_to_the_stop(exchange) or turned_away(exchange)


@check("thinking.stop", stopped_or_refused)
@check("chat.stop-array", stopped_or_refused)
def stop_array(exchange: Exchange, case: Case) -> Problems:
    if turned_away(exchange):
        yield unserved(exchange)
    else:
        yield from stopped(exchange, case)


def stopped(exchange: Exchange, case: Case) -> Problems:
    text = answer(exchange).content or ""
    for stop in told_to_stop(exchange):
        if stop in text:
            yield Problem(
                f"the answer contains the stop text {stop!r}, expected to end before it",
                pointer="/choices/0/message/content",
                excerpt=text,
            )
