"""Where a check can judge no exchange at all: whose doing that is decides the verdict, and only what failed to serve excuses."""

import pytest

from echosounder import specs
from echosounder.judgement.check import Case, Check, Subject
from echosounder.judgement.score import judge
from echosounder.wire.exchange import Exchange, Request

ROW = specs.requirement("chat.object")
CASE = Case(Subject("2026-08", "deepseek-v4-flash"))


def answered(*statuses):
    request = Request("POST", "/chat/completions", "http://h/chat/completions")
    return [Exchange(str(at), "chat.basic", request, status=status) for at, status in enumerate(statuses)]


@pytest.mark.parametrize(
    ("statuses", "verdict", "note"),
    [
        ([429], "inconclusive", "not served: 1 of chat.basic got status 429"),
        ([503], "inconclusive", "not served: 1 of chat.basic got status 503"),
        ([402], "inconclusive", "not served: 1 of chat.basic got status 402"),
        ([402, 429, 503], "inconclusive", "not served: 1 of chat.basic got status 402"),
        ([503, 500], "untestable", "nothing to judge: 1 of chat.basic got status 503"),
        ([500], "untestable", "nothing to judge: 1 of chat.basic got status 500"),
        ([502], "untestable", "nothing to judge: 1 of chat.basic got status 502"),
        ([200], "untestable", "nothing to judge: 1 of chat.basic got status 200"),
    ],
)
def test_want_of_room_or_money_excuses_and_a_failure_does_not(statuses, verdict, note):
    nothing = Check(ROW.id, lambda exchange: False, lambda exchanges, case: iter(()))
    result = judge(ROW, nothing, answered(*statuses), CASE)
    assert result.verdict == verdict
    assert result.note.startswith(note)
