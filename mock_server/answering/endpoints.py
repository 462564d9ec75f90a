"""Request to response: the routes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from urllib.parse import unquote

from echosounder import specs
from echosounder.mock_server import formats
from echosounder.mock_server.admission import money, refusals
from echosounder.mock_server.admission.admission import authorised
from echosounder.mock_server.answering.completion import JSON_HEADERS, Completions
from echosounder.mock_server.clock import Clock
from echosounder.mock_server.config import Config
from echosounder.mock_server.formats import Format
from echosounder.mock_server.inflight import InFlight
from echosounder.mock_server.net.http1 import BodyFraming, Headers, HttpRequest, Response
from echosounder.wire.strict_json import compact

Handler = Callable[[HttpRequest, InFlight, str], Response]
BETA = "/beta/"
SECURITY: Headers = [
    ("vary", "origin, access-control-request-method, access-control-request-headers"),
    ("access-control-allow-credentials", "true"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
    ("x-content-type-options", "nosniff"),
]


@dataclass(frozen=True, slots=True)
class Route:
    """What answers at a path, and the headers that may hold the key."""

    method: str
    handler: Handler
    credentials: tuple[str, ...] = ("authorization",)


class Answers:
    """Answers requests; knows nothing of sockets."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config, self.clock = config, clock
        self.completions = Completions(config, clock)
        self._date = (0, "")
        self._behaviour = specs.behaviour(config.profile)
        self.routes = dict(self._routes())

    def _routes(self) -> Iterator[tuple[str, Route]]:
        """By path; below a path that ends with a slash stands one thing for each name."""
        for path, form in formats.paths(self.config.profile).items():
            yield path, Route("POST", partial(self._completion, form, path.startswith(BETA)), form.credentials)
        about = self._behaviour
        for root in ("", "/v1", "/beta") if about.beta else ("", "/v1"):
            yield f"{root}/models", Route("GET", self._models)
            if about.single_models:
                yield f"{root}/models/", Route("GET", self._model)
            if about.balance:
                yield f"{root}/user/balance", Route("GET", self._balance)

    def respond(self, request: HttpRequest, flight: InFlight) -> Response:
        """Raises :class:`refusals.Refused`."""
        profile, path = self.config.profile, request.path
        found = self.routes.get(path) or self.routes.get(path[: path.rfind("/models/") + len("/models/")])
        if found is None:
            raise refusals.no_route(profile, request.target)
        if found.method != ("GET" if request.method == "HEAD" else request.method):
            raise refusals.no_method(found.method)
        response = found.handler(request, flight, authorised(request, profile, found.credentials, self.config.keyless))
        response.headers += SECURITY
        response.headers.append(("date", self._http_date()))
        return response

    def _http_date(self) -> str:
        now = int(self.clock.now())
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True))
        return self._date[1]

    # --- endpoints

    def _completion(self, form: Format, beta: bool, request: HttpRequest, flight: InFlight, key: str) -> Response:
        try:
            return self.completions.respond(form, request, flight, beta, key)
        except refusals.Refused as refused:
            refused.shape = form.envelope
            raise

    def _models(self, request: HttpRequest, flight: InFlight, key: str) -> Response:
        return _json({"object": "list", "data": list(map(self._about, specs.models(self.config.profile)))})

    def _model(self, request: HttpRequest, flight: InFlight, key: str) -> Response:
        name = unquote(request.path.rpartition("/models/")[2])
        if name not in specs.models(self.config.profile):
            raise refusals.no_model(self.config.profile, name)
        return _json(self._about(name))

    def _about(self, model: str) -> dict[str, object]:
        about = self._behaviour.model_entries.get(model, {})
        return {"id": model, "object": "model", **about, "owned_by": "deepseek"}

    def _balance(self, request: HttpRequest, flight: InFlight, key: str) -> Response:
        account, digits = self.completions.accounts.of(key), max(self.config.balance_digits, 2)
        info = {
            "currency": self.config.currency,
            "total_balance": money.text(account.total, digits),
            "granted_balance": money.text(account.granted, digits),
            "topped_up_balance": money.text(account.topped_up, digits),
        }
        return _json({"is_available": account.total > 0, "balance_infos": [info]})


def _json(value: object) -> Response:
    return Response(200, list(JSON_HEADERS), [compact(value).encode()], [0], BodyFraming.CHUNKED)
