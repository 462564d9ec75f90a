"""Limiters whose numbers are drawn from a seed, so that each seed is a table on which nothing was tuned."""

import math
from dataclasses import dataclass, field
from random import Random

import limiters_in_the_wild as wild
import simulated_limiters as plain
from limiters_in_the_wild import Weighing
from wild import BUCKET, CAP, FIXED, SLIDING, UNRESOLVED, Case, per


@dataclass
class TwoCounters(Weighing):
    """The sliding window counter of Cloudflare, and of the package ``limits``: this period's count, and of the last one's the part that
    the window still covers. Periods by the clock; what is refused is not counted."""

    limit: float = 30
    window: float = 5.0
    phase: float = 0.0
    counts: dict = field(default_factory=dict)

    def admit(self, now, in_flight):
        period, inside = divmod(now - self.phase, self.window)
        last = self.counts.get(period - 1, 0) * (1 - inside / self.window)
        if last + self.counts.get(period, 0) + self.weight > self.limit:
            return False
        self.counts[period] = self.counts.get(period, 0) + self.weight
        return True

    def wait(self, now):
        return self.window - (now - self.phase) % self.window


@dataclass
class Portions(Weighing):
    """Envoy's local rate limit: *portion* tokens come at once, every *interval*, up to *most*."""

    most: float = 20
    portion: float = 5
    interval: float = 1.0
    tokens: float = math.inf
    at: float = 0.0

    def admit(self, now, in_flight):
        fills = (now - self.at) // self.interval
        self.at += fills * self.interval
        self.tokens = min(self.tokens + fills * self.portion, self.most)
        if self.tokens < self.weight:
            return False
        self.tokens -= self.weight
        return True

    def wait(self, now):
        return self.at + self.interval - now


@dataclass
class Opened(Weighing):
    """``INCR`` and ``EXPIRE``: the first request opens a window, and the key is gone at its end."""

    limit: float = 20
    window: float = 5.0
    ends: float = -math.inf
    count: float = 0.0

    def admit(self, now, in_flight):
        if now >= self.ends:
            self.ends, self.count = now + self.window, 0.0
        if self.count + self.weight > self.limit:
            return False
        self.count += self.weight
        return True

    def wait(self, now):
        return max(self.ends - now, 0.0)


@dataclass
class Rota(plain.NoLimit):
    """Replicas that a balancer takes in turn; each counts for itself."""

    parts: list
    turn: int = 0

    def admit(self, now, in_flight):
        self.turn += 1
        return self.parts[self.turn % len(self.parts)].admit(now, in_flight)

    def wait(self, now):
        return self.parts[self.turn % len(self.parts)].wait(now)


def log(random, low, high):
    return low * (high / low) ** random.random()


def whole(random, low, high):
    return round(log(random, low, high))


def cap(random):
    limit = whole(random, 1, 120)
    return Case(lambda: plain.Concurrency(limit), (CAP,), {"limit": limit})


def gcra(random):
    rate, burst = round(log(random, 0.5, 50), 2), whole(random, 1, 60)
    return Case(lambda: wild.LeakyMeter(rate=rate, burst=burst), (BUCKET,), {"limit": rate, "burst": burst})


def hits(random):
    limit, window = whole(random, 3, 120), round(log(random, 0.7, 20), 2)
    return Case(lambda: wild.LogOfHits(limit=limit, window=window), (SLIDING,), per(limit, window))


def calendar(random):
    limit, window, phase = whole(random, 3, 100), round(log(random, 1, 20), 2), random.random() * 20
    return Case(lambda: wild.Calendar(limit=limit, window=window, phase=phase), (FIXED,), per(limit, window))


def opened(random):
    limit, window = whole(random, 3, 100), round(log(random, 1, 20), 2)
    return Case(lambda: Opened(limit=limit, window=window), (FIXED,), per(limit, window))


def minute(random):
    limit, phase = whole(random, 10, 90), random.random() * 60
    return Case(lambda: wild.Calendar(limit=limit, window=60, phase=phase), (FIXED,), per(limit, 60), seconds=900)


def sliding_minute(random):
    limit = whole(random, 10, 90)
    return Case(lambda: wild.LogOfHits(limit=limit, window=60), (SLIDING,), per(limit, 60), seconds=900)


def both_tokens(random):
    limit, window = whole(random, 400, 3000), round(log(random, 2, 15), 2)
    make = lambda: wild.LogOfHits("prompt and max_tokens", limit=limit, window=window)  # noqa: E731
    return Case(make, (SLIDING,), per(limit, window), "prompt and max_tokens")


def prompt_calendar(random):
    limit, window, phase = whole(random, 400, 3000), round(log(random, 2, 15), 2), random.random() * 15
    make = lambda: wild.Calendar("prompt tokens", limit=limit, window=window, phase=phase)  # noqa: E731
    return Case(make, (FIXED,), per(limit, window), "prompt tokens")


def prompt_bucket(random):
    rate, burst = round(log(random, 30, 500), 1), whole(random, 300, 1500)
    make = lambda: wild.LeakyMeter("prompt tokens", rate=rate, burst=burst)  # noqa: E731
    return Case(make, (BUCKET,), {"limit": rate, "burst": burst}, "prompt tokens")


def answer_tokens(random):
    limit, window = whole(random, 15, 100), round(log(random, 2, 15), 2)
    make = lambda: Opened("max_tokens", limit=limit, window=window)  # noqa: E731
    return Case(make, (FIXED,), per(limit, window), "tokens of max_tokens")


def volume(random):
    limit, window = whole(random, 5000, 40_000), round(log(random, 2, 15), 2)
    make = lambda: wild.LogOfHits("bytes", limit=limit, window=window)  # noqa: E731
    return Case(make, (SLIDING,), per(limit, window), "bytes")


