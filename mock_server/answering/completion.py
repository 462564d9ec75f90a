"""From a body to a response: money, limits, cache, plan, time, bytes. And afterwards: the bill."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from echosounder import specs
from echosounder.mock_server.admission import money, refusals
from echosounder.mock_server.admission.admission import check_media_type
from echosounder.mock_server.admission.cache import Lookup, PrefixCache
from echosounder.mock_server.admission.limiter import Limiter, Limits, Rule, rule
from echosounder.mock_server.answering import schedule
from echosounder.mock_server.answering.capacity import Capacity
from echosounder.mock_server.answering.identity import Identities
from echosounder.mock_server.answering.plan import Endpoint, Plan, weave
from echosounder.mock_server.answering.prepare import Prepared, preparer
from echosounder.mock_server.answering.waiting import delayed
from echosounder.mock_server.clock import Clock
from echosounder.mock_server.config import Config
from echosounder.mock_server.control.journal import Facts
from echosounder.mock_server.deviations.armed import Armed
from echosounder.mock_server.formats.chat import render
from echosounder.mock_server.net.http1 import Framing, Headers, Request, Response
from echosounder.wire.errors import UsageError

STREAM_HEADERS: Headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
JSON_HEADERS: Headers = [("content-type", "application/json")]


@dataclass(slots=True)
class Exchange:
    """One request on its way through the server, and what is to be done when it is over."""

    number: int
    arrived: int = 0
    armed: Armed | None = None
    facts: Facts = field(default_factory=Facts)
    trace: str = ""
    settle: Callable[[int, bool], None] | None = None

    def over(self, tokens: int, complete: bool) -> None:
        """*tokens* of output were written; once."""
        if self.settle is not None:
            settle, self.settle = self.settle, None
            settle(tokens, complete)


@dataclass(slots=True)
class Work:
    """A planned answer and what it holds."""

    prepared: Prepared
    plan: Plan
    usage: dict[str, Any]
    deviates: bool  # the plan may be another than the prepared one
    key: str
    held: list[Limiter]
    found: Lookup
    at: float  # the instant whose prices count
    end: int = 0


class Completions:
    """Chat and FIM of one server, with all the state they share."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self.identities = Identities(config.profile, config.seed)
        self._offsets = schedule.parse(config.schedule, config.seed or 0)
        self.accounts = money.Accounts(config.granted, config.topped_up)
        self.prices = money.PriceList(config.profile, config.currency)
        try:
            for model in specs.models(config.profile):
                self.prices.rates(model, clock.now())  # better now than in the middle of a bill
        except specs.UnknownPriceError as error:
            raise UsageError(f"{error}; choose another currency or clock") from None
        self._prepare = preparer(config)
        self.limits = Limits(tuple(rule(text) for text in config.limit if text != "none"))
        self._own_limits: dict[str, Limits] = {}
        self.cache = _cache(config)
        self.capacity = Capacity(config.slots, config.queue, config.slowdown)

    def clear(self) -> None:
        self.accounts.clear()
        self.limits.clear()
        self._own_limits.clear()
        self.cache.clear()

    def respond(self, endpoint: Endpoint, request: Request, beta: bool, key: str, exchange: Exchange) -> Response:
        """Raises :class:`refusals.Refused` (400, 402, 415, 422, 429, 503)."""
        check_media_type(request)
        prepared = self._prepare(endpoint, request.body, beta)
        if self._config.profile != "openai" and self.accounts.of(key).total <= 0:
            raise refusals.no_money()
        now = self._clock.now()
        held = self._limits(prepared).take(key, prepared.model, prepared.user, exchange.arrived, now)
        try:
            work = self._work(prepared, key, held, exchange, now)
            response = self._timed(work, exchange)
        except BaseException:
            for limiter in held:
                limiter.give()
            raise
        exchange.settle = lambda written, complete: self._settle(work, exchange, written, complete)
        return response

    # --- before

    def _limits(self, prepared: Prepared) -> Limits:
        """As configured, else the concurrency that the profile grants to an account per model."""
        if self._config.limit:
            return self.limits
        if prepared.model not in self._own_limits:
            most = prepared.admitted.limits.concurrency
            rules: tuple[Rule, ...] = (rule(f"concurrency:count={most}"),) if most else ()
            self._own_limits[prepared.model] = Limits(rules)
        return self._own_limits[prepared.model]

    def _work(self, prepared: Prepared, key: str, held: list[Limiter], exchange: Exchange, now: float) -> Work:
        scope = f"{key}\0{prepared.user}\0{prepared.model}"
        found = self.cache.lookup(scope, prepared.prompt, now)
        plan = prepared.plan(exchange.number, self.identities, int(now), found.hit)
        if exchange.armed:
            plan = exchange.armed.plan(plan)
        usage, deviates = render.usage(plan, prepared.admitted.limits), exchange.armed is not None
        return Work(prepared, plan, usage, deviates, key, held, found, now)

    # --- time

    def _timed(self, work: Work, exchange: Exchange) -> Response:
        """The response with the time of everything, waiting included."""
        plan, config, now = work.plan, self._config, exchange.arrived
        rows = [choice.steps for choice in plan.choices]
        stretch = self.capacity.stretch(now) * schedule.MS
        gap = config.itl_ms * stretch
        first = config.ttft_ms * stretch + config.prefill_us * 1000 * plan.prompt.miss
        offsets = self._offsets(exchange.number, max(map(len, rows)), first, gap)
        duration = (offsets[-1] if offsets else round(first)) + round(gap)
        start = self.capacity.admit(now, duration)
        if start is None:
            raise refusals.overloaded()
        work.end = start + duration
        exchange.facts = self._facts(work)
        wait = start - now
        response = (
            self._stream(work, rows, offsets, round(gap)) if plan.stream else self._whole(work, offsets, round(first))
        )
        if not wait:
            return response
        return delayed(response, wait, round(config.keepalive_ms * schedule.MS), self._patience(), plan.stream)

    def _patience(self) -> int:
        """How long the profile lets a request wait, ns."""
        seconds = specs.limits(self._config.profile).wait_s
        return (seconds or 1 << 30) * 1_000_000_000

    def _stream(self, work: Work, rows: list[list[int]], offsets: list[int], gap: int) -> Response:
        limits, plan, steps = work.prepared.admitted.limits, work.plan, rows[0]
        if plan.others:  # several choices are spoken at the same time
            steps, offsets = weave(rows), weave([offsets[: len(row)] for row in rows])
        body = render.events(plan, limits, work.usage, work.prepared.choices(plan, work.deviates))
        tail = render.tail_length(plan, limits)
        lead = len(body) - len(steps) - tail
        due = schedule.stream(offsets, lead, tail, gap)
        return Response(200, list(STREAM_HEADERS), body, due, Framing.CHUNKED, tokens=[0] * lead + steps + [0] * tail)

    def _whole(self, work: Work, offsets: list[int], first: int) -> Response:
        body = render.body(work.plan, work.prepared.admitted.limits, work.usage)
        due = offsets[-1] if offsets else first
        tokens = [work.plan.completion_tokens]
        return Response(200, list(JSON_HEADERS), [body], [due], Framing.CHUNKED, head_due=due, tokens=tokens)

    # --- after

    def _facts(self, work: Work) -> Facts:
        plan = work.plan
        cache = {"model": self.cache.model, "hit": plan.prompt.hit, "miss": plan.prompt.miss}
        return Facts(plan.model, plan.stream, work.usage, None, cache, f"****{work.key[-4:]}")

    def _settle(self, work: Work, exchange: Exchange, written: int, complete: bool) -> None:
        """Give back, remember, charge. Who hangs up pays for the prompt and for what was written."""
        for limiter in work.held:
            limiter.give()
        plan, now = work.plan, self._clock.now()
        if not complete:
            self.capacity.leave(work.end)
        spoken = plan.content if complete else ()
        self.cache.store(work.found, spoken, now)
        output = plan.completion_tokens if complete else min(written, plan.completion_tokens)
        amount = self._price(plan, work.at, output)
        self.accounts.of(work.key).charge(amount)
        exchange.facts.price = amount

    def _price(self, plan: Plan, at: float, output: int) -> int:
        """Of an answer, in pico-units."""
        odd, prompt = plan.surcharge, plan.prompt
        if odd is None:
            return self.prices.rates(plan.model, at).bill(prompt.hit, prompt.miss, output)
        rates = self.prices.rates(plan.model, at + odd.shift_s)
        return (
            rates.bill(prompt.hit + odd.hit, prompt.miss + odd.miss, output + odd.output) * odd.percent // 100
            + odd.pico
        )


def _cache(config: Config) -> PrefixCache:
    limits = specs.limits(config.profile)
    model = {"profile": limits.cache_model, "off": None}.get(config.cache, config.cache)
    unit = config.cache_unit or limits.cache_unit or 64
    return PrefixCache(
        model, unit, config.cache_settle_s, config.cache_ttl_s, config.cache_capacity, config.cache_interval
    )
