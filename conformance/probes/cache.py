"""The context cache, as far as single requests show it. That a repeat hits is best effort: never more than a hint."""

from __future__ import annotations

from echosounder.conformance.ask import Ask
from echosounder.conformance.probe import Steps, probe
from echosounder.judgement.setting import Suite

# English prose whose length is known to nobody but the tokenizer; long enough for units of 64 and of 128 tokens.
LONG = " ".join(
    f"Paragraph {number}: the keeper wrote the wind, the tide and the ships of day {number} into the log of the lighthouse."
    for number in range(1, 41)
)


def salted(ask: Ask, name: str) -> str:
    """The long text with a beginning that is unique to this run, so no part of it is cached yet."""
    return f"Log {ask.salt}-{name}. {LONG}"


@probe("cache.repeat", requests=3, prompt=18000, tokens=12, features={"cache"})
def repeat(ask: Ask) -> Steps:
    """A long prompt that has not been sent before, three times."""
    prompt = f"{salted(ask, 'repeat')}\nHow many paragraphs are there?"
    for step in ("first", "second", "third"):
        yield ask.chat(prompt, max_tokens=4, step=step).but(after_a_while=step != "first")


@probe("cache.prefix", requests=3, prompt=18000, tokens=12, features={"cache"})
def prefix(ask: Ask) -> Steps:
    """A conversation and its continuation: the second request begins with the whole first one."""
    first = [{"role": "system", "content": salted(ask, "prefix")}, {"role": "user", "content": "Who wrote the log?"}]
    answer = {"role": "assistant", "content": "The keeper wrote it."}
    yield ask.chat(first, max_tokens=4, step="first")
    yield ask.chat(
        [*first, answer, {"role": "user", "content": "Where? Name the building, please."}], max_tokens=4, step="second"
    ).but(after_a_while=True)
    changed = [{"role": "system", "content": f"Other {first[0]['content']}"}, *first[1:]]
    yield ask.chat(changed, max_tokens=4, step="changed")


@probe(
    "cache.user-id",
    Suite.THOROUGH,
    requests=3,
    prompt=18000,
    tokens=12,
    features={"cache"},
    applies=lambda ask: ask.limits.user_id_max is not None,
)
def user_id(ask: Ask) -> Steps:
    """One long prompt for two users."""
    prompt = f"{salted(ask, 'user')}\nWho wrote the log?"
    yield ask.chat(prompt, max_tokens=4, user_id="ada", step="ada")
    yield ask.chat(prompt, max_tokens=4, user_id="ada", step="ada-again").but(after_a_while=True)
    yield ask.chat(prompt, max_tokens=4, user_id="grace", step="grace")
