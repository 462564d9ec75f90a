"""The routes, from request to response."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from typing import Any
from urllib.parse import unquote

from echosounder import specs
from echosounder.mock_server import formats, web
from echosounder.mock_server.admission import money, refusals
from echosounder.mock_server.admission.admission import authorised, check_media_type
from echosounder.mock_server.answering.completion import JSON_HEADERS, Completions
from echosounder.mock_server.clock import Clock
from echosounder.mock_server.config import Config
from echosounder.mock_server.files.room import FileRoom
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
    """A handler for a path, and the headers that may hold the key."""

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
        self._below = tuple(path for path in self.routes if path.endswith("/"))

    def _routes(self) -> Iterator[tuple[str, tuple[Route, ...]]]:
        """Routes by path; a path that ends with a slash matches any name below it."""
        for path, form in formats.paths(self.config.profile).items():
            yield path, (Route("POST", partial(self._completion, form, path.startswith(BETA)), form.credentials),)
        about = self._behaviour
        for root in ("", "/v1", "/beta") if about.beta else ("", "/v1"):
            yield f"{root}/models", (Route("GET", self._models),)
            if about.single_models:
                yield f"{root}/models/", (Route("GET", self._model),)
            if about.balance:
                yield f"{root}/user/balance", (Route("GET", self._balance),)
            if self.completions.room:
                yield f"{root}/files", (Route("GET", self._files), Route("POST", self._new_file))
                yield f"{root}/files/", (Route("GET", self._file), Route("DELETE", self._delete_file))
        if about.web_tools:
            yield "/v1/tools/search", (Route("POST", partial(self._web, "search", web.search)),)
            yield "/v1/tools/fetch", (Route("POST", partial(self._web, "fetch", web.fetch)),)

    def respond(self, request: HttpRequest, flight: InFlight) -> Response:
        """The response. Raises :class:`refusals.Refused`."""
        profile, path = self.config.profile, request.path
        routes = self.routes.get(path) or self.routes.get(next(filter(path.startswith, self._below), ""))
        if routes is None:
            raise refusals.no_route(profile, request.target)
        method = "GET" if request.method == "HEAD" else request.method
        found = next((route for route in routes if route.method == method), None)
        if found is None:
            raise refusals.no_method(", ".join(route.method for route in routes))
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
        name = unquote(request.path.partition("/models/")[2])
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

    def _files(self, request: HttpRequest, flight: InFlight, key: str) -> Response:
        return _json(self._room.list(request, key, self.clock.now()))

    def _new_file(self, request: HttpRequest, flight: InFlight, key: str) -> Response:
        id = f"file-api-{self.completions.identities.answer(flight.number)}"
        return _json(self._room.create(request, key, id, self.clock.now()))

    def _file(self, request: HttpRequest, flight: InFlight, key: str) -> Response:
        return _json(self._room.tell(_last(request), key, self.clock.now()))

    def _delete_file(self, request: HttpRequest, flight: InFlight, key: str) -> Response:
        return _json(self._room.delete(_last(request), key, self.clock.now()))

    @property
    def _room(self) -> FileRoom:
        assert self.completions.room is not None  # these routes exist only if there is a room
        return self.completions.room

    def _web(
        self,
        name: str,
        answer: Callable[[bytes, str, int], dict[str, Any]],
        request: HttpRequest,
        flight: InFlight,
        key: str,
    ) -> Response:
        check_media_type(request)
        self.completions.check_money(key)
        found = answer(request.body, self.config.profile, self.config.seed or 0)
        if found.get("results", True):  # searches without results are free
            self.completions.use(name, flight, key)
        return _json(found)


def _last(request: HttpRequest) -> str:
    """The last segment of the path: the id of the requested object."""
    return unquote(request.path.rpartition("/")[2])


def _json(value: object) -> Response:
    return Response(200, list(JSON_HEADERS), [compact(value).encode()], [0], BodyFraming.CHUNKED)
