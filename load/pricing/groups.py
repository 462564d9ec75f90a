"""What is sent: groups of prompts that share known beginnings, each group between two balances."""

from collections.abc import Callable, Iterator, Sequence

from load.limits.script import Script, Stopped
from load.pricing.lab import OUTPUT, Lab, Send, charge, close_entry, one, open_entry, rest, send
from load.pricing.ledger import Entry
from load.pricing.prompts import Message, Prompt, assistant, changed, cut, joined, system, user
from wire.errors import CannotJudge

SETTLE_WAITS = (0.0, 0.1, 0.3, 0.7, 1.5, 3.0, 6.0)  # s between repetitions that look for the first hit
DEPTHS = (88, 344, 600)
LENGTHS = (24, 88, 152, 216, 344, 472, 600, 856)
BASE = 984  # tokens; lengths are 24 or 88 above a multiple of 128, so that a token of template more or less changes no expectation
ROUNDS = 3


def experiment(lab: Lab) -> Script[Lab]:
    """Every group in turn; what has been seen until it is stopped is in the lab."""
    try:
        yield from _idle(lab)
        for phase, name in PHASES:
            if phase is not _keys or lab.goal.keys > 1:
                lab.tell(name)
                lab.phase = name
                yield from phase(lab)
    except Stopped as stop:
        lab.stopped = stop
        if lab.entry is not None:
            lab.entries.append(lab.entry)
    return lab


def _idle(lab: Lab) -> Script[None]:
    """Does the balance move without us?"""
    before = yield from lab.accountant.read()
    if before is None:
        return
    yield from lab.book.wait(lab.book.now + 0.3)
    after = yield from lab.accountant.read()
    lab.idle = Entry("idle", [], before, after, unit=lab.accountant.unit)


def _settling(lab: Lab) -> Script[None]:
    """The first request says how many tokens the template adds; repeated until it hits, how long a prompt takes to be stored."""
    yield from open_entry(lab, "settling")
    prompt = Prompt((user(BASE, f"{lab.goal.salt} settling"),))
    first = yield from one(lab, Send("first", prompt, about="cold"))
    if first.outcome.status != 200:
        said = (first.outcome.sample.error or first.outcome.sample.failure) if first.outcome.sample else ""
        raise CannotJudge(
            f"a plain request is answered {first.outcome.status or said}, so there is no bill to verify: {said}"
        )
    stored = first.outcome.closed or lab.book.now
    if first.usage and first.usage.prompt:
        lab.oracle.overhead = max(first.usage.prompt - prompt.size, 0)
    for wait in SETTLE_WAITS:
        yield from lab.book.wait(lab.book.now + wait)
        again = yield from one(lab, Send("again", prompt))
        if again.hit:
            lab.settle = again.outcome.sent - stored
            break
    lab.settled = True
    yield from close_entry(lab)


def _singles(lab: Lab) -> Script[None]:
    """One request between two balances each: cold and warm, streamed and not."""
    for stream in (False, True):
        kind = "streamed" if stream else "document"
        prompt = Prompt((user(BASE, f"{lab.goal.salt} single {kind}"),))
        for name in (f"{kind}, cold", f"{kind}, warm"):
            yield from open_entry(lab, name)
            about = "cold" if "cold" in name else "repeat"
            yield from one(lab, Send(name, prompt, stream=stream, about=about))
            yield from close_entry(lab)
            yield from rest(lab)


def _twins(lab: Lab) -> Script[None]:
    """The same prompt as a document and as a stream: one usage, one price. Warm both times, by a third request before."""
    yield from open_entry(lab, "document and stream")
    prompt = Prompt((user(344, f"{lab.goal.salt} twins"),))
    yield from one(lab, Send("before", prompt, about="cold"))
    yield from rest(lab)
    for stream in (False, True, False, True):
        yield from one(lab, Send("twin", prompt, tokens=16, stream=stream, about="twin"))
        yield from rest(lab)
    yield from close_entry(lab)


def _growing(lab: Lab) -> Script[None]:
    """Prompts that share more and more with one that is stored; then one word changed at known depths."""
    yield from open_entry(lab, "shared beginnings")
    base = user(BASE, f"{lab.goal.salt} growing")
    yield from one(lab, Send("base", Prompt((base,)), about="cold"))
    yield from rest(lab)
    for length in LENGTHS:
        tail = user(40, f"{lab.goal.salt} tail {length}")
        yield from one(
            lab, Send(f"{length} shared", Prompt((joined("user", cut(base, length), tail),)), about="shared")
        )
    for depth in DEPTHS:
        yield from one(lab, Send(f"changed at {depth}", Prompt((changed(base, depth),)), about="changed"))
    yield from one(lab, Send("changed at 0", Prompt((changed(base, 0),)), about="fresh"))
    yield from one(lab, Send("base again", Prompt((base,)), about="repeat"))
    yield from close_entry(lab)


