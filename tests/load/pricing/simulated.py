"""A target with an account, a price and a cache, in virtual time, written for these tests alone.

``Target(defects)`` is honest but for the defects named: each is a change of what usage says or of what is charged.
"""

import heapq
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from random import Random

from echosounder.load.experiment.script import News, Outcome, Stopped
from echosounder.load.sample import Sample
from echosounder.wire.exchange import End, Exchange, Read, Request
from echosounder.wire.formats import CHAT
from echosounder.wire.stream import StreamEnd

NOON = datetime(2026, 8, 17, 12, tzinfo=UTC)  # off-peak
PRICES = (
    (Decimal("0.007"), Decimal("0.22"), Decimal("0.66")),  # and in peak hours:
    (Decimal("0.014"), Decimal("0.44"), Decimal("1.32")),
)
OLD = (Decimal("0.028"), Decimal("0.28"), Decimal("0.42"))  # V3.2
PICO = Decimal("1e-12")


@dataclass
class Target:
    """``settle``: s until what was answered can hit. ``late``: s until a charge shows in the balance. ``digits`` that it shows.
    ``clock``: how far its ``Date`` is from the client's. ``balance`` None: the endpoint does not exist."""

    defects: tuple = ()
    seed: int = 0
    settle: float = 0.2
    late: float = 0.0
    digits: int = 12
    long_words: int = 99  # letters from which a word is two tokens
    forgets: float = 1e9  # s after which what was stored is dropped
    unit: int = 128
    clock: timedelta = timedelta()
    prices: tuple = PRICES
    balance: Decimal | None = Decimal("10")
    second_account: bool = True
    now: float = 0.0
    wall: datetime = NOON
    stop_after: tuple | None = None  # (requests, kind)
    requests: int = 0
    refused: bool = False
    events: list = field(default_factory=list)
    stored: dict = field(default_factory=dict)  # scope -> [(ready, words)]
    sent: list = field(default_factory=list)  # when, of requests that cost money
    charges: list = field(default_factory=list)  # (when it shows, account, amount)

    def __post_init__(self):
        self.random, self.ties = Random(self.seed), 0

    def peak(self):
        return (self.at(self.now) + self.clock).hour in (1, 2, 3, 6, 7, 8, 9)

    def cost(self, counts, peak):
        return sum(count * price for count, price in zip(counts, self.prices[peak], strict=True)) / 10**6

    def at(self, when):
        return self.wall + timedelta(seconds=when)

    def run(self, script):
        turn = next(script)
        try:
            while True:
                news = self._turn(turn)
                if self.refused or (self._stops() and self.stop_after[1] != "budget"):
                    self.refused = False
                    kind, self.stop_after = self.stop_after[1], None
                    turn = script.throw(Stopped(kind, f"stopped: {kind}"))
                else:
                    turn = script.send(news)
        except StopIteration as end:
            return end.value

    def _stops(self):
        return self.stop_after is not None and self.requests >= self.stop_after[0]

    def _turn(self, turn):
        for ask in turn.asks:
            if ask.job.body and self._stops() and self.stop_after[1] == "budget":
                self.refused = True
                return News(self.now)  # what is over the budget is not sent
            self.requests += 1
            sent = max(self.now, ask.at)
            self.sent += [sent] if ask.job.body else []
            self._at(sent + self.random.uniform(0.001, 0.004), "read", ask, sent)
        found = []
        while not found and self.events and (turn.until is None or self.events[0][0] <= turn.until):
            self.now, _, kind, *rest = heapq.heappop(self.events)
            found += getattr(self, f"_{kind}")(*rest)
        if not found:
            assert turn.until is not None, "the script waits for what will never come"
            self.now = max(self.now, turn.until)
        return News(self.now, tuple(found))

    def _at(self, when, kind, *rest):
        self.ties += 1
        heapq.heappush(self.events, (when, self.ties, kind, *rest))

    def _read(self, ask, sent):
        """The prompt is looked up when it is read, whatever order requests were sent in."""
        if not ask.job.body:
            self._at(self.now + 0.001, "told", ask, sent)
            return []
        body = json.loads(ask.job.body)
        words = self._words(body)
        scope = (ask.key if self.second_account and "leaks-accounts" not in self.defects else 0, self._user(body))
        hit = self._hit(words, scope)
        output = body["max_tokens"]
        wait = 0.004 + 0.001 * output + 0.000_01 * (len(words) - hit)
        self._at(self.now + wait, "answer", ask, sent, body, words, scope, hit, output, self.now)
        return []

    def _words(self, body):
        if "prompt" in body:
            return ["<fim>", *body["prompt"].split(), "<hole>", *body["suffix"].split(), "<end>"]
        turns = (word for turn in body["messages"] for word in (f"<{turn['role']}>", *turn["content"].split()))
        pieces = (
            piece for word in turns for piece in ([word[:3], word[3:]] if len(word) >= self.long_words else [word])
        )
        return ["<begin>", *pieces, "<assistant>"]

    def _user(self, body):
        return None if "leaks-users" in self.defects else body.get("user_id")

    def _hit(self, words, scope):
        ready = (seen for when, seen in self.stored.get(scope, ()) if when <= self.now <= when + self.forgets)
        shared = max(
            (
                next(
                    (i for i, (a, b) in enumerate(zip(words, seen, strict=False)) if a != b), min(len(words), len(seen))
                )
                for seen in ready
            ),
            default=0,
        )
        return min(shared, len(words) - 1) // self.unit * self.unit

    def _answer(self, ask, sent, body, words, scope, hit, output, read):
        text = " ".join(f"w{self.random.randrange(1000)}" for _ in range(output))
        self.stored.setdefault(scope, []).append((self.now + self.settle, [*words, *text.split()]))
        counts = (hit, len(words) - hit, output)
        said = self._said(counts, bool(body.get("stream")), len(words))
        account = ask.key if self.second_account else 0
        self.charges.append((self.now + self.late, account, self._charged(counts, said, body)))
        self._at(self.now + 0.001, "close", ask, sent, read, said, text, bool(body.get("stream")))
        return []

    def _said(self, counts, stream, size):
        hit, _, output = counts
        if "invents-hits" in self.defects:
            hit = max(size - 1, 0) // self.unit * self.unit
        if "withholds-hits" in self.defects:
            hit = 0
        if "counts-one-more" in self.defects:
            output += 1
        if ("usage-missing" in self.defects and not stream) or "no-usage" in self.defects:
            return None
        miss = size - hit
        made = {"prompt_tokens": size, "completion_tokens": output, "total_tokens": size + output}
        if "no-split" in self.defects:
            return made
        return made | {
            "prompt_cache_hit_tokens": hit,
            "prompt_cache_miss_tokens": miss,
            "prompt_tokens_details": {"cached_tokens": hit},
        }

    def _charged(self, counts, said, body):
        hit, miss, output = counts
        if "invents-hits-and-bills-them" in self.defects:
            hit, miss = said["prompt_cache_hit_tokens"], said["prompt_cache_miss_tokens"]
        table = {
            "hit-as-miss": lambda: self.cost((0, hit + miss, output), self.peak()),
            "one-hit-as-miss": lambda: self.cost(
                (128, 128 + miss, output) if hit == 256 else (hit, miss, output), self.peak()
            ),
            "token-more": lambda: self.cost((hit, miss, output + 1), self.peak()),
            "token-less-sometimes": lambda: self.cost((hit, miss - (self.requests % 5 == 0), output), self.peak()),
            "peak-forgotten": lambda: self.cost((hit, miss, output), False),
            "peak-tripled": lambda: self.cost((hit, miss, output), False) * (3 if self.peak() else 1),
            "wrong-window": lambda: self.cost((hit, miss, output), not self.peak()),
            "streams-dearer": lambda: (
                self.cost((hit, miss, output), self.peak()) * (Decimal("1.25") if body.get("stream") else 1)
            ),
            "streams-without-hits": lambda: self.cost(
                (0, hit + miss, output) if body.get("stream") else (hit, miss, output), self.peak()
            ),
            "drift": lambda: self.cost((hit, miss, output), self.peak()) + PICO,
            "free": lambda: Decimal(0),
        }
        wrong = [table[name]() for name in self.defects if name in table]
        return wrong[0] if wrong else self.cost((hit, miss, output), self.peak())

    def _told(self, ask, sent):
        account = ask.key if self.second_account else 0
        if self.balance is None:
            return [self._outcome(ask, sent, 404, b"{}")]
        left = self.balance - sum(
            amount for when, whose, amount in self.charges if whose == account and when <= self.now
        )
        if "others-spend" in self.defects:
            left -= Decimal(self.requests) / 1000
        if "others-take-a-dollar" in self.defects and self.requests > 40:
            left -= 1
        shown = str(left.quantize(Decimal(1).scaleb(-self.digits), rounding="ROUND_DOWN"))
        info = {"currency": "USD", "total_balance": shown, "granted_balance": "0.00", "topped_up_balance": shown}
        return [self._outcome(ask, sent, 200, json.dumps({"is_available": True, "balance_infos": [info]}).encode())]

    def _close(self, ask, sent, read, said, text, stream):
        choice = {
            "index": 0,
            "finish_reason": "length",
            "delta" if stream else "message": {"role": "assistant", "content": text},
        }
        document = {"id": "1", "choices": [choice]} | ({"usage": said} if said else {})
        raw = json.dumps(document)
        content = f"data: {raw}\n\ndata: [DONE]\n\n" if stream else raw
        return [self._outcome(ask, sent, 200, content.encode(), said, stream, read)]

    def _outcome(self, ask, sent, status, body, said=None, stream=False, read=None):
        stamp = round(sent * 1e9)
        headers = (
            ("Content-Type", "text/event-stream" if stream else "application/json"),
            ("Date", format_datetime(self.at(self.now) + self.clock, usegmt=True)),
        )
        exchange = Exchange(
            f"0-{ask.id}", "load", Request("POST", ask.job.path, "http://simulated", (), ask.job.body), ask.job.name,
            status, "OK", "1.1", headers, (Read(stamp, body),), End.COMPLETE,
        )  # fmt: skip
        sample = None
        if ask.job.body:
            first = round(((read or self.now) + 0.003) * 1e9)
            sample = Sample(
                f"0-{ask.id}", ask.job.name, "measured", StreamEnd.DONE, stamp, stamp, stream=stream, status=status,
                t_sent=stamp, t_first_token=first, usage=CHAT.usage(said), finish="length",
            )  # fmt: skip
        return Outcome(ask, sent, self.now, status, headers, self.now, True, sample, exchange)
