"""From an admitted body to a response: money, limits, cache, plan, time, bytes. And afterwards: the bill."""

import hashlib
import os
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import specs
from mock_server import errors, money, planner, prompt, render, schedule
from mock_server.admission import Admitted, admit, check_context, check_media_type
from mock_server.cache import Lookup, PrefixCache
from mock_server.clock import Clock
from mock_server.config import Config
from mock_server.deviations.armed import Armed
from mock_server.engine import Engine
from mock_server.http1 import Framing, Headers, Request, Response
from mock_server.journal import Facts
from mock_server.limiter import Limiter, Limits, Rule, rule
from mock_server.pieces import splitter
from mock_server.plan import Answer, Endpoint, Plan, Prompt
from wire import sse
from wire.errors import UsageError

FINGERPRINTS = {  # by the date of the profile; fact sheet 2.6
    "2024-07": "fp_a49d71b8a1",
    "2024-12": "fp_1c141eb703",
    "2025-01": "fp_7e73fd9a08",
    "2025-08": "fp_393bca965e_prod0623_fp8_kvcache",
    "2025-12": "fp_393bca965e_prod1201_fp8_kvcache",
    "2026-04": "fp_8b330d02d0_prod0820_fp8_kvcache_20260402",
    "2026-08": "a26a7955944dc5c60445bff77fac9c8e",
    "openai": "fp_44709d6fcb",
}
CALL_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
STREAM_HEADERS: Headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
JSON_HEADERS: Headers = [("content-type", "application/json")]
KEEPALIVE = sse.encode(sse.Comment("keep-alive"))
FULL_BLANK = b"\n"
REMEMBERED = 64  # bodies, the latest
MEMO = 16 * 1024  # bytes up to which a body is remembered


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
class Prepared:
    """All that follows from a body alone, whoever sends it and whenever; remembered, for bodies come again."""

    admitted: Admitted
    model: str  # that serves
    user: str
    prompt: tuple[str, ...]
    answer: Answer
    choices: list[bytes] | None = None  # of a stream, once they are made


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
        self._secret = os.urandom(16) if config.seed is None else config.seed.to_bytes(16, "big", signed=True)
        self._offsets = schedule.parse(config.schedule, config.seed or 0)
        self.accounts = money.Accounts(config.granted, config.topped_up)
        self.prices = money.PriceList(config.profile, config.currency)
        try:
            for model in specs.models(config.profile):
                self.prices.rates(model, clock.now())  # better now than in the middle of a bill
        except specs.UnknownPriceError as error:
            raise UsageError(f"{error}; choose another currency or clock") from None
        self._split = splitter(config.tokens)
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._prepare)
        self.limits = Limits(tuple(rule(text) for text in config.limit if text != "none"))
        self._own_limits: dict[str, Limits] = {}
        self.cache = _cache(config)
        self.engine = Engine(config.slots, config.queue, config.slowdown)

    def clear(self) -> None:
        self.accounts.clear()
        self.limits.clear()
        self._own_limits.clear()
        self.cache.clear()

    def respond(self, endpoint: Endpoint, request: Request, beta: bool, key: str, exchange: Exchange) -> Response:
        """Raises :class:`errors.Refused` (400, 402, 415, 422, 429, 503)."""
        check_media_type(request)
        prepare = self._remembered if len(request.body) <= MEMO else self._prepare
        prepared = prepare(endpoint, request.body, beta)
        if self._config.profile != "openai" and self.accounts.of(key).total <= 0:
            raise errors.no_money()
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

    def digest(self, number: int, purpose: str, size: int = 16) -> str:
        return hashlib.blake2b(f"{purpose} {number}".encode(), digest_size=size, key=self._secret).hexdigest()

    # --- before

    def _prepare(self, endpoint: Endpoint, body: bytes, beta: bool) -> Prepared:
        """The pure part. Raises :class:`errors.Refused` (400, 422)."""
        config = self._config
        admitted = admit(endpoint, body, config.profile, beta)
        limits, chat = admitted.limits, endpoint is Endpoint.CHAT
        read, answer = (
            (prompt.chat(admitted.body, limits, self._split), planner.chat)
            if chat
            else (prompt.fim(admitted.body, self._split), planner.fim)
        )
        check_context(admitted, len(read))
        asked = planner.Request(admitted.body, limits, config.seed or 0, config.output_tokens, beta, self._split)
        model, user = planner.served(admitted.body, limits), str(admitted.body.get("user_id") or "")
        return Prepared(admitted, model, user, tuple(read), answer(asked))

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
        identity, fingerprint = _uuid(self.digest(exchange.number, "id")), FINGERPRINTS[self._config.profile]
        plan = _plan(prepared, found, identity, int(now), fingerprint)
        for index, call in enumerate(plan.calls):
            call.id = self._call_id(exchange.number, index)
        if exchange.armed:
            plan = exchange.armed.plan(plan)
        usage, deviates = render.usage(plan, prepared.admitted.limits), exchange.armed is not None
        return Work(prepared, plan, usage, deviates, key, held, found, now)

    def _call_id(self, number: int, index: int) -> str:
        """``call_00_`` and 24 letters or digits since V4, ``call_0_`` and a UUID before. Fact sheet 6.2."""
        digits = self.digest(number, f"call {index}", 24)
        if self._config.profile < "2025-12":
            return f"call_{index}_{_uuid(digits)}"
        letters = (CALL_ALPHABET[byte % len(CALL_ALPHABET)] for byte in bytes.fromhex(digits))
        return f"call_{index:02}_{''.join(letters)}"

    # --- time

    def _timed(self, work: Work, exchange: Exchange) -> Response:
        """The response with the time of everything, waiting included."""
        plan, config, now = work.plan, self._config, exchange.arrived
        steps = plan.steps
        stretch = self.engine.stretch(now) * schedule.MS
        gap = config.itl_ms * stretch
        first = config.ttft_ms * stretch + config.prefill_us * 1000 * plan.prompt.miss
        offsets = self._offsets(exchange.number, len(steps), first, gap)
        duration = (offsets[-1] if offsets else round(first)) + round(gap)
        start = self.engine.admit(now, duration)
        if start is None:
            raise errors.overloaded()
        work.end = start + duration
        exchange.facts = self._facts(work)
        wait = start - now
        response = (
            self._stream(work, steps, offsets, round(gap)) if plan.stream else self._whole(work, offsets, round(first))
        )
        return (
            response
            if not wait
            else _waiting(response, wait, round(config.keepalive_ms * schedule.MS), plan, self._patience())
        )

    def _patience(self) -> int:
        """How long the profile lets a request wait, ns."""
        seconds = specs.limits(self._config.profile).wait_s
        return (seconds or 1 << 30) * 1_000_000_000

    def _stream(self, work: Work, steps: list[int], offsets: list[int], gap: int) -> Response:
        limits, plan = work.prepared.admitted.limits, work.plan
        body = render.events(plan, limits, work.usage, _choices(work))
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
            self.engine.leave(work.end)
        spoken = plan.content if complete else ()
        self.cache.store(work.found, spoken, now)
        output = plan.completion_tokens if complete else min(written, plan.completion_tokens)
        amount = self.prices.rates(plan.model, work.at).bill(plan.prompt.hit, plan.prompt.miss, output)
        self.accounts.of(work.key).charge(amount)
        exchange.facts.price = amount


