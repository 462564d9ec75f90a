"""The state of the billing run: requests and answers, grouped by the balances around them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from echosounder import specs
from echosounder.judgement.bill import Role
from echosounder.load.client.call import Job
from echosounder.load.experiment.script import Book, Outcome, Script, Stopped
from echosounder.load.pricing.account import Accountant
from echosounder.load.pricing.hang_ups import HangUps
from echosounder.load.pricing.ledger import Charge, Entry
from echosounder.load.pricing.oracle import Scale, Scope, ServedPrompt
from echosounder.load.pricing.prompts import Prompt, PromptJobs, returned
from echosounder.load.pricing.tariff import Tariff
from echosounder.wire import outside
from echosounder.wire.prices import Rated
from echosounder.wire.usage import Usage

SKEW = timedelta(minutes=1)  # difference of two clocks from which prices may differ
CHANGE = 5.0  # s before a price change in which nothing is sent, because the applicable price would be unclear
MARGIN, GRACE = 1.2, 0.02  # rest before a hit: multiple of the observed storing time, plus s
OUTPUT = 8  # length of answers whose text does not matter, in tokens


@dataclass(frozen=True, slots=True)
class BillGoal:
    """``bulk``: requests of the last group, ``together`` of them at a time. ``patience``: s to wait for a charge to be settled.
    ``pairs``: cold and warm prompts whose times to first token are compared. ``users``: two names for ``user_id``. ``seconds``:
    maximum duration of the run. ``salt`` makes the prompts new to every cache.
    """

    bulk: int = 40
    together: int = 16
    patience: float = 10.0
    pairs: int = 6
    latency_tokens: int = 3992
    seconds: float = 300.0
    users: tuple[str, str] = ("echosounder-a", "echosounder-b")
    salt: str = "0"


@dataclass(frozen=True, slots=True)
class BillRequest:
    """A planned request; ``name`` is for display, ``role`` states its purpose. ``keep``: store the answer, if its text
    matters and there are few of them.
    """

    name: str
    prompt: Prompt
    tokens: int = OUTPUT
    stream: bool = False
    user_id: str | None = None
    key: int = 0
    keep: bool = True
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class ServedRequest:
    """A request and its result; ``entry`` is the name of its group."""

    entry: str
    send: BillRequest
    outcome: Outcome
    usage: Usage | None
    text: str

    @property
    def name(self) -> str:
        return f"{self.entry}: {self.send.name}"

    @property
    def ttft_ms(self) -> float | None:
        sample = self.outcome.sample
        if sample is None or sample.t_first_token is None or sample.t_sent is None:
            return None
        return (sample.t_first_token - sample.t_sent) / 1e6

    @property
    def hit(self) -> int | None:
        if self.usage is None:
            return None
        return self.usage.hit if self.usage.hit is not None else self.usage.cached


@dataclass(slots=True)
class BillState:
    """The state of a run. ``settle``: s after which an answered prompt can hit, None if none ever did. ``idle``: two balances with no
    request in between. ``skew``: the target's clock minus ours. ``same_account``: whether the two keys share one.
    ``whole``: the reference answer for disconnects, read to its end; ``hung``: the cost of disconnected streams.
    """

    goal: BillGoal
    asking: PromptJobs
    tariff: Tariff
    wall: Callable[[float], datetime]
    keys: int = 1
    tell: Callable[[str], None] = lambda stage: None
    book: Book = field(default_factory=Book)
    scale: Scale = field(default_factory=lambda: Scale(64))
    answers: list[ServedRequest] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    idle: Entry | None = None
    settle: float | None = None
    same_account: bool | None = None
    skew: timedelta | None = None
    stopped: Stopped | None = None
    accountant: Accountant = field(init=False)
    entry: Entry | None = None
    whole: Entry | None = None
    hung: HangUps | None = None

    def __post_init__(self) -> None:
        self.accountant = Accountant(self.book, self.asking, self.goal.patience, self.tariff.currency)

    @property
    def clocks_agree(self) -> bool:
        return self.skew is None or abs(self.skew) <= SKEW

    def seen(self, answer: ServedRequest) -> ServedPrompt:
        """The request as input to the oracle. The target reads a prompt after it was sent and before its answer ends."""
        send, outcome = answer.send, answer.outcome
        completion = answer.usage.completion if answer.usage else None
        whole = send.prompt.then(returned(answer.text, completion)) if completion and answer.text else None
        scope = Scope(send.key if self.same_account is False else 0, send.user_id)
        return ServedPrompt(send.prompt, scope, outcome.sent, outcome.closed or outcome.answered, whole)


def open_entry(lab: BillState, name: str, *roles: Role) -> Script[None]:
    """Begin a group with this balance."""
    last = lab.entries[-1].after if lab.entries else lab.idle.after if lab.idle else None
    before = last or (yield from lab.accountant.read())
    lab.entry = Entry(name, before=before, unit=lab.accountant.unit, roles=frozenset(roles))


def close_entry(lab: BillState) -> Script[None]:
    if lab.entry is not None:
        yield from lab.accountant.settle(lab.entry)
        lab.entries.append(lab.entry)
        lab.entry = None


def send(lab: BillState, sends: Sequence[BillRequest]) -> Script[list[ServedRequest]]:
    """Send all requests at once and record each."""
    entry = lab.entry
    assert entry is not None
    yield from _steady(lab)
    asks = [lab.book.ask(job(lab, each, entry.name), key=each.key, keep=each.keep) for each in sends]
    refused = False
    try:
        yield from lab.book.ended(asks)
    except Stopped as stop:
        refused = stop.kind == "budget" and len(asks) == 1  # otherwise it was never sent
        raise
    finally:
        ended = [(each, outcome) for each, ask in zip(sends, asks, strict=True) if (outcome := _over(lab, ask.id))]
        entry.unknown += 0 if refused else len(asks) - len(ended)
        made = [_note(lab, entry, each, outcome) for each, outcome in ended]
        lab.answers += made
    return made


def one(lab: BillState, request: BillRequest) -> Script[ServedRequest]:
    [answer] = yield from send(lab, [request])
    return answer


def job(lab: BillState, send: BillRequest, name: str) -> Job:
    return lab.asking.chat(send.prompt, name, send.tokens, send.stream, send.user_id)


def _over(lab: BillState, number: int) -> Outcome | None:
    outcome = lab.book.outcomes.get(number)
    return outcome if outcome and outcome.closed is not None else None


def _steady(lab: BillState) -> Script[None]:
    """If prices are about to change, wait until they have."""
    until = lab.book.now + 2 * CHANGE
    while lab.book.now < until and _rates(lab, 0.0) != _rates(lab, CHANGE):
        yield from lab.book.wait(lab.book.now + CHANGE / 10)


def _rates(lab: BillState, later: float) -> Rated | None:
    try:
        return lab.tariff.rates(
            lab.wall(lab.book.now + later) + (timedelta() if lab.clocks_agree else lab.skew or timedelta())
        )
    except specs.UnknownPriceError:
        return None


def _note(lab: BillState, entry: Entry, send: BillRequest, outcome: Outcome) -> ServedRequest:
    usage = outcome.sample.usage if outcome.sample else None
    charge(lab, entry, send.name, outcome, usage, send.stream)
    return ServedRequest(
        entry.name, send, outcome, usage, (outcome.exchange.answer.content or "") if outcome.exchange else ""
    )


def charge(lab: BillState, entry: Entry, name: str, outcome: Outcome, usage: Usage | None, stream: bool) -> None:
    """Record the expected cost of a request. Refused requests cost nothing."""
    if outcome.status is not None and outcome.status >= 400:
        return
    if usage is None or None in (usage.prompt, usage.completion) or (usage.hit is None and usage.cached is None):
        entry.unknown += 1
        return
    when, later = lab.wall(outcome.sent), lab.wall(outcome.closed or outcome.answered)
    skew = _skew(outcome, lab.wall(outcome.answered))
    lab.skew = skew if lab.skew is None else lab.skew
    entry.charges.append(Charge(name, usage, stream, when, tuple(_legal(lab, when, later, skew or timedelta()))))


def _legal(lab: BillState, when: datetime, later: datetime, skew: timedelta) -> list[Rated]:
    """The rates that may apply: at sending and at the end, by the target's clock if it differs from ours, and by ours."""
    own = [lab.tariff.rates(when), lab.tariff.rates(later)]
    if lab.clocks_agree:
        return own
    try:
        return [lab.tariff.rates(when + skew), lab.tariff.rates(later + skew), *own]
    except specs.UnknownPriceError:  # no price is known at the target's time
        return [*own, *own]


def _skew(outcome: Outcome, when: datetime) -> timedelta | None:
    """The target's clock minus ours, from the header ``Date``; None if it is missing or invalid."""
    date = outside.date(outcome.header("date") or "")
    return None if date is None else date - when


def rest(lab: BillState) -> Script[None]:
    """Wait until the last answer can be hit; almost no wait if there were no hits."""
    yield from lab.book.wait(lab.book.now + GRACE + MARGIN * (lab.settle or 0.0))
