"""Workloads with known prefixes, as chains: each yields its next requests once its previous answers can be hit. They
send nothing themselves.
"""

from collections.abc import Generator, Iterator
from dataclasses import replace

from echosounder.judgement.bill import Role
from echosounder.load.pricing.lab import BillGoal, BillRequest, ServedRequest
from echosounder.load.pricing.prompts import Prompt, changed, cut, joined, returned, shown, system, user

DEPTHS = (88, 344, 600)
LENGTHS = (24, 88, 152, 216, 344, 472, 600, 856)
BASE = 984  # tokens; lengths are 24 or 88 above a multiple of 128, so that one template token more or less changes no expectation
SHORT = 24
ROUNDS = 3
FEW = 4

Chain = Generator[list[BillRequest], list[ServedRequest], None]
"""Yields requests that are sent sequentially, and receives their answers once these can be hit."""


def chains(goal: BillGoal, users: bool) -> Iterator[tuple[str, Chain]]:
    """All chains, by name. ``users``: the API distinguishes users of an account."""
    salt = goal.salt
    for stream in (False, True):
        kind = "stream" if stream else "document"
        yield kind, repeated(BillRequest("prompt", Prompt((user(BASE, f"{salt} {kind}"),)), stream=stream))
    yield "twins", twins(salt)
    yield "shared beginnings", growing(salt)
    yield "long text", long_text(salt)
    yield "conversation", conversation(salt)
    yield "few shots", few_shots(salt)
    if users:
        yield "two users", two_users(salt, *goal.users)
    yield "first tokens", first_tokens(salt, goal.pairs, goal.latency_tokens)


def repeated(request: BillRequest) -> Chain:
    """A cold request, then a warm one, each between two balances."""
    yield [replace(request, name="cold")]
    yield [replace(request, name="warm")]


def twins(salt: str) -> Chain:
    """The same prompt non-streaming and streaming: one usage, one price. Both are warm because of an earlier request."""
    prompt = Prompt((user(344, f"{salt} twins"),))
    yield [BillRequest("before", prompt, tokens=16)]
    yield [BillRequest("twin", prompt, tokens=16, stream=stream) for stream in (False, True, False, True)]


def growing(salt: str) -> Chain:
    """Prompts that share a growing prefix with a stored one; then one word is changed at known depths."""
    base = user(BASE, f"{salt} growing")
    yield [BillRequest("base", Prompt((base,)))]
    tails = [(length, user(40, f"{salt} tail {length}")) for length in LENGTHS]
    shared = [BillRequest(f"{length} shared", Prompt((joined(cut(base, length), tail),))) for length, tail in tails]
    other = [BillRequest(f"changed at {depth}", Prompt((changed(base, depth),))) for depth in (0, *DEPTHS)]
    yield [*shared, *other, BillRequest("base again", Prompt((base,)))]


def long_text(salt: str) -> Chain:
    """The documentation's example: one long text, followed by several questions in turn. By the rules of V4 the third one hits."""
    head, report = system(24, f"{salt} analyst"), user(856, f"{salt} report")
    for question, role in (("B", None), ("C", None), ("D", Role.THIRD)):
        asked = joined(report, user(24, f"{salt} question {question}"))
        yield [BillRequest(question, Prompt((head, asked)), role=role)]


def conversation(salt: str) -> Chain:
    """A conversation in which each round repeats all previous ones, answers included. Rounds have 64 tokens, and none
    ends near a multiple of the unit.
    """
    prompt = Prompt((system(88, f"{salt} guide"), user(240, f"{salt} round 0")))
    for number in range(1, ROUNDS + 1):
        [answer] = yield [BillRequest(f"round {number}", prompt, tokens=24)]
        reply = returned(answer.text, (answer.usage.completion if answer.usage else None) or 0)
        prompt = prompt.then(reply, user(40, f"{salt} round {number}"))


def few_shots(salt: str) -> Chain:
    """A system message and four questions with their answers; only the last question changes."""
    shots = [system(88, f"{salt} teacher")]
    for number in range(FEW):
        shots += [user(64, f"{salt} shot {number}"), shown(64, f"{salt} answer {number}")]
    for number in range(3):
        yield [BillRequest(f"question {number}", Prompt((*shots, user(SHORT, f"{salt} last {number}"))))]


def two_users(salt: str, first: str, second: str) -> Chain:
    """One prompt for two users and without a user: the cache of one must not serve the other."""
    prompt = Prompt((user(600, f"{salt} users"),))
    yield [BillRequest("first user", prompt, user_id=first)]
    yield [BillRequest("first user again", prompt, user_id=first), BillRequest("second user", prompt, user_id=second)]
    yield [BillRequest("second user again", prompt, user_id=second), BillRequest("no user", prompt)]


def first_tokens(salt: str, pairs: int, tokens: int) -> Chain:
    """Long prompts, sent twice each: does a cache hit reduce the time to first token?"""
    prompts = [Prompt((user(tokens, f"{salt} first token {number}"),)) for number in range(pairs)]
    for name in ("cold", "warm"):
        yield [BillRequest(name, prompt, tokens=2, stream=True, role=Role.TIMED) for prompt in prompts]
