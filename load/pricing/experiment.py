"""The billing experiment as a script: the requests in order, and the balances around them."""

from dataclasses import dataclass, replace

from echosounder.judgement.bill import Role
from echosounder.load.experiment.script import Script, Stopped
from echosounder.load.pricing.chains import BASE, SHORT, Chain, chains
from echosounder.load.pricing.hanging_up import hang_up, read_whole
from echosounder.load.pricing.lab import (
    OUTPUT,
    BillRequest,
    BillState,
    ServedRequest,
    charge,
    close_entry,
    one,
    open_entry,
    rest,
    send,
)
from echosounder.load.pricing.ledger import Entry
from echosounder.load.pricing.oracle import Scale
from echosounder.load.pricing.prompts import Message, Prompt, joined, user
from echosounder.wire.errors import CannotJudge

SETTLE_WAITS = (0.0, 0.1, 0.3, 0.7, 1.5, 3.0, 6.0)  # s between repetitions until the first hit
ROUGH = 0.1  # relative error of token counts if a word is not one token


def experiment(lab: BillState) -> Script[BillState]:
    """All steps in order of importance; if stopped, the lab holds the results so far."""
    try:
        for phase in (_idle, _settling, _chains, _keys, _fim, _bulk, read_whole, _kept):
            yield from phase(lab)
        lab.tell("balance")
        yield from lab.accountant.settle_all(lab.entries, lab.goal.patience)
        yield from hang_up(lab)
    except Stopped as stop:
        lab.stopped = stop
        if stop.kind == "budget":
            yield from _last_balance(lab)
        if lab.entry is not None:
            lab.entries.append(lab.entry)
    return lab


def _last_balance(lab: BillState) -> Script[None]:
    """Read the balance, which is free, so that the cost of a run without remaining budget is known too."""
    try:
        yield from close_entry(lab)
    except Stopped as stop:
        lab.stopped = stop


def _idle(lab: BillState) -> Script[None]:
    """Check whether the balance changes without requests of ours."""
    lab.tell("balance")
    before = yield from lab.accountant.read()
    if before is None:
        return
    yield from lab.book.wait(lab.book.now + 0.3)
    after = yield from lab.accountant.read()
    lab.idle = Entry("idle", [], before, after, unit=lab.accountant.unit)


def _settling(lab: BillState) -> Script[None]:
    """Measure how the target counts our words, and the time until a prompt is stored, by repeating it until it hits."""
    lab.tell("settle time")
    yield from open_entry(lab, "settling")
    prompt = _first(lab)
    first = yield from one(lab, BillRequest("first", prompt))
    if first.outcome.status != 200:
        raise CannotJudge(f"a plain request is {_said(first)}, so there is no bill to verify")
    short = yield from one(lab, BillRequest("short", Prompt((user(SHORT, f"{lab.goal.salt} short"),))))
    lab.scale = measured(lab.scale, first, short)
    stored = first.outcome.closed or lab.book.now
    for wait in SETTLE_WAITS:
        yield from lab.book.wait(lab.book.now + wait)
        again = yield from one(lab, BillRequest("again", prompt))
        if again.hit:
            lab.settle = max(again.outcome.sent - stored, 0.0)
            lab.scale = replace(lab.scale, settle=lab.settle)
            break
    yield from close_entry(lab)


def _first(lab: BillState) -> Prompt:
    return Prompt((user(BASE, f"{lab.goal.salt} settling"),))


def _said(answer: ServedRequest) -> str:
    sample, status = answer.outcome.sample, answer.outcome.status
    said = (sample.error or sample.failure) if sample else ""
    return f"answered with {status}: {said}" if status else f"not answered ({said})"


def measured(scale: Scale, long: ServedRequest, short: ServedRequest) -> Scale:
    """Measure two prompts of known length: tokens per word, and the overhead of the template. Approximate if a word is not one token."""
    counts = [answer.usage.prompt if answer.usage else None for answer in (long, short)]
    if counts[0] is None or counts[1] is None:
        return scale
    per_word = (counts[0] - counts[1]) / (long.send.prompt.size - short.send.prompt.size)
    if per_word == 1:
        return replace(scale, overhead=max(counts[1] - short.send.prompt.size, 0))
    margin = round(ROUGH * counts[1]) + scale.unit
    bounds = (max(per_word * (1 - ROUGH), 0.0), per_word * (1 + ROUGH))
    return replace(scale, overhead=max(counts[1] - round(per_word * SHORT), 0) + margin, per_word=bounds)