def _examples(lab: Lab) -> Script[None]:
    """The examples of the documentation: a long text with other questions, a conversation, few-shot learning."""
    yield from open_entry(lab, "official examples")
    report = (system(24, f"{lab.goal.salt} analyst"), user(856, f"{lab.goal.salt} report"))
    for question in "BCD":
        asked = joined("user", report[1], user(24, f"{lab.goal.salt} question {question}"))
        yield from one(lab, Send(f"long text, {question}", Prompt((report[0], asked)), about="example"))
        yield from rest(lab)
    prompt = Prompt((system(88, f"{lab.goal.salt} guide"), user(216, f"{lab.goal.salt} round 0")))
    for number in range(1, ROUNDS + 1):
        answer = yield from one(lab, Send(f"conversation, round {number}", prompt, tokens=24, about="example"))
        reply = assistant(answer.text, (answer.usage.completion if answer.usage else None) or 0)
        prompt = prompt.then(reply, user(40, f"{lab.goal.salt} round {number}"))
        yield from rest(lab)
    shots = list(_shots(lab.goal.salt))
    for number in range(3):
        few = Prompt((*shots, user(24, f"{lab.goal.salt} last {number}")))
        yield from one(lab, Send(f"few shots, {number}", few, about="example"))
        yield from rest(lab)
    yield from close_entry(lab)


def _shots(salt: str) -> Iterator[Message]:
    yield system(88, f"{salt} teacher")
    for number in range(4):
        yield user(64, f"{salt} shot {number}")
        words = user(64, f"{salt} answer {number}")
        yield Message("assistant", words.text, words.tokens)


def _users(lab: Lab) -> Script[None]:
    """One prompt for two users: what the first left must not be found by the second."""
    if lab.asking.limits.user_id_max is None:
        return
    yield from open_entry(lab, "two users")
    prompt = Prompt((user(600, f"{lab.goal.salt} users"),))
    first, second = lab.goal.users
    steps = ((first, "cold"), (first, "repeat"), (second, "other-user"), (second, "repeat"), (None, "other-user"))
    for user_id, about in steps:
        yield from one(lab, Send(f"{user_id or 'no user'}, {about}", prompt, user_id=user_id, about=about))
        yield from rest(lab)
    yield from close_entry(lab)


def _keys(lab: Lab) -> Script[None]:
    """Two keys: are they one account, and if they are not, do they share a cache?"""
    yield from open_entry(lab, "two keys")
    other = yield from lab.accountant.read(key=1)
    prompt = Prompt((user(600, f"{lab.goal.salt} keys"),))
    yield from one(lab, Send("key 1", prompt, about="cold"))
    yield from rest(lab)
    yield from close_entry(lab)
    after = yield from lab.accountant.read(key=1)
    if other is not None and after is not None and lab.entries[-1].fell:
        lab.same_account = after.total != other.total
    yield from open_entry(lab, "other key")
    yield from one(lab, Send("key 2", prompt, key=1, about="other-account" if lab.same_account is False else ""))
    if lab.same_account is False and lab.entry is not None:
        lab.entry.charges.clear()  # paid for by somebody else
    yield from close_entry(lab)


def _latency(lab: Lab) -> Script[None]:
    """Long prompts twice each: does a hit bring the first token sooner?"""
    yield from open_entry(lab, "first tokens")
    prompts = [
        Prompt((user(lab.goal.latency_tokens, f"{lab.goal.salt} latency {number}"),))
        for number in range(lab.goal.pairs)
    ]
    for prompt in prompts:
        yield from one(lab, Send("cold", prompt, tokens=2, stream=True, about="cold"))
    yield from rest(lab)
    for prompt in prompts:
        yield from one(lab, Send("warm", prompt, tokens=2, stream=True, about="repeat"))
    yield from close_entry(lab)


def _fim(lab: Lab) -> Script[None]:
    """FIM costs what chat costs."""
    if not lab.asking.limits.fim:
        return
    yield from open_entry(lab, "fim")
    job = lab.asking.fim(user(88, f"{lab.goal.salt} fim"), "fim", OUTPUT)
    [outcome] = yield from lab.book.ended([lab.book.ask(job, keep=True)])
    if outcome.status == 200:
        charge(lab, "fim", outcome, outcome.sample.usage if outcome.sample else None, False)
    yield from close_entry(lab)


def _bulk(lab: Lab) -> Script[None]:
    """Many at once, of few families, streamed and not: does the sum come out to the last digit?"""
    if not lab.goal.bulk:
        return
    yield from open_entry(lab, "many at once")
    families = [user(216, f"{lab.goal.salt} family {number}") for number in range(4)]
    for begin in range(0, lab.goal.bulk, lab.goal.together):
        sends = [
            _of_family(lab, families, number) for number in range(begin, min(begin + lab.goal.together, lab.goal.bulk))
        ]
        yield from send(lab, sends, ready=False)
    yield from close_entry(lab)


def _of_family(lab: Lab, families: Sequence[Message], number: int) -> Send:
    tail = user(8 + number % 32, f"{lab.goal.salt} bulk {number}")
    prompt = Prompt((joined("user", families[number % len(families)], tail),))
    return Send(f"{number}", prompt, tokens=1 + number % OUTPUT, stream=number % 2 == 1)


PHASES: tuple[tuple[Callable[[Lab], Script[None]], str], ...] = (
    (_settling, "settling"),
    (_singles, "single requests"),
    (_twins, "document and stream"),
    (_growing, "shared beginnings"),
    (_examples, "official examples"),
    (_users, "two users"),
    (_keys, "two keys"),
    (_latency, "first tokens"),
    (_fim, "fim"),
    (_bulk, "many at once"),
)
