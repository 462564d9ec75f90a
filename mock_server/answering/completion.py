"""Turns a body into a response: balance, limits, cache, plan, schedule, bytes, and finally the bill."""

from echosounder import specs
from echosounder.mock_server.admission import money, refusals
from echosounder.mock_server.admission.admission import check_media_type
from echosounder.mock_server.admission.cache import PrefixCache
from echosounder.mock_server.admission.limiter import Limiter, Limiters, LimitRule, rule
from echosounder.mock_server.answering import schedule
from echosounder.mock_server.answering.capacity import Capacity
from echosounder.mock_server.answering.identity import Identities
from echosounder.mock_server.answering.plan import AnswerPlan, weave
from echosounder.mock_server.answering.prepare import Prepared, preparer
from echosounder.mock_server.answering.waiting import delayed
from echosounder.mock_server.clock import Clock
from echosounder.mock_server.config import Config
from echosounder.mock_server.files.room import FileRoom
from echosounder.mock_server.formats import Format
from echosounder.mock_server.inflight import Facts, InFlight, Reservation
from echosounder.mock_server.net.http1 import BodyFraming, Headers, HttpRequest, Response
from echosounder.wire.errors import UsageError

STREAM_HEADERS: Headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
JSON_HEADERS: Headers = [("content-type", "application/json")]