@dataclass(slots=True)
class ActiveChain:
    """A chain in progress: the requests of its next link."""

    name: str
    chain: Chain
    sends: list[BillRequest]
    number: int = 1

    def goes_on(self, answers: list[ServedRequest]) -> bool:
        try:
            self.sends, self.number = self.chain.send(answers), self.number + 1
        except StopIteration:
            return False
        return True


def _chains(lab: BillState) -> Script[None]:
    """Run all chains in parallel, link by link, so that they share the rests between links."""
    users = lab.asking.limits.user_id_max is not None
    live = [ActiveChain(name, chain, next(chain)) for name, chain in chains(lab.goal, users)]
    while live:
        going = []
        for running in live:
            lab.tell(running.name)
            if running.goes_on((yield from _link(lab, running))):
                going.append(running)
        live = going
        if live:
            yield from rest(lab)


def _link(lab: BillState, running: ActiveChain) -> Script[list[ServedRequest]]:
    yield from open_entry(lab, f"{running.name} {running.number}")
    answers = []
    for each in running.sends:
        answers.append((yield from one(lab, each)))
    yield from close_entry(lab)
    return answers


def _keys(lab: BillState) -> Script[None]:
    """Test two keys: whether they share an account and, if not, whether they share a cache."""
    if lab.keys < 2:
        return
    lab.tell("two keys")
    other = yield from lab.accountant.read(key=1)
    prompt = Prompt((user(600, f"{lab.goal.salt} keys"),))
    yield from open_entry(lab, "first key")
    yield from one(lab, BillRequest("cold", prompt))
    yield from rest(lab)
    yield from close_entry(lab)
    after = yield from lab.accountant.read(key=1)
    if other is not None and after is not None and lab.entries[-1].fell:
        lab.same_account = after.total != other.total
    yield from open_entry(lab, "second key")
    yield from one(lab, BillRequest("the same prompt", prompt, key=1))
    if lab.same_account is not True and lab.entry is not None:
        lab.entry.charges.clear()  # charged to the other account
    yield from close_entry(lab)


def _fim(lab: BillState) -> Script[None]:
    """Send a FIM request, which must cost as much as chat."""
    if not lab.asking.limits.fim:
        return
    lab.tell("fim")
    yield from open_entry(lab, "fim", Role.FIM)
    job = lab.asking.fim(user(88, f"{lab.goal.salt} fim"), "fim", OUTPUT)
    [outcome] = yield from lab.book.ended([lab.book.ask(job, keep=True)])
    assert lab.entry is not None
    charge(lab, lab.entry, "fim", outcome, outcome.sample.usage if outcome.sample else None, False)
    yield from close_entry(lab)


def _bulk(lab: BillState) -> Script[None]:
    """Send many concurrent requests of few prompt families, streaming and not, whose sum must match the balance exactly."""
    if not lab.goal.bulk:
        return
    lab.tell("many at once")
    yield from open_entry(lab, "many at once", Role.TOGETHER)
    families = [user(216, f"{lab.goal.salt} family {number}") for number in range(4)]
    for begin in range(0, lab.goal.bulk, lab.goal.together):
        numbers = range(begin, min(begin + lab.goal.together, lab.goal.bulk))
        yield from send(lab, [_of_family(lab, families[number % len(families)], number) for number in numbers])
    yield from close_entry(lab)


def _of_family(lab: BillState, family: Message, number: int) -> BillRequest:
    prompt = Prompt((joined(family, user(8 + number % 32, f"{lab.goal.salt} bulk {number}")),))
    return BillRequest(f"{number}", prompt, tokens=1 + number % OUTPUT, stream=number // 4 % 2 == 1, keep=False)


def _kept(lab: BillState) -> Script[None]:
    """Test whether the first prompt is still cached after all the others."""
    if lab.settle is not None:
        yield from open_entry(lab, "at the end")
        yield from one(lab, BillRequest("the first prompt", _first(lab)))
        yield from close_entry(lab)
