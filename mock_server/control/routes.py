"""``/__mock/``: the mock's state, and controls of its behavior. Loopback only unless configured otherwise."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol
from urllib.parse import parse_qs

from echosounder.mock_server.admission import refusals
from echosounder.mock_server.clock import Clock
from echosounder.mock_server.config import Config
from echosounder.mock_server.control.journal import Journal
from echosounder.mock_server.control.status import page
from echosounder.mock_server.deviations import Armoury
from echosounder.mock_server.net.http1 import HttpRequest, Response
from echosounder.mock_server.net.scheduler import Scheduler
from echosounder.wire.errors import UsageError
from echosounder.wire.guard import SAFE, admitted, policy
from echosounder.wire.strict_json import compact

PREFIX = "/__mock/"
FARTHEST = 3652 * 86400  # s


class Controlled(Protocol):
    """Server state that the control endpoints can read and change."""

    config: Config
    clock: Clock
    scheduler: Scheduler
    journal: Journal
    armoury: Armoury

    def state(self) -> dict[str, Any]: ...
    def reset_state(self) -> None: ...


Handler = Callable[[Controlled, dict[str, Any]], Any]


def respond(server: Controlled, request: HttpRequest) -> Response:
    """Return the response of the control interface: 400 with an explanation for an invalid request, 404 if the interface is disabled."""
    rule = server.config.control
    if rule == "none" or (rule == "loopback" and not request.loopback):
        return refusals.no_route(server.config.profile, request.target).response()
    if rule == "loopback" and not admitted(request.headers):
        return _json(
            {"error": "the control interface is for programs and pages on this machine, not for pages of other sites"},
            403,
        )
    name = request.path.removeprefix(PREFIX)
    handler = ROUTES.get((request.method, name))
    if handler is None:
        known = ", ".join(f"{method} {PREFIX}{path}" for method, path in ROUTES)
        return _json({"error": f"no {request.method} {request.path}: there are {known}"}, 404)
    try:
        return _closed(_json(handler(server, _arguments(request))))
    except UsageError as error:
        return _json({"error": str(error)}, 400)


def _closed(response: Response) -> Response:
    response.headers.extend(
        (name.lower(), value) for name, value in {**SAFE, "Content-Security-Policy": policy("")}.items()
    )
    return response


def _arguments(request: HttpRequest) -> dict[str, Any]:
    if request.method == "GET":
        return {name: values[-1] for name, values in parse_qs(request.target.partition("?")[2]).items()}
    try:
        body = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise UsageError("the body must be a JSON object")
    return body


def _json(value: Any, status: int = 200) -> Response:
    if isinstance(value, Response):
        return value
    return Response(status, [("content-type", "application/json")], [compact(value).encode("utf-8", "replace")], [0])


def status_page(server: Controlled, arguments: dict[str, Any]) -> Any:
    entries = list(server.journal.since(server.journal.latest - 20))
    text = page(server.state(), asdict(server.config), entries)
    return Response(200, [("content-type", "text/html; charset=utf-8")], [text.encode()], [0])


def health(server: Controlled, arguments: dict[str, Any]) -> Any:
    return {
        "status": "ok",
        "pid": os.getpid(),
        "profile": server.config.profile,
        "seed": server.config.seed,
        "timer": server.scheduler.kind,
    }


def journal(server: Controlled, arguments: dict[str, Any]) -> Any:
    since = str(arguments.get("since", "0"))
    if not (since.isdecimal() and since.isascii() and len(since) < 16):
        raise UsageError(f"since is {since!r}: give the number of a request")
    number, raw = int(since), "raw" in arguments
    entries = list(server.journal.since(number, "bodies" in arguments, raw))
    if "open" in arguments:
        entries += server.journal.under_way(number, raw)
    return {"total": server.journal.total, "entries": entries}


def state(server: Controlled, arguments: dict[str, Any]) -> Any:
    return server.state()


def deviations(server: Controlled, arguments: dict[str, Any]) -> Any:
    return {"deviations": server.armoury.record()}


def deviate(server: Controlled, arguments: dict[str, Any]) -> Any:
    """``{"deviate": ["name:k=v", …]}`` replaces the active deviations."""
    texts = arguments.get("deviate")
    if (
        arguments.keys() != {"deviate"}
        or not isinstance(texts, list)
        or not all(isinstance(text, str) for text in texts)
    ):
        raise UsageError('give {"deviate": ["name", "name:parameter=value,when.nth=2"]}')
    server.armoury.replace(tuple(texts))
    return deviations(server, {})


def reset(server: Controlled, arguments: dict[str, Any]) -> Any:
    """``{"what": "journal" | "state" | "deviations" | "all"}``."""
    what = arguments.get("what", "all")
    if what not in RESETS and what != "all":
        raise UsageError(f"what is {what!r}: choose from {', '.join((*RESETS, 'all'))}")
    for name, action in RESETS.items():
        if what in (name, "all"):
            action(server)
    return {"reset": what}


def clock(server: Controlled, arguments: dict[str, Any]) -> Any:
    """``{"advance_s": 3600}`` moves the time of day; pacing is not affected."""
    seconds = arguments.get("advance_s")
    if arguments.keys() != {"advance_s"} or not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        raise UsageError('give {"advance_s": seconds}')
    if not abs(seconds) <= FARTHEST or not abs(server.clock.advanced + seconds) <= FARTHEST:  # also refuses NaN
        raise UsageError(f"advance_s moves the clock more than {FARTHEST} s (ten years) away from the time of day")
    server.clock.advance(seconds)
    return {"now": server.clock.now()}


RESETS: dict[str, Callable[[Controlled], None]] = {
    "journal": lambda server: server.journal.clear(),
    "state": lambda server: server.reset_state(),
    "deviations": lambda server: server.armoury.forget(),
}
ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", ""): status_page,
    ("GET", "health"): health,
    ("GET", "journal"): journal,
    ("GET", "state"): state,
    ("GET", "deviations"): deviations,
    ("POST", "deviate"): deviate,
    ("POST", "reset"): reset,
    ("POST", "clock"): clock,
}