class Completions:
    """Produces the model's answers in every format of one server, and holds the state that they share."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config, self._clock = config, clock
        try:
            specs.demand(config.profile, judged=False)
            self.prices = money.PriceList(config.profile, config.currency)
            for model in specs.models(config.profile):
                self.prices.rates(model, clock.now())  # fail at startup rather than while billing
        except specs.UnknownPriceError as error:
            raise UsageError(f"{error}; choose another currency or clock") from None
        except specs.SpecError as error:
            raise UsageError(str(error)) from None
        self._behaviour = specs.behaviour(config.profile)
        self.identities = Identities(config.profile, config.seed)
        self._offsets = schedule.parse(config.schedule, config.seed or 0)
        self.accounts = money.Accounts(config.granted, config.topped_up)
        self._prepare = preparer(config)
        self.limits = Limiters(tuple(rule(text) for text in config.limit if text != "none"))
        self._own_limits: dict[str, Limiters] = {}
        self.cache = _cache(config)
        attachments = specs.attachments(config.profile)
        self.room = FileRoom(attachments) if attachments else None
        self.capacity = Capacity(config.slots, config.queue, config.slowdown)

    def clear(self) -> None:
        self.accounts.clear()
        self.limits.clear()
        self._own_limits.clear()
        self.cache.clear()
        if self.room:
            self.room.files.clear()

    def respond(self, form: Format, request: HttpRequest, flight: InFlight, beta: bool, key: str) -> Response:
        """Return the response, and attach a bill to *flight*. Raises :class:`refusals.Refused` (400, 402, 415, 422, 429, 503)."""
        now = self._clock.now()
        check_media_type(request)
        if self.room and len(request.body) > self.room.bounds.body_bytes:
            raise refusals.Refused(
                413, f"The body is larger than {self.room.bounds.body_bytes} bytes", "invalid_request_error"
            )
        prepared = self._prepare(form, request.body, beta)
        self.check_money(key)
        if self.room and prepared.question.files:
            self.room.check_images(prepared.question.files, prepared.question.images, key, now)
        user = prepared.question.user
        held = self._limits(prepared).take(key, prepared.model, user, request.arrived, now)
        try:
            bill = self._bill(prepared, flight, key, held, now)
            response = self._timed(prepared, flight, bill)
        except BaseException:
            _give_back(held)
            raise
        flight.bill = bill
        return response

    def use(self, name: str, flight: InFlight, key: str) -> None:
        """Charge for a successful use of a feature that is not billed by tokens."""
        price = self.prices.use(name, self._clock.now())
        flight.facts.account, flight.facts.price = f"****{key[-4:]}", price
        self.accounts.of(key).charge(price or 0)

    def check_money(self, key: str) -> None:
        """Raises :class:`refusals.Refused` (402) if the balance is exhausted."""
        if self._behaviour.balance and self.accounts.of(key).total <= 0:
            raise refusals.no_money()

    # --- before

    def _limits(self, prepared: Prepared) -> Limiters:
        """The configured limiters, else the concurrency per model that the profile grants to an account."""
        if self._config.limit:
            return self.limits
        if prepared.model not in self._own_limits:
            most = prepared.limits.concurrency
            rules: tuple[LimitRule, ...] = (rule(f"concurrency:count={most}"),) if most else ()
            self._own_limits[prepared.model] = Limiters(rules)
        return self._own_limits[prepared.model]

    def _bill(self, prepared: Prepared, flight: InFlight, key: str, held: list[Limiter], now: float) -> Reservation:
        question = prepared.question
        found = self.cache.lookup(f"{key}\0{question.user}\0{prepared.model}", question.prompt, now)
        plan = prepared.plan(flight.number, self.identities, int(now), found.hit)
        if flight.armed:
            plan = flight.armed.plan(plan)
        return Reservation(key, plan, now, held, found)

    # --- time

    def _timed(self, prepared: Prepared, flight: InFlight, bill: Reservation) -> Response:
        """The response with the due time of every part, including the time in the queue."""
        plan, config, now = bill.plan, self._config, flight.request.arrived
        rows = [choice.steps for choice in plan.choices]
        stretch = self.capacity.stretch(now) * schedule.MS
        gap = config.itl_ms * stretch
        first = config.ttft_ms * stretch + config.prefill_us * 1000 * plan.prompt.miss
        offsets = self._offsets(flight.number, max(map(len, rows)), first, gap)
        duration = (offsets[-1] if offsets else round(first)) + round(gap)
        start = self.capacity.admit(now, duration)
        if start is None:
            raise refusals.overloaded()
        bill.end = start + duration
        plan.ended = int(bill.at + (bill.end - now) / 1e9)
        usage = prepared.form.render.usage(plan, prepared.limits)
        flight.facts = self._facts(bill, usage)
        if plan.stream:
            response = _stream(prepared, plan, usage, flight.armed is not None, rows, offsets, round(gap))
        else:
            response = _whole(prepared, plan, usage, offsets[-1] if offsets else round(first))
        response.headers += plan.headers
        if start == now:
            return response
        return delayed(response, start - now, round(config.keepalive_ms * schedule.MS), self._patience(), plan.stream)

    def _patience(self) -> int:
        """Maximum time that the profile lets a request wait, ns."""
        seconds = specs.limits(self._config.profile).wait_s
        return (seconds or 1 << 30) * 1_000_000_000

    def _facts(self, bill: Reservation, usage: dict[str, int]) -> Facts:
        plan = bill.plan
        cache = {"model": self.cache.model, "hit": plan.prompt.hit, "miss": plan.prompt.miss}
        return Facts(plan.model, plan.stream, usage, None, cache, f"****{bill.key[-4:]}")

    # --- after

    def settle(self, flight: InFlight) -> None:
        """Release the reservation, store the prompt and charge the account, once. A client that disconnects pays for
        the prompt and the part already written, unless configured otherwise.

        """
        bill, flight.bill = flight.bill, None
        if bill is None:
            return
        _give_back(bill.held)
        plan, output = bill.plan, bill.plan.completion_tokens
        if not flight.complete:
            self.capacity.leave(bill.end)
            output = output if self._config.hang_up == "whole" else min(flight.written, output)
        self.cache.store(bill.found, plan.content if flight.complete else (), self._clock.now())
        free = self._config.hang_up == "nothing" and not flight.complete
        flight.facts.price = 0 if free else self._price(plan, bill.at, output)
        self.accounts.of(bill.key).charge(flight.facts.price)

    def _price(self, plan: AnswerPlan, at: float, output: int) -> int:
        """Price of an answer, in pico-units."""
        odd, prompt = plan.surcharge, plan.prompt
        if odd is None:
            return self.prices.rates(plan.model, at).bill(prompt.hit, prompt.miss, output)
        rates = self.prices.rates(plan.model, at, odd.shift_s)
        return (
            rates.bill(prompt.hit + odd.hit, prompt.miss + odd.miss, output + odd.output) * odd.percent // 100
            + odd.pico
        )


def _give_back(held: list[Limiter]) -> None:
    for limiter in held:
        limiter.give()


def _stream(
    prepared: Prepared,
    plan: AnswerPlan,
    usage: dict[str, int],
    deviates: bool,
    rows: list[list[int]],
    offsets: list[int],
    gap: int,
) -> Response:
    """Build a streaming response. *rows* are the tokens of each step of each choice, *offsets* when each step is due."""
    steps = rows[0]
    if plan.others:  # several choices are streamed interleaved
        steps, offsets = weave(rows), weave([offsets[: len(row)] for row in rows])
    script = prepared.form.render.stream(plan, prepared.limits, usage, prepared.known_parts(plan, deviates))
    if script.steps is not None:
        steps, offsets = schedule.spread(script.steps, steps, offsets)
    due = schedule.stream(offsets, script.lead, script.tail, gap)
    tokens = [0] * script.lead + steps + [0] * script.tail
    return Response(200, list(STREAM_HEADERS), script.events, due, BodyFraming.CHUNKED, tokens=tokens)


def _whole(prepared: Prepared, plan: AnswerPlan, usage: dict[str, int], due: int) -> Response:
    body, tokens = prepared.form.render.whole(plan, prepared.limits, usage), [plan.completion_tokens]
    return Response(200, list(JSON_HEADERS), [body], [due], BodyFraming.CHUNKED, head_due=due, tokens=tokens)


def _cache(config: Config) -> PrefixCache:
    limits = specs.limits(config.profile)
    model = {"profile": limits.cache_model, "off": None}.get(config.cache, config.cache)
    unit = config.cache_unit or limits.cache_unit or 64
    return PrefixCache(
        model, unit, config.cache_settle_s, config.cache_ttl_s, config.cache_capacity, config.cache_interval
    )
