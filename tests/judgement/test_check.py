"""A check over several exchanges: what one of them cannot show, another may."""

import pytest

from echosounder.judgement.check import CannotSay, Inconclusive, Problem, Untestable, _each
from echosounder.wire.exchange import Exchange, Request


def exchange(id):
    return Exchange(id, "test", Request("GET", "/", "http://h/"))


def judging(**outcomes):
    """A judge that yields or raises what *outcomes* has for the id of an exchange."""

    def judge(each, case):
        found = outcomes[each.id]
        if isinstance(found, CannotSay):
            raise found
        yield from found

    return lambda *ids: list(_each(judge, [exchange(id) for id in ids], None))


def test_one_exchange_that_can_be_judged_is_enough():
    judge = judging(cut=Inconclusive("cut"), fine=(), wrong=(Problem("wrong"),), lacking=Untestable("no end"))
    assert judge("cut", "fine") == []
    assert [problem.message for problem in judge("cut", "wrong", "cut")] == ["wrong"]
    with pytest.raises(Untestable, match="no end"):
        judge("cut", "lacking")
    with pytest.raises(Inconclusive, match="cut"):
        judge("lacking", "cut")
