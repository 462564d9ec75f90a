"""The rules that a check and a bill share, on answers made by hand."""

from dataclasses import dataclass, replace

import msgspec
import pytest

from echosounder.judgement import metered as rules
from echosounder.judgement.check import Inconclusive
from echosounder.judgement.metered import Known, Metered
from echosounder.wire.formats import CHAT
from echosounder.wire.usage import Usage


@dataclass(frozen=True)
class Source:
    id: str = "1"


HIT, PROMPT = "/usage/prompt_cache_hit_tokens", "/usage/prompt_tokens"
FINE = Usage(100, 8, 108, hit=64, miss=36, cached=64)
ANSWER = Metered(
    Source(), FINE, CHAT.grammar, "length", 8, prompt="p", known=Known(most=64, again=True, own=64, account=64)
)
NEW = replace(
    ANSWER,
    usage=msgspec.structs.replace(FINE, hit=0, miss=100, cached=0),
    prompt="n",
    known=Known(most=4, new=True, own=4, account=4),
)
OTHERS = replace(NEW, known=Known(most=64, own=4, account=64))


def but(answer=ANSWER, streamed=None, **counts):
    answer = replace(answer, usage=msgspec.structs.replace(answer.usage, **counts))
    return answer if streamed is None else replace(answer, streamed=streamed)


def one(rule, *rest):
    return lambda answers: [problem for each in answers for problem in rule(each, *rest)]


units = one(rules.in_units, 64)
TABLE = [
    ("split", one(rules.cache_split), [ANSWER], []),
    ("no split", one(rules.cache_split), [but(hit=None)], ["/usage"]),
    ("split that does not add up", one(rules.cache_split), [but(miss=35)], ["/usage/prompt_tokens"]),
    ("counted twice", one(rules.cached_agree), [ANSWER], []),
    ("counted twice, differently", one(rules.cached_agree), [but(cached=63)], ["/usage/prompt_tokens_details/cached_tokens"]),
    ("counted once", one(rules.cached_agree), [but(cached=None)], None),
    ("cut", one(rules.completion_counted), [ANSWER], []),
    ("cut at another length", one(rules.completion_counted), [but(completion=9)], ["/usage/completion_tokens"]),
    ("not cut", one(rules.completion_counted), [replace(ANSWER, finish="stop")], None),
    ("modes", rules.modes_agree, [ANSWER, but(streamed=True)], []),
    ("modes differ", rules.modes_agree, [but(streamed=True, prompt=99), ANSWER], [PROMPT]),
    ("modes of two prompts", rules.modes_agree, [NEW, but(streamed=True)], None),
    ("modes differ in what is cached", rules.modes_agree, [ANSWER, but(streamed=True, hit=0)], []),
    ("repeated", rules.repeatable, [ANSWER, NEW, ANSWER], []),
    ("repeated, dearer", rules.repeatable, [ANSWER, NEW, but(prompt=101), but(prompt=101)], [PROMPT]),
    ("never repeated", rules.repeatable, [ANSWER, NEW], None),
    ("within the prefix", rules.hits_within_prefix, [ANSWER, NEW], []),
    ("one beyond the prefix", rules.hits_within_prefix, [but(hit=65)], [HIT]),
    ("no hits at all", rules.hits_within_prefix, [NEW], None),
    ("new", one(rules.first_misses), [NEW], []),
    ("new, but for the template", one(rules.first_misses), [but(NEW, hit=63)], []),
    ("new, but hits", one(rules.first_misses), [but(NEW, hit=64)], [HIT]),
    ("not new", one(rules.first_misses), [ANSWER], None),
    ("whole units", units, [ANSWER], []),
    ("not whole units", units, [but(hit=63)], [HIT]),
    ("nothing in units", units, [NEW], None),
    ("unit unknown", one(rules.in_units, None), [but(hit=63)], []),
    ("a repetition hits", rules.repeat_hits, [but(hit=0), ANSWER, NEW], []),
    ("one repetition misses", rules.repeat_hits, [but(hit=0), NEW], None),
    ("all repetitions miss", rules.repeat_hits, [but(hit=0), NEW, but(hit=0)], [HIT]),
    ("apart", rules.users_isolated, [ANSWER, OTHERS], []),
    ("leaked", rules.users_isolated, [ANSWER, but(OTHERS, hit=64)], [HIT]),
    ("leaked as much as the user had", rules.users_isolated, [ANSWER, but(OTHERS, hit=4)], []),
    ("from another account", rules.users_isolated, [ANSWER, but(OTHERS, hit=65)], []),
    ("the first user never hit", rules.users_isolated, [but(hit=0), but(OTHERS, hit=64)], None),
    ("one user alone", rules.users_isolated, [ANSWER], None),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "answers", "pointers"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_a_rule_finds_or_that_it_had_no_occasion(rule, answers, pointers):
    if pointers is None:
        with pytest.raises(Inconclusive):
            list(rule(answers))
    else:
        assert [problem.pointer for problem in rule(answers)] == pointers


def test_a_name_stands_before_the_sentence_and_the_source_is_kept():
    (problem,) = rules.cache_split(replace(but(miss=35), name="long text 3: D"))
    assert (
        problem.message
        == "long text 3: D: prompt_tokens is 100, but prompt_cache_hit_tokens + prompt_cache_miss_tokens is 64 + 35 = 99"
    )
    assert problem.exchange == Source()


def test_hits_are_read_from_either_member():
    assert [but(hit=hit, cached=cached).hit for hit, cached in ((1, 2), (None, 2), (None, None))] == [1, 2, 0]
