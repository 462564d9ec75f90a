"""The bench of the pricing run: one request at a time, noted with what the cache oracle expected of it, and groups between two balances."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from load.limits.script import Ask, Book, Outcome, Script, Stopped
from load.pricing.ledger import Accountant, Charge, Entry, Pricing
from load.pricing.oracle import Expectation, Oracle, Scope, Seen
from load.pricing.prompts import Asking, Prompt, assistant
from wire.exchange import Exchange
from wire.strict_json import at
from wire.usage import Usage

SKEW = timedelta(minutes=1)  # between two clocks, from which prices may differ
OUTPUT = 8  # tokens of an answer where its text does not matter


@dataclass(frozen=True, slots=True)
class Goal:
    """``bulk``: requests of the last group, ``together`` of them at once. ``patience``: s to wait for a charge to be settled.
    ``pairs``: cold and warm requests whose first tokens are compared. ``users`` two names for ``user_id``."""

    bulk: int = 40
    together: int = 16
    patience: float = 10.0
    pairs: int = 6
    latency_tokens: int = 3992
    seconds: float = 300.0
    requests: int = 400
    keys: int = 1
    users: tuple[str, str] = ("echosounder-a", "echosounder-b")
    salt: str = "0"


@dataclass(frozen=True, slots=True)
class Answer:
    """One request and what it came to. ``ready``: earlier prompts had been stored long enough to be hit."""

    phase: str
    name: str
    prompt: Prompt
    scope: Scope
    stream: bool
    tokens: int
    expected: Expectation
    outcome: Outcome
    usage: Usage | None
    text: str
    ready: bool = True
    about: str = ""

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
class Lab:
    """The state of a run. ``settle``: s after which what was sent can be hit, None where nothing ever was."""

    goal: Goal
    asking: Asking
    rates: Pricing
    wall: Callable[[float], datetime]
    tell: Callable[[str], None] = lambda stage: None
    book: Book = field(default_factory=Book)
    oracle: Oracle = field(default_factory=lambda: Oracle(64))
    answers: list[Answer] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    idle: Entry | None = None  # two balances with nothing between them
    settle: float | None = None
    settled: bool = False
    same_account: bool | None = None
    skew: timedelta | None = None
    stopped: Stopped | None = None
    accountant: Accountant = field(init=False)
    entry: Entry | None = None
    phase: str = ""

    def __post_init__(self) -> None:
        self.accountant = Accountant(self.book, self.asking, self.goal.patience)

    def scope(self, key: int = 0, user_id: str | None = None) -> Scope:
        return Scope(key if self.same_account is False else 0, user_id)


def open_entry(lab: Lab, name: str) -> Script[None]:
    """Begin a group: from this balance on."""
    last = lab.entries[-1].after if lab.entries else lab.idle.after if lab.idle else None
    if last is None:
        last = yield from lab.accountant.read()
    lab.entry = Entry(name, before=last, unit=lab.accountant.unit)


def close_entry(lab: Lab) -> Script[None]:
    assert lab.entry is not None
    yield from lab.accountant.settle(lab.entry)
    lab.entries.append(lab.entry)
    lab.entry = None


@dataclass(frozen=True, slots=True)
class Send:
    """A request to be: everything but its number and time."""

    name: str
    prompt: Prompt
    tokens: int = OUTPUT
    stream: bool = False
    user_id: str | None = None
    key: int = 0
    about: str = ""  # what it is to show


def send(lab: Lab, sends: Sequence[Send], ready: bool = True) -> Script[list[Answer]]:
    """Send all at once and take note of each; what they expect is what was known before any of them."""
    asks: list[tuple[Send, Ask, Expectation]] = []
    for send in sends:
        job = lab.asking.chat(send.prompt, lab.phase, send.tokens, send.stream, send.user_id)
        ask = lab.book.ask(job, key=send.key, keep=True)
        asks.append((send, ask, lab.oracle.expect(send.prompt, lab.scope(send.key, send.user_id))))
    yield from lab.book.ended([ask for _, ask, _ in asks])
    made = [_note(lab, send, lab.book.outcomes[ask.id], expected, ready) for send, ask, expected in asks]
    lab.answers += made
    return made


def one(lab: Lab, request: Send, ready: bool = True) -> Script[Answer]:
    [answer] = yield from send(lab, [request], ready)
    return answer


def _note(lab: Lab, send: Send, outcome: Outcome, expected: Expectation, ready: bool) -> Answer:
    scope = lab.scope(send.key, send.user_id)
    usage = outcome.sample.usage if outcome.sample else None
    text = _text(outcome.exchange) if outcome.exchange else ""
    if outcome.status == 200:
        charge(lab, lab.phase, outcome, usage, send.stream)
        output = send.prompt.then(assistant(text, usage.completion)) if usage and usage.completion and text else None
        lab.oracle.learn(
            send.prompt, scope, Seen(send.prompt, (usage.prompt if usage else None) or send.prompt.size, output)
        )
    ready = ready and lab.settled
    return Answer(
        lab.phase,
        send.name,
        send.prompt,
        scope,
        send.stream,
        send.tokens,
        expected,
        outcome,
        usage,
        text,
        ready,
        send.about,
    )


def charge(lab: Lab, name: str, outcome: Outcome, usage: Usage | None, stream: bool) -> None:
    assert lab.entry is not None
    if usage is None or usage.prompt is None or usage.completion is None:
        lab.entry.unknown += 1
        return
    when, later = lab.wall(outcome.sent), lab.wall(outcome.closed or outcome.answered)
    lab.skew = _skew(outcome, when) if lab.skew is None else lab.skew
    theirs = lab.rates(when + lab.skew) if lab.skew and abs(lab.skew) > SKEW else None
    lab.entry.charges.append(Charge(name, usage, stream, when, lab.rates(when), lab.rates(later), theirs))


def _skew(outcome: Outcome, when: datetime) -> timedelta | None:
    """The target's clock minus ours, by the ``created`` of an answer; None where it says nothing."""
    exchange = outcome.exchange
    body = (
        exchange.json
        if exchange and not exchange.streamed
        else exchange.chunks[0][1]
        if exchange and exchange.chunks
        else None
    )
    created = at(body, "created")
    return datetime.fromtimestamp(created, UTC) - when if isinstance(created, int) and 0 < created < 1 << 34 else None


def _text(exchange: Exchange) -> str:
    """The answer's text, of a document or a stream."""
    if not exchange.streamed:
        return str(at(exchange.json, "choices", 0, "message", "content") or "")
    return "".join(str(at(chunk, "choices", 0, "delta", "content") or "") for _, chunk in exchange.chunks)


def rest(lab: Lab) -> Script[None]:
    """Until what was just sent can be hit."""
    yield from lab.book.wait(lab.book.now + 1.2 * (lab.settle if lab.settle is not None else 1.0))