def spent(random):
    limit, window = whole(random, 300, 1200), round(log(random, 3, 15), 2)
    return Case(lambda: wild.SpentLater(limit=limit, window=window), (SLIDING,), per(limit, window), "tokens used")


def cost(random):
    limit, window, phase = whole(random, 400, 2500), round(log(random, 2, 15), 2), random.random() * 15
    make = lambda: wild.Calendar("cost", limit=limit, window=window, phase=phase)  # noqa: E731
    return Case(make, (FIXED,), per(limit, window), "cost")


def counted(random):
    limit, window = whole(random, 8, 60), round(log(random, 2, 12), 2)
    make = lambda: wild.LogOfHits(limit=limit, window=window, counts_refused=True)  # noqa: E731
    return Case(make, (SLIDING,), per(limit, window), also={"counts_refused": True})


def stick_table(random):
    limit, period = whole(random, 10, 80), round(log(random, 2, 12), 2)
    return Case(lambda: wild.StickTable(limit, period), (SLIDING,), per(limit, period), also={"counts_refused": True})


def in_line(random):
    rate, burst = round(log(random, 2, 20), 1), whole(random, 5, 40)
    return Case(lambda: wild.LimitReq(rate, burst), ("leaky-bucket",), {"limit": rate, "burst": burst + 1})


def no_delay(random):
    rate, burst = round(log(random, 2, 30), 1), whole(random, 3, 50)
    return Case(lambda: wild.LimitReq(rate, burst, nodelay=True), (BUCKET,), {"limit": rate, "burst": burst + 1})


def two_counters(random):
    limit, window, phase = whole(random, 8, 80), round(log(random, 1, 15), 2), random.random() * 15
    return Case(
        lambda: TwoCounters(limit=limit, window=window, phase=phase), (SLIDING,), per(limit, window), seconds=900
    )


def portions(random):
    most, portion, interval = whole(random, 10, 60), whole(random, 2, 9), round(log(random, 0.3, 3), 2)
    make = lambda: Portions(most=most, portion=portion, interval=interval)  # noqa: E731
    return Case(make, (BUCKET,), {"limit": portion / interval, "burst": most})


def cap_and_bucket(random):
    limit, rate, burst = whole(random, 3, 12), round(log(random, 3, 10), 1), whole(random, 20, 50)
    make = lambda: wild.All((plain.Concurrency(limit), wild.LeakyMeter(rate=rate, burst=burst)))  # noqa: E731
    return Case(make, (CAP,), {"limit": limit}, also={"second": BUCKET})


def two_windows(random):
    few, short, times = whole(random, 5, 20), round(log(random, 0.5, 2), 2), random.uniform(4, 6)
    many, long = round(few * times), round(short * times * random.uniform(2.5, 4), 2)
    make = lambda: wild.All((wild.LogOfHits(limit=few, window=short), wild.LogOfHits(limit=many, window=long)))  # noqa: E731
    return Case(make, (SLIDING,), per(few, short), also={"second": SLIDING})


def quota(random):
    left = whole(random, 20, 300)
    return Case(lambda: wild.Quota(left), ("quota",), {"limit": left})


def rota(random):
    count, limit, window = random.randint(2, 4), whole(random, 8, 30), round(log(random, 1, 8), 2)
    make = lambda: Rota([wild.LogOfHits(limit=limit, window=window) for _ in range(count)])  # noqa: E731
    return Case(make, (SLIDING, UNRESOLVED))  # taken in turn they look like one with the sum


def chance(random):
    count, limit, window = random.randint(2, 4), whole(random, 6, 15), round(log(random, 1, 6), 2)
    make = lambda: wild.Replicas(lambda: wild.LogOfHits(limit=limit, window=window), count)  # noqa: E731
    return Case(make, (UNRESOLVED,))


def at_random(random):
    share = log(random, 0.02, 0.3)
    return Case(lambda: plain.AtRandom(share, Random(random.random())), (UNRESOLVED,))


def queue(random):
    slots = whole(random, 2, 40)
    return Case(plain.NoLimit, ("queue",), {"limit": slots}, target={"slots": slots})


DRAWN = {
    "cap": cap,
    "GCRA": gcra,
    "log of hits": hits,
    "window by the clock": calendar,
    "window from the first request": opened,
    "by the clock, per minute, --duration 900": minute,
    "log of hits, per minute, --duration 900": sliding_minute,
    "prompt and max_tokens, log": both_tokens,
    "prompt tokens, by the clock": prompt_calendar,
    "prompt tokens, bucket": prompt_bucket,
    "max_tokens, from the first request": answer_tokens,
    "bytes, log": volume,
    "tokens used, log": spent,
    "cost, by the clock": cost,
    "log that counts refusals": counted,
    "HAProxy http_req_rate": stick_table,
    "nginx limit_req": in_line,
    "nginx limit_req nodelay": no_delay,
    "two counters, one fading, --duration 900": two_counters,
    "bucket filled in portions": portions,
    "cap and bucket": cap_and_bucket,
    "two windows": two_windows,
    "quota": quota,
    "replicas in turn": rota,
    "replicas by chance": chance,
    "refusals by chance": at_random,
    "none": lambda random: Case(plain.NoLimit, ("none",)),
    "queue": queue,
}
"""Name -> draws a :class:`wild.Case` from a :class:`Random`."""


def drawn(name, seed):
    """The case of this name and seed, with a network that is drawn too."""
    random = Random(f"{name} {seed}")
    case = DRAWN[name](random)
    network = {"latency": log(random, 0.0005, 0.02), "itl": log(random, 0.003, 0.03), "ttft": log(random, 0.01, 0.2)}
    case.target.update(network)
    return case
