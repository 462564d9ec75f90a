"""Rules for an answer and its usage, shared by checks and bills.

A check makes one of each exchange (:mod:`judgement.checks.usage`, :mod:`judgement.checks.cache`), an experiment of each request
(:mod:`load.pricing`), which may have kept no exchange. How many tokens of a prompt can have been in the cache is for an oracle to
say, and each has its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from echosounder.judgement.check import HasId, Inconclusive, Problem, Problems
from echosounder.specs import Grammar
from echosounder.wire.usage import Usage, disagreements, written

NO_HITS = "no tokens hit the cache"
FEWEST_REPEATS = 2
"""Caching is best effort: that one repetition misses says nothing."""


@dataclass(frozen=True, slots=True)
class Known:
    """An oracle's knowledge of a prompt, in tokens. ``most``: the maximum that an earlier prompt explains. ``new``: no earlier one
    shares its prefix. ``again``: all of it was sent before, long enough ago. ``own``: the part sent by the same user, ``account``:
    by all users.
    """

    most: int = 0
    new: bool = False
    again: bool = False
    own: int = 0
    account: int = 0


@dataclass(frozen=True, slots=True)
class Metered:
    """Usage of one answer with the context for its rules. ``source``: its exchange or request; ``grammar``: names of the counts in its
    format; ``finish``: its finish reason; ``bound``: maximum output, tokens; ``prompt``: equal for equal prompts; ``event``: index
    of the event with the usage in a stream; ``name``: label in messages if no exchange was kept.
    """

    source: HasId
    usage: Usage
    grammar: Grammar
    finish: str | None = None
    bound: int | None = None
    streamed: bool = False
    prompt: Hashable = None
    event: int | None = None
    known: Known = Known()
    name: str = ""

    @property
    def hit(self) -> int:
        """Hit tokens from the API's own member, else from OpenAI's."""
        return self.usage.hit if self.usage.hit is not None else self.usage.cached or 0

    def at(self, count: str) -> str:
        """Place of the count of this name in the answer, as a JSON pointer."""
        return written((*self.grammar.usage, *self.grammar.counts.get(count, ())))

    def wrong(self, message: str, pointer: str, cause: str = "") -> Problem:
        message = f"{self.name}: {message}" if self.name else message
        return Problem(message, event=self.event, pointer=pointer, cause=cause, exchange=self.source)


# ------------------------------------------------------------------------------------------------------ of one answer


def sums(each: Metered, count: str) -> Iterator[Problem]:
    """Errors in the arithmetic of the *count* of this name."""
    pointer = written(each.grammar.counts.get(count, ()))
    for where, sentence in disagreements(each.usage, each.grammar.counts):
        if where == pointer and "negative" not in sentence:
            yield each.wrong(sentence, f"/usage{where}", "usage does not add up")


def cache_split(each: Metered) -> Problems:
    for name in ("hit", "miss"):
        if name in each.grammar.counts and getattr(each.usage, name) is None:
            yield each.wrong(f"usage has no {each.grammar.counts[name][-1]}", "/usage", "no cache split in usage")
    yield from sums(each, "prompt")


def cached_agree(each: Metered) -> Problems:
    if each.usage.cached is None or each.usage.hit is None:
        raise Inconclusive("usage has only one count of the cached tokens")
    yield from sums(each, "cached")


def completion_counted(each: Metered) -> Problems:
    counted = each.usage.completion
    if each.grammar.meaning(each.finish) != "bounded" or counted is None or each.bound is None:
        raise Inconclusive("no answer that counts its tokens was cut by a bound of the request")
    if counted != each.bound:
        says = f"{each.grammar.counts['completion'][-1]} is {counted}, expected {each.grammar.bound} {each.bound}, which cut the answer"
        yield each.wrong(says, each.at("completion"))


TEMPLATE = 64
"""Tokens: what a server puts before every prompt was sent before, whoever asks. It is shorter than a unit of DeepSeek's cache."""


def first_misses(each: Metered) -> Problems:
    if not each.known.new:
        raise Inconclusive("every prompt begins like an earlier one")
    if each.hit >= TEMPLATE:
        yield each.wrong(f"{each.hit} tokens hit, expected 0: the prompt was not sent before", each.at("hit"))


def in_units(each: Metered, unit: int | None) -> Problems:
    if not each.hit:
        raise Inconclusive(NO_HITS)
    if unit and each.hit % unit:
        yield each.wrong(f"{each.hit} tokens hit, expected a multiple of {unit}", each.at("hit"))


# ----------------------------------------------------------------------------------------------------- of all of them


def modes_agree(answers: Sequence[Metered]) -> Problems:
    counted = [each for each in answers if each.usage.prompt is not None]
    groups = [group for group in _of_one_prompt(counted) if {each.streamed for each in group} == {False, True}]
    if not groups:
        raise Inconclusive("one of the two modes reported no usage")
    for group in groups:
        expected = next(each for each in group if not each.streamed).usage.prompt
        for each in group:
            if each.streamed and each.usage.prompt != expected:
                yield each.wrong(
                    f"{each.grammar.counts['prompt'][-1]} is {each.usage.prompt} in the stream, expected "
                    f"{expected} as in the non-streaming response",
                    each.at("prompt"),
                )


def repeatable(answers: Sequence[Metered]) -> Problems:
    counted = [each for each in answers if each.usage.prompt is not None]
    repeats = [pair for group in _of_one_prompt(counted) for pair in pairwise(group)]
    if not repeats:
        raise Inconclusive("no request was answered twice")
    for first, second in repeats:
        if first.usage.prompt != second.usage.prompt:
            says = f"the same prompt counts {second.usage.prompt} tokens, expected {first.usage.prompt} as before"
            yield second.wrong(says, second.at("prompt"))


def _of_one_prompt(answers: Sequence[Metered]) -> list[list[Metered]]:
    groups: dict[Hashable, list[Metered]] = {}
    for each in answers:
        groups.setdefault(each.prompt, []).append(each)
    return list(groups.values())


def hits_within_prefix(answers: Sequence[Metered]) -> Problems:
    if not any(each.hit for each in answers):
        raise Inconclusive(NO_HITS)
    for each in answers:
        if each.hit > each.known.most:
            says = f"{each.hit} tokens hit, expected at most {each.known.most}, the longest beginning shared with an earlier request"
            yield each.wrong(says, each.at("hit"))


def repeat_hits(answers: Sequence[Metered]) -> Problems:
    repeats = [each for each in answers if each.known.again]
    if any(each.hit for each in repeats):
        return
    if len(repeats) < FEWEST_REPEATS:
        raise Inconclusive(f"{len(repeats)} repetitions reported a split, {FEWEST_REPEATS} are needed")
    says = f"none of {len(repeats)} repetitions of a prompt of {repeats[0].usage.prompt} tokens hit the cache, expected at least one"
    yield repeats[-1].wrong(says, repeats[-1].at("hit"))


def users_isolated(answers: Sequence[Metered]) -> Problems:
    """A hit beyond the part explained by the user's own prompts, on prompts of others, if the first user's prompt was cached at all."""
    others = [each for each in answers if each.known.account > each.known.own]
    if not others or not any(each.hit for each in answers if each.known.again):
        raise Inconclusive("the prompt of the first user was not cached")
    for each in others:
        if each.known.own < each.hit <= each.known.account:
            yield each.wrong(
                f"{each.hit} tokens hit the prompt of another user, expected 0: prompts leak between users",
                each.at("hit"),
            )
