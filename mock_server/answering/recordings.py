"""Answers from a recording, found by the content of the request, with the recorded times multiplied by a factor."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path
from typing import Any

from echosounder.mock_server.admission.refusals import Refused
from echosounder.mock_server.net.http1 import BodyFraming, Headers, HttpRequest, Response
from echosounder.wire import runlog, strict_json
from echosounder.wire.errors import LogError, UsageError
from echosounder.wire.exchange import End, Exchange, Observed
from echosounder.wire.recordings.foreign import api_path
from echosounder.wire.recordings.kinds import exchanges as recorded

FRAMING = frozenset({"transfer-encoding", "content-length", "connection", "keep-alive"})
NOTE = "x-mock-replay"
REMEMBERED = 100
LIVES = (End.COMPLETE, End.TOO_LARGE)
Key = tuple[str, str, bytes]


def key(method: str, path: str, body: bytes) -> Key:
    """Lookup key of a request: independent of the order of JSON members and of any prefix before the API's path."""
    try:
        content = strict_json.compact(_sorted(strict_json.parse(body.decode()).value)).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        content = body
    return method, api_path(path.partition("?")[0]), blake2b(content, digest_size=16).digest()


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


@dataclass(slots=True)
class RecordedAnswers:
    """The recordings of one request in order, and how many times it was answered."""

    exchanges: list[Exchange]
    served: int = 0


class Recordings:
    """All recordings at *path*: a run's folder or log, or a recording of another tool. Raises :class:`UsageError`.

    A repeated request is answered with its recordings in turn, and then with the last one again, which a header, the
    state and standard error report.
    """

    def __init__(self, path: str, speed: float) -> None:
        self._speed = speed
        self._known: dict[Key, RecordedAnswers] = {}
        self._missing: Counter[str] = Counter()
        self._repeated: Counter[str] = Counter()
        self.served = self.unusable = 0
        for exchange in _exchanges(Path(path)):
            self._keep(exchange)
        if not self._known:
            why = f"; {self.unusable} have no body; record with --bodies all" if self.unusable else ""
            raise UsageError(f"{path} holds no answer that can be replayed{why}")

    def _keep(self, exchange: Exchange | None) -> None:
        if exchange is None or exchange.status is None or exchange.notes.get("bodies") or exchange.side:
            self.unusable += exchange is not None
            return
        request = exchange.request
        self._known.setdefault(key(request.method, request.path, request.body), RecordedAnswers([])).exchanges.append(
            exchange
        )

    def respond(self, request: HttpRequest) -> Response:
        """Raises :class:`Refused` for a request that was not recorded."""
        answers = self._known.get(key(request.method, request.target, request.body))
        shown = f"{request.method} {request.path}"
        if answers is None:
            raise self._unknown(request, shown)
        answers.served += 1
        self.served += 1
        have, number = len(answers.exchanges), answers.served
        exchange = answers.exchanges[min(number, have) - 1]
        if number > have:
            self._again(shown, exchange, have)
        said = f"recording {min(number, have)} of {have}" + (f", again: time {number}" if number > have else "")
        return self._response(exchange, said)

    def _again(self, shown: str, exchange: Exchange, have: int) -> None:
        name = f"{shown} (exchange {exchange.id})"
        if name not in self._repeated:
            _say(
                f"{name} was requested more than {have} times, the number of its recordings: the last answer is repeated"
            )
        if name in self._repeated or len(self._repeated) < REMEMBERED:
            self._repeated[name] += 1

    def _unknown(self, request: HttpRequest, shown: str) -> Refused:
        paths = sorted({path for _, path, _ in self._known})
        near = get_close_matches(api_path(request.path), paths, n=1)
        known = sum(1 for _, path, _ in self._known if [path] == near)
        hint = (
            f"; recordings exist for {known} other requests to {near[0]}"
            if near
            else f"; recorded paths: {', '.join(paths[:5])}"
        )
        name = f"{shown} {key(request.method, request.target, request.body)[2].hex()[:12]}"
        if name not in self._missing and len(self._missing) < REMEMBERED:
            _say(f"no recording of {name}{hint}")
        if name in self._missing or len(self._missing) < REMEMBERED:
            self._missing[name] += 1
        return Refused(404, f"mock: there is no recording of this request ({name}){hint}", "mock_error", "no_recording")

    def _response(self, exchange: Exchange, said: str) -> Response:
        headers: Headers = [(n, v) for n, v in exchange.headers if n.lower() not in FRAMING]
        chunked = exchange.streamed or "chunked" in (exchange.header("transfer-encoding") or "").lower()
        pieces, due, head = [read.data for read in exchange.reads], *self._times(exchange)
        return Response(
            exchange.status or 200,
            [*headers, (NOTE, said)],
            pieces,
            due,
            BodyFraming.CHUNKED if chunked else BodyFraming.LENGTH,
            exchange.reason or None,
            head,
            None if exchange.end in LIVES else max([head, *due]),
        )

    def _times(self, exchange: Exchange) -> tuple[list[int], int]:
        """Due times of each read and of the head, ns after the request; 0 if no times were recorded."""
        sent = exchange.t_sent
        if sent is None or Observed.TIMES in exchange.lacks:
            return [0 for _ in exchange.reads], 0
        due, latest = [], 0
        for read in exchange.reads:
            latest = max(latest, int((read.at - sent) * self._speed))
            due.append(latest)
        head = int(((exchange.t_headers or sent) - sent) * self._speed)
        return due, max(min([head, *due[:1]]), 0)

    def state(self) -> dict[str, Any]:
        """``missing``: requests without a recording, ``repeated``: those whose last recording was reused; each with a count."""
        return {
            "recordings": sum(len(each.exchanges) for each in self._known.values()),
            "unusable": self.unusable,
            "served": self.served,
            "never_asked": sum(not each.served for each in self._known.values()),
            "missing": dict(self._missing),
            "repeated": dict(self._repeated),
        }


def _exchanges(path: Path) -> Iterator[Exchange | None]:
    try:
        logs = sorted(path.glob("run*.jsonl")) if path.is_dir() else [path] if path.suffix == ".jsonl" else []
        if not logs:
            yield from recorded(path)
        for log in logs:
            yield from (runlog.exchange_from(record) for record in runlog.records(log) if record["kind"] == "exchange")
    except LogError as error:
        raise UsageError(f"--replay: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"--replay: {path}: a record is missing or not of a run log ({error!r})") from None


def _say(text: str) -> None:
    print(f"mock: {text}", file=sys.stderr, flush=True)
