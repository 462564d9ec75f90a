"""The text of chat answers: lost or malformed characters."""

from __future__ import annotations

import re
from collections.abc import Sequence

from echosounder.judgement.agreed import UNICODE
from echosounder.judgement.answers import (
    answer,
    chat_completion,
    wants_stream,
    whole,
)
from echosounder.judgement.check import (
    Case,
    Inconclusive,
    Problem,
    Problems,
    check_group,
)
from echosounder.judgement.checks.controls import REPLACEMENT, question
from echosounder.judgement.checks.echoes import LOST
from echosounder.wire.exchange import Exchange

MOJIBAKE = re.compile("Ã[\x80-\xbf¼©]|ð\x9f|é‚£")


@check_group("chat.unicode", lambda exchange: chat_completion(exchange) and whole(exchange))
def unicode(exchanges: Sequence[Exchange], case: Case) -> Problems:
    torn = [(exchange, letters) for exchange in exchanges if (letters := damaged(exchange, case))]
    for exchange, letters in torn:
        yield Problem(
            f"the answer contains {letters!r}: characters were cut or decoded with the wrong charset",
            excerpt=answer(exchange).content or "",
            exchange=exchange,
            cause="characters were cut",
        )
    formed = [] if torn else list(in_wrong_form(exchanges))
    yield from formed
    if not torn and not formed:
        yield from lost_in_one_mode(exchanges)
    if not torn and not formed and not any(map(repeats, exchanges)):
        raise Inconclusive("the model did not repeat the text")


def in_wrong_form(exchanges: Sequence[Exchange]) -> Problems:
    """Problems if every answer of a mode is the requested text with altered characters: no model answers like that."""
    for how, form in LOST:
        text = form(UNICODE)
        for mode in (False, True):
            mine = [each for each in exchanges if wants_stream(each) is mode]
            if len(mine) > 1 and all((answer(each).content or "").split() == text.split() for each in mine):
                yield Problem(
                    f"the repeated text is damaged: {how}",
                    excerpt=answer(mine[0]).content or "",
                    exchange=mine[0],
                    cause="characters were lost",
                )


def damaged(exchange: Exchange, case: Case) -> str:
    """Letters of another encoding, or U+FFFD that the non-streaming answer to the same question does not contain."""
    said = answer(exchange).content or ""
    if found := MOJIBAKE.search(said):
        return found[0]
    return REPLACEMENT if REPLACEMENT in said and not case.controls.excuse(question(exchange)) else ""


def repeats(exchange: Exchange) -> bool:
    return UNICODE in (answer(exchange).content or "")


def lost_in_one_mode(exchanges: Sequence[Exchange]) -> Problems:
    """Text that every answer of one mode repeats and no answer of the other contains was not chosen by the model."""
    modes = [[each for each in exchanges if wants_stream(each) is mode] for mode in (False, True)]
    for mine, others, name in ((modes[1], modes[0], "streaming"), (modes[0], modes[1], "non-streaming")):
        if mine and others and all(map(repeats, others)) and not any(map(repeats, mine)):
            yield Problem(
                f"no {name} answer repeats the text unchanged, though every answer of the other mode does",
                excerpt=answer(mine[0]).content or "",
                exchange=mine[0],
                cause="streaming and non-streaming differ",
            )