def _plan(prepared: Prepared, found: Lookup, identity: str, created: int, fingerprint: str) -> Plan:
    body, answer = prepared.admitted.body, prepared.answer
    chat = prepared.admitted.endpoint is Endpoint.CHAT
    logprobs = (body.get("top_logprobs") or 0) if body.get("logprobs") else None
    return Plan(
        prepared.admitted.endpoint,
        identity,
        created,
        prepared.model,
        fingerprint,
        Prompt(found.tokens, found.hit),
        answer.content,
        answer.finish,
        answer.tokens,
        answer.reasoning,
        len(answer.reasoning or ()),
        tuple(map(copy, answer.calls)),
        bool(body.get("stream")),
        bool((body.get("stream_options") or {}).get("include_usage")),
        logprobs if chat else body.get("logprobs"),
        body["prompt"] if body.get("echo") and not chat else "",
    )


def _choices(work: Work) -> list[bytes]:
    """Rendered choices of a stream; remembered, except where they hold ids or a deviation may have been at work."""
    made = None if work.deviates else work.prepared.choices
    if made is None:
        made = render.choices(work.plan, work.prepared.admitted.limits)
        if not (work.deviates or work.plan.calls):
            work.prepared.choices = made
    return made


def _waiting(response: Response, wait: int, every: int, plan: Plan, patience: int) -> Response:
    """The response after a wait that is filled with keep-alives: comments in a stream, empty lines before a document."""
    filler = KEEPALIVE if plan.stream else FULL_BLANK
    pauses = list(range(every, min(wait, patience), every))
    response.body = [filler] * len(pauses) + response.body
    response.tokens = [0] * len(pauses) + response.tokens
    response.due = pauses + [wait + due for due in response.due]
    if not plan.stream:
        response.head_due = pauses[0] if pauses else wait + response.head_due
    if wait > patience:
        response.body, response.tokens, response.due = [filler] * len(pauses), [0] * len(pauses), pauses
        response.cut_at = patience
    return response


def _cache(config: Config) -> PrefixCache:
    limits = specs.limits(config.profile)
    model = {"profile": limits.cache_model, "off": None}.get(config.cache, config.cache)
    unit = config.cache_unit or limits.cache_unit or 64
    return PrefixCache(
        model, unit, config.cache_settle_s, config.cache_ttl_s, config.cache_capacity, config.cache_interval
    )


def _uuid(digits: str) -> str:
    """A version 4 UUID of at least 32 hexadecimal digits."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
