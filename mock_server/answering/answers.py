"""Request to response: the routes."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import unquote

from echosounder import specs
from echosounder.mock_server.admission import money, refusals
from echosounder.mock_server.admission.admission import authorised
from echosounder.mock_server.answering.completion import JSON_HEADERS, Completions, Exchange
from echosounder.mock_server.answering.plan import Endpoint
from echosounder.mock_server.clock import Clock
from echosounder.mock_server.config import Config
from echosounder.mock_server.net.http1 import Framing, Headers, Request, Response
from echosounder.wire.strict_json import compact

Handler = Callable[[Request, Exchange, str, bool], Response]
RELEASED = int(datetime(2026, 4, 24, tzinfo=UTC).timestamp())
SECURITY: Headers = [
    ("vary", "origin, access-control-request-method, access-control-request-headers"),
    ("access-control-allow-credentials", "true"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
    ("x-content-type-options", "nosniff"),
]


class Answers:
    """Answers requests; knows nothing of sockets."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config, self.clock = config, clock
        self.completions = Completions(config, clock)
        self._date = (0, "")
        self.routes: dict[str, dict[str, Handler]] = {
            "/chat/completions": {"POST": self._chat},
            "/completions": {"POST": self._fim},
            "/models": {"GET": self._models},
            "/user/balance": {"GET": self._balance},
        }
        if config.profile == "openai":  # DeepSeek was seen to serve single models only later, in September 2026
            del self.routes["/user/balance"]
            self.routes["/models/"] = {"GET": self._model}

    def respond(self, request: Request, exchange: Exchange) -> Response:
        """Raises :class:`refusals.Refused`."""
        profile = self.config.profile
        route, beta = self._route(request)
        methods = self.routes.get("/models/" if route.startswith("/models/") else route)
        if methods is None:
            raise refusals.no_route(profile, request.target)
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            raise refusals.no_method(", ".join(methods))
        response = methods[method](request, exchange, authorised(request, profile), beta)
        response.headers += SECURITY
        response.headers.append(("date", self._http_date()))
        return response

    def _route(self, request: Request) -> tuple[str, bool]:
        path = request.path
        if path.startswith("/v1/"):
            return path[3:], False
        if path.startswith("/beta/") and self.config.profile != "openai":
            return path[5:], True
        return path, False

    def _http_date(self) -> str:
        now = int(self.clock.now())
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True))
        return self._date[1]

    # --- endpoints

    def _chat(self, request: Request, exchange: Exchange, key: str, beta: bool) -> Response:
        return self.completions.respond(Endpoint.CHAT, request, beta, key, exchange)

    def _fim(self, request: Request, exchange: Exchange, key: str, beta: bool) -> Response:
        return self.completions.respond(Endpoint.FIM, request, beta, key, exchange)

    def _models(self, request: Request, exchange: Exchange, key: str, beta: bool) -> Response:
        return _json({"object": "list", "data": list(map(self._about, specs.models(self.config.profile)))})

    def _model(self, request: Request, exchange: Exchange, key: str, beta: bool) -> Response:
        name = unquote(request.path.rpartition("/models/")[2])
        if name not in specs.models(self.config.profile):
            raise refusals.no_model(name)
        return _json(self._about(name))

    def _about(self, model: str) -> dict[str, object]:
        extra = {"created": RELEASED} if self.config.profile == "openai" else {}
        return {"id": model, "object": "model", **extra, "owned_by": "deepseek"}

    def _balance(self, request: Request, exchange: Exchange, key: str, beta: bool) -> Response:
        account, digits = self.completions.accounts.of(key), max(self.config.balance_digits, 2)
        info = {
            "currency": self.config.currency,
            "total_balance": money.text(account.total, digits),
            "granted_balance": money.text(account.granted, digits),
            "topped_up_balance": money.text(account.topped_up, digits),
        }
        return _json({"is_available": account.total > 0, "balance_infos": [info]})


def _json(value: object) -> Response:
    return Response(200, list(JSON_HEADERS), [compact(value).encode()], [0], Framing.CHUNKED)
