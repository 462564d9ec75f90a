"""Request to response: routes, and for each endpoint the way from body to bytes."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate

import specs
from mock_server import errors, planner, prompt, render, schedule
from mock_server.admission import Admitted, admit, check_context, key
from mock_server.clock import Clock
from mock_server.config import Config
from mock_server.deviations.armed import Armed
from mock_server.http1 import Framing, Headers, Request, Response
from mock_server.journal import Facts
from mock_server.plan import Endpoint, Plan, Prompt
from mock_server.planner import Identity
from wire.strict_json import compact

SECURITY: Headers = [
    ("vary", "origin, access-control-request-method, access-control-request-headers"),
    ("access-control-allow-credentials", "true"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
    ("x-content-type-options", "nosniff"),
]
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


@dataclass(slots=True)
class Exchange:
    """One request on its way through the server."""

    number: int
    armed: Armed | None = None
    facts: Facts = field(default_factory=Facts)
    trace: str = ""


class Answers:
    """Answers requests; knows the configuration, a count of requests and nothing of sockets."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.secret = os.urandom(16) if config.seed is None else config.seed.to_bytes(16, "big", signed=True)
        self.routes: dict[str, dict[str, Callable[[Request, Exchange, bool], Response]]] = {
            "/chat/completions": {"POST": self._chat},
            "/completions": {"POST": self._fim},
            "/models": {"GET": self._models},
            "/user/balance": {"GET": self._balance},
        }

    def respond(self, request: Request, exchange: Exchange) -> Response:
        """Raises :class:`errors.Refused`."""
        armed = exchange.armed
        if armed:
            request = armed.request(request)
            refusal = armed.admission(request)
            if refusal is not None:
                return refusal
        profile = self.config.profile
        route, beta = self._route(request)
        methods = self.routes.get(route)
        if methods is None or (profile == "openai" and route == "/user/balance"):
            raise errors.no_route(profile, request.target)
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            raise errors.no_method(", ".join(methods))
        key(request, profile)
        response = methods[method](request, exchange, beta)
        response.headers += [
            *SECURITY,
            ("date", formatdate(self.clock.now(), usegmt=True)),
        ]
        return response

    def _route(self, request: Request) -> tuple[str, bool]:
        path = request.path
        if path.startswith("/v1/"):
            return path[3:], False
        if path.startswith("/beta/") and self.config.profile != "openai":
            return path[5:], True
        return path, False

    def trace(self, number: int) -> str:
        """The id of a request that its response carries."""
        return self._digest(number, "trace")

    def _digest(self, number: int, purpose: str, size: int = 16) -> str:
        return hashlib.blake2b(f"{purpose} {number}".encode(), digest_size=size, key=self.secret).hexdigest()

    # --- endpoints

    def _chat(self, request: Request, exchange: Exchange, beta: bool) -> Response:
        return self._complete(Endpoint.CHAT, request, exchange, beta)

    def _fim(self, request: Request, exchange: Exchange, beta: bool) -> Response:
        return self._complete(Endpoint.FIM, request, exchange, beta)

    def _complete(self, endpoint: Endpoint, request: Request, exchange: Exchange, beta: bool) -> Response:
        admitted = admit(endpoint, request, self.config, beta)
        chat = endpoint is Endpoint.CHAT
        tokens = prompt.chat(admitted.body, admitted.limits) if chat else prompt.fim(admitted.body)
        check_context(admitted, tokens)
        asked = planner.Request(admitted.body, admitted.limits, self.config.seed or 0, self.config.output_tokens, beta)
        plan = (planner.chat if chat else planner.fim)(asked, Prompt(tokens), self._identity(exchange.number))
        if exchange.armed:
            plan = exchange.armed.plan(plan)
        exchange.facts = Facts(plan.model, plan.stream, render.usage(plan, admitted.limits))
        return self._stream(plan, admitted) if plan.stream else self._whole(plan, admitted)

    def _identity(self, number: int) -> Identity:
        def call_id(index: int) -> str:
            """``call_00_`` and 24 letters or digits since V4, ``call_0_`` and a UUID before. Fact sheet 6.2."""
            digits = self._digest(number, f"call {index}", 24)
            if self.config.profile < "2025-12":
                return f"call_{index}_{_uuid(digits)}"
            letters = (CALL_ALPHABET[byte % len(CALL_ALPHABET)] for byte in bytes.fromhex(digits))
            return f"call_{index:02}_{''.join(letters)}"

        created = int(self.clock.now())
        return Identity(_uuid(self._digest(number, "id")), created, FINGERPRINTS[self.config.profile], call_id)

    def _stream(self, plan: Plan, admitted: Admitted) -> Response:
        body = render.events(plan, admitted.limits)
        tail = render.tail_length(plan, admitted.limits)
        steps = plan.steps
        lead = len(body) - len(steps) - tail
        config = self.config
        tokens = schedule.constant(config.ttft_ms, config.itl_ms, len(steps))
        due = schedule.stream(tokens, lead, tail, round(config.itl_ms * schedule.MS))
        headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
        return Response(200, headers, body, due, Framing.CHUNKED, tokens=[0] * lead + steps + [0] * tail)

    def _whole(self, plan: Plan, admitted: Admitted) -> Response:
        body = render.body(plan, admitted.limits)
        config = self.config
        due = round((config.ttft_ms + config.itl_ms * max(len(plan.steps) - 1, 0)) * schedule.MS)
        headers = [("content-type", "application/json")]
        tokens = [plan.completion_tokens]
        return Response(200, headers, [body], [due], Framing.CHUNKED, head_due=due, tokens=tokens)

    def _models(self, request: Request, exchange: Exchange, beta: bool) -> Response:
        owner = "deepseek"
        data = [{"id": name, "object": "model", "owned_by": owner} for name in specs.models(self.config.profile)]
        if self.config.profile == "openai":
            created = int(datetime(2026, 4, 24, tzinfo=UTC).timestamp())
            data = [{"id": item["id"], "object": "model", "created": created, "owned_by": owner} for item in data]  # type: ignore[dict-item]
        return _json({"object": "list", "data": data})

    def _balance(self, request: Request, exchange: Exchange, beta: bool) -> Response:
        info = {"currency": "USD", "total_balance": "110.00", "granted_balance": "10.00", "topped_up_balance": "100.00"}
        return _json({"is_available": True, "balance_infos": [info]})


def _json(value: object) -> Response:
    return Response(200, [("content-type", "application/json")], [compact(value).encode()], [0], Framing.CHUNKED)


def _uuid(digits: str) -> str:
    """A version 4 UUID of at least 32 hexadecimal digits."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
