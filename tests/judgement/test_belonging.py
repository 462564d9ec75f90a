"""Whose answer is it? Several callers, each with a letter of its own, and what comes back to them."""

import json
from random import Random

import pytest

from echosounder import specs
from echosounder.conformance.ask import Ask
from echosounder.conformance.probe_choice import PROBES
from echosounder.judgement.assigned import checks
from echosounder.judgement.belonging import OwnWords, strangers, words
from echosounder.judgement.check import Case
from echosounder.judgement.score import judge
from echosounder.wire import sse
from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.strict_json import at
from echosounder.wire.tokens import WORDS
from echosounder.wire.verdict import Verdict

ASK = Ask("2026-11", "deepseek-flash")
SENDS = next(PROBES["chat.together"].steps(ASK))
REFUSED, *LEGAL = SENDS
NO_MODEL = "The model does not exist"


def document(text):
    return {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]}


def chunk(text):
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


def error(text):
    return {"error": {"message": text, "type": "invalid_request_error", "param": None, "code": "x"}}


def answered(place, said, status=200, at_ms=0, lasts_ms=50, error_event=None):
    """What came back to one caller; *said* is its text, or a body."""
    send = SENDS[place]
    stream = b'"stream":true' in send.body and status == 200 and isinstance(said, str)
    events = [*map(chunk, said), *([error(error_event)] if error_event else [])] if stream else []
    data = [*map(json.dumps, events), "[DONE]"]
    body = (
        b"".join(sse.encode(sse.Event(each)) for each in data)
        if stream
        else json.dumps(document(said) if isinstance(said, str) else said).encode()
    )
    kind = "text/event-stream" if stream else "application/json"
    request = Request("POST", send.path, f"http://h{send.path}", body=send.body)
    begin = 1 + at_ms * 1_000_000
    return Exchange(
        str(place), "chat.together", request, step=send.step, status=status, headers=(("content-type", kind),),
        reads=(Read(begin, body),), t_sent=begin, t_closed=begin + lasts_ms * 1_000_000, notes=dict(send.notes),
    )  # fmt: skip


def texts(**changed):
    """The honest answers, but for the callers named ``c1`` … ``c5``."""
    own = {f"c{place}": answered(place, asked(place)) for place in range(1, 6)}
    refusal = answered(0, error(NO_MODEL), 400)
    return [refusal, *(own | changed).values()]


def asked(place):
    text = at(json.loads(SENDS[place].body), "messages", 0, "content")
    return text.partition("\n")[2]


PROSE = "I would rather not."
ROWS = {
    "each its own": (texts(), Verdict.PASS),
    "one does not do as it is told": (texts(c1=answered(1, PROSE)), Verdict.PASS),
    "nobody does": (
        [answered(0, error(NO_MODEL), 400), *(answered(n, PROSE) for n in range(1, 6))],
        Verdict.INCONCLUSIVE,
    ),
    "a piece of another": (texts(c2=answered(2, asked(2)[:20] + asked(3)[0] + asked(2)[21:])), Verdict.FAIL),
    "the answer of another": (texts(c2=answered(2, asked(4))), Verdict.FAIL),
    "the document has a stream's": (texts(c5=answered(5, asked(1))), Verdict.FAIL),
    "the refused one is served another's": ([answered(0, asked(1)), *texts()[1:]], Verdict.FAIL),
    "another's error as its answer": (texts(c2=answered(2, error(NO_MODEL), 400)), Verdict.FAIL),
    "another's error in mid-stream": (texts(c2=answered(2, asked(2)[:9], error_event=NO_MODEL)), Verdict.FAIL),
    "an error of its own": (texts(c2=answered(2, error("engine overloaded"), 500)), Verdict.PASS),
    "everybody is refused alike": (
        [answered(0, error("Bad request"), 400), *(answered(n, error("Bad request"), 400) for n in range(1, 6))],
        Verdict.INCONCLUSIVE,
    ),
    "one after the other": (
        [answered(0, error(NO_MODEL), 400), *(answered(n, asked(n), at_ms=60 * n) for n in range(1, 6))],
        Verdict.INCONCLUSIVE,
    ),
}


@pytest.mark.parametrize(("exchanges", "verdict"), ROWS.values(), ids=ROWS)
def test_answers_belong_to_their_callers(exchanges, verdict):
    result = judge(specs.requirement("chat.answers-own"), checks()["chat.answers-own"], exchanges, Case(ASK))
    assert result.verdict is verdict, result


A, B, C = (words(text) for text in ("red lamp old tree", "blue chair new river", "red chair old river"))


def heard(own, said, begin=0, end=10, id=""):
    return OwnWords(id or " ".join(own), own, said, begin, end)


KEPT = heard(C, C, 0, 99)
TOLD = {
    "each its own": ([heard(A, A), heard(B, B)], set()),
    "the words of another": ([heard(A, B), heard(B, B)], {A}),
    "each has the other's": ([heard(A, B), heard(B, A), KEPT], {A, B}),
    "two words in their places": ([heard(A, (*A[:1], *B[1:3], A[3])), heard(B, B)], {A}),
    "two words in other places": ([heard(A, (A[0], *B[:2], A[3])), heard(B, B)], set()),
    "one word": ([heard(A, (*A[:3], B[3])), heard(B, B)], set()),
    "one that both have between two": ([heard(A, (B[0], A[1], B[2], A[3])), heard(B, B), KEPT], set()),
    "one after the other": ([heard(A, B), heard(B, B, 10, 20)], set()),
    "nobody does as he is told": ([heard(A, B), heard(B, words("I would rather not"))], set()),
    "cut before a word": ([heard(A, ()), heard(B, B)], set()),
}


@pytest.mark.parametrize(("answers", "accused"), TOLD.values(), ids=TOLD)
def test_the_words_of_another_caller_are_known_by_their_places(answers, accused):
    assert {mine.own for mine, _ in strangers(answers)} == accused


def test_a_model_that_talks_of_its_own_is_not_accused():
    """Each answer is random words of the same vocabulary, but for one that keeps to its own: far more noise than a model makes."""
    random, accused = Random(17), 0
    for _ in range(300):
        own = [tuple(random.choices(WORDS, k=8)) for _ in range(8)]
        told = [
            heard(mine, mine if not place else tuple(random.choices(WORDS, k=8)), id=str(place))
            for place, mine in enumerate(own)
        ]
        accused += bool(strangers(told))
    assert accused == 0
