"""A target in virtual time, written for these tests alone: what an experiment finds is held against what it was told."""

import heapq
import json
import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from random import Random

from limiters_in_the_wild import Seen

from echosounder.load.experiment.script import News, Outcome, Stopped
from echosounder.load.sample import Sample
from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.stream import StreamEnd
from echosounder.wire.usage import Usage

NOON = datetime(2026, 8, 17, 12, tzinfo=UTC)  # by our clock, when a script begins


def honest(seconds):
    return str(max(math.ceil(seconds), 0))


def _exchange(ask, status, document):
    request = Request("POST" if ask.job.body else "GET", ask.job.path, ask.job.path)
    return Exchange(str(ask.id), "", request, status=status, reads=(Read(0, json.dumps(document).encode()),))


def _prompt(body):
    """Its tokens: a word each, and one of the template."""
    return 1 + len(body["messages"][0]["content"].split())


def wall(at):
    return NOON + timedelta(seconds=at)


@dataclass
class Target:
    """Serves asks in virtual time. ``itl`` s per token, ``latency`` s one way, each with jitter; ``scope`` names what shares a limiter."""

    make: object  # () -> limiter
    seed: int = 0
    itl: float = 0.01
    ttft: float = 0.02
    latency: float = 0.002
    jitter: float = 0.5
    scope: tuple = ()
    status: int = 429
    retry_after: object = honest
    # Requests that are worked on at once; the others wait and see keep-alives, unless it is *silent*.
    slots: int | None = None
    silent: bool = False
    cut_every: int = 0  # every so many-th answer ends without [DONE]
    crowding: float = 0.0  # s that the first token is later for each request that is worked on
    price: str | None = None  # of a token; None: there is no balance to read
    refusal_price: str = "0"
    settle: float = 0.0  # s until a charge shows
    digits: int = 12  # of the balance
    envelope: str = "rate_limit_error"
    told: object = None  # (wait) -> members of the error in the body
    skew: float | None = None  # s by which its clock is ahead of ours; None: it sends no Date
    failing: object = None  # (number of the request) -> status | None
    clock: float = 0.0
    requests: int = 0

    def __post_init__(self):
        self.random = Random(self.seed)
        self.limiters = defaultdict(self.make)
        self.in_flight = defaultdict(int)
        self.busy, self.queue = 0, []
        self.events, self.ties = [], 0
        self.balance = Decimal(1000)
        self.outcomes = {}
        self.decisions = []

    def run(self, script, seconds=1e9, requests=10**9):
        """Run *script* to its end and give what it returns; it is stopped after *seconds*, as a sender would."""
        turn = next(script)
        try:
            while True:
                news = self._turn(turn)
                over = "time" if self.clock > seconds else "budget" if self.requests > requests else ""
                turn = script.throw(Stopped(over, f"the {over} is up")) if over else script.send(news)
        except StopIteration as end:
            return end.value

    def _turn(self, turn):
        for ask in turn.asks:
            due = max(self.clock, ask.at) + self.random.random() * 0.0005
            self._at(due, "send", ask)
        found = []
        while not found and self.events and (turn.until is None or self.events[0][0] <= turn.until):
            self.clock, _, kind, *rest = heapq.heappop(self.events)
            found += getattr(self, f"_{kind}")(*rest)
        if not found:
            assert turn.until is not None, "the script waits for what will never come"
            self.clock = max(self.clock, turn.until)
        return News(self.clock, tuple(found))

    def _at(self, when, kind, *rest):
        self.ties += 1
        heapq.heappush(self.events, (when, self.ties, kind, *rest))

    def _way(self):
        return self.latency * (1 + self.jitter * self.random.expovariate(1))

    def _send(self, ask):
        self.requests += 1
        self._at(self.clock + self._way(), "arrive", ask, self.clock)
        return []

    def _arrive(self, ask, sent):
        if not ask.job.body:
            self._at(self.clock + self._way(), "tell", ask, sent)
            return []
        body = json.loads(ask.job.body)
        names = {"key": ask.key, "user": body.get("user_id"), "model": body["model"]}
        scope = tuple(names[each] for each in self.scope)
        limiter = self.limiters[scope]
        failed = self.failing(self.requests) if self.failing else None
        if failed:
            self._at(self.clock + self._way(), "refuse", ask, sent, failed, ())
            return []
        if hasattr(limiter, "seen"):
            limiter.seen = Seen(_prompt(body), body["max_tokens"], len(ask.job.body))
        served = limiter.admit(self.clock, self.in_flight[scope])
        self.decisions.append((self.clock, served))
        if not served:
            self._pay(self.refusal_price)
            hint = self._hint(limiter.wait(self.clock))
            headers = (("Retry-After", hint),) if hint is not None else ()
            said = self.told(limiter.wait(self.clock)) if self.told else {}
            self._at(self.clock + self._way(), "refuse", ask, sent, self.status, headers, said)
            return []
        self.in_flight[scope] += 1
        delay = getattr(limiter, "delay", 0.0)
        self._at(self.clock + delay, "begin", ask, sent, scope, 1 if "stop" in body else body["max_tokens"])
        return []

    def _begin(self, ask, sent, scope, tokens):
        self._at(self.clock + self._way(), "accept", ask, sent)
        if self.slots is None or self.busy < self.slots:
            self._work(ask, sent, scope, tokens, self.clock)
        else:
            self.queue.append((ask, sent, scope, tokens, self.clock))
        return []

    def _work(self, ask, sent, scope, tokens, arrived):
        self.busy += 1
        first = self.clock + self.ttft + self.crowding * self.busy
        waited = self.clock - arrived
        self._at(first + self.itl * (tokens - 1), "finish", ask, sent, scope, tokens, first, waited)

    def _accept(self, ask, sent):
        return [self._note(Outcome(ask, sent, self.clock, 200, self._date()))]

    def _refuse(self, ask, sent, status, headers, said=None):
        sample = self._sample(ask, sent, StreamEnd.REFUSED, status=status)
        error = {"message": "Too many.", "type": self.envelope, "param": None, "code": "invalid_request_error"}
        exchange = _exchange(ask, status, {"error": {**error, **(said or {})}})
        headers += self._date()
        return [self._note(Outcome(ask, sent, self.clock, status, headers, self.clock, True, sample, exchange))]

    def _tell(self, ask, sent):
        if self.price is None:
            return [self._note(Outcome(ask, sent, self.clock, 404, (), self.clock, True))]
        shown = f"{self.balance.quantize(Decimal(1).scaleb(-self.digits)):f}"
        exchange = _exchange(ask, 200, {"balance_infos": [{"currency": "USD", "total_balance": shown}]})
        return [self._note(Outcome(ask, sent, self.clock, 200, (), self.clock, True, None, exchange))]

    def _hint(self, wait):
        if self.retry_after == "date":
            return self._by_its_clock(math.ceil(wait + 1))
        return self.retry_after(wait) if self.retry_after else None

    def _date(self):
        return () if self.skew is None else (("Date", self._by_its_clock(0)),)

    def _by_its_clock(self, later):
        return format_datetime(NOON + timedelta(seconds=self.clock + self.skew + later), usegmt=True)

    def _pay(self, amount):
        self._at(self.clock + self.settle, "paid", Decimal(amount))

    def _paid(self, amount):
        self.balance -= amount
        return []

    def _finish(self, ask, sent, scope, tokens, first, waited):
        self.in_flight[scope] -= 1
        self._pay(Decimal(self.price or 0) * (_prompt(json.loads(ask.job.body)) + tokens))
        self.limiters[scope].freed(self.clock)
        prompt = _prompt(json.loads(ask.job.body))
        if hasattr(self.limiters[scope], "used"):
            self.limiters[scope].used(self.clock, prompt, tokens)
        self.busy -= 1
        if self.queue:
            self._work(*self.queue.pop(0))
        self._at(self.clock + self._way(), "close", ask, sent, tokens, first, waited)
        return []

    def _close(self, ask, sent, tokens, first, waited):
        before = self.outcomes.get(ask.id)
        if before is None:  # the last byte cannot overtake the first
            self._at(self.clock + self.latency, "close", ask, sent, tokens, first, waited)
            return []
        prompt = _prompt(json.loads(ask.job.body))
        usage = Usage(prompt, tokens, prompt + tokens, 0, prompt, 0)
        keepalive = round((sent + 0.01) * 1e9) if waited > 0.02 and not self.silent else None
        last = first + self.itl * (tokens - 1)
        sample = self._sample(
            ask,
            sent,
            StreamEnd.EOF_WITHOUT_FINISH if self.cut_every and not ask.id % self.cut_every else StreamEnd.DONE,
            status=200,
            t_first_token=round((first + self.latency) * 1e9),
            t_last_token=round((last + self.latency) * 1e9),
            t_first_keepalive=keepalive,
            keepalives=int(keepalive is not None),
            usage=usage,
            finish="length",
        )
        return [self._note(Outcome(ask, sent, before.answered, 200, before.headers, self.clock, True, sample))]

    def _sample(self, ask, sent, end, **members):
        stamp = round(sent * 1e9)
        return Sample(
            str(ask.id),
            ask.job.name,
            "measured",
            end,
            stamp,
            stamp,
            t_sent=stamp,
            t_closed=round(self.clock * 1e9),
            **members,
        )

    def _note(self, outcome):
        self.outcomes[outcome.ask.id] = outcome
        return outcome
