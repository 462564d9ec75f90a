"""The upstream's side, read from the mock over HTTP: received requests, written answers with their times, and the behavior to
show.

``conformance`` shares no code with the mock, so this module knows its control interface the way any client does.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import httpx

from echosounder.conformance.proxy.unframe import unframe
from echosounder.wire.capture import clean
from echosounder.wire.errors import CannotJudge
from echosounder.wire.exchange import UPSTREAM, End, Exchange, Request
from echosounder.wire.redact import Redactor

POLL_S = 0.01
Record = dict[str, Any]


class UpstreamControl:
    """The control interface of a mock at *url*. Raises ``CannotJudge`` if it is gone."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.Client(base_url=self.url, trust_env=False, timeout=10.0)
        self._behaviour = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def behave(self, text: str) -> None:
        """All subsequent requests are answered with this behavior: deviations of the mock, separated by ``;``, empty for honest."""
        if text != self._behaviour:
            self._call("POST", "deviate", json={"deviate": [text] if text else []})
            self._behaviour = text

    def count(self) -> int:
        """Number of requests received so far."""
        return int(self._call("GET", "state")["requests"])

    def arrivals(self, since: int, patience_s: float) -> list[Record]:
        """Journal records of the requests after the *since*-th, including those in progress.

        Returns as soon as all have ended, or after *patience_s*.
        """
        deadline = time.monotonic() + patience_s
        while True:
            records: list[Record] = self._call("GET", "journal", params={"since": since, "raw": 1, "open": 1})[
                "entries"
            ]
            quiet = not any(record.get("open") for record in records)
            if quiet or time.monotonic() >= deadline:
                return records
            time.sleep(POLL_S)

    def _call(self, method: str, name: str, **options: Any) -> Any:
        try:
            response = self._client.request(method, f"/__mock/{name}", **options)
            response.raise_for_status()
            return response.json()
        except httpx.HTTPStatusError as error:
            raise CannotJudge(f"the upstream refuses {name}: {error.response.text[:200]}") from None
        except (httpx.HTTPError, ValueError) as error:
            raise CannotJudge(f"the upstream at {self.url} is gone ({type(error).__name__}); start it again") from None


def body(record: Record) -> bytes:
    return base64.b64decode(record["body_b64"])


def exchange(record: Record, client: Exchange, id: str, key: str, redact: Redactor) -> Exchange:
    """A journal record as the upstream's side of *client*; *redact* removes the client's *key* after it was searched for."""
    found = arrived(record, id, client.probe, client.step, key, redact)
    return replace(found, side=UPSTREAM, notes={"of": client.id, **found.notes})


def arrived(record: Record, id: str, probe: str, step: str, key: str, redact: Redactor) -> Exchange:
    """A journal record as an exchange whose reads are the mock's writes; *redact* removes *key* after it was searched for."""
    request, writes = record["request"], list(_writes(record))
    acts = [each["act"] for each in record["writes_b64"] if isinstance(each, dict)]
    answer = unframe(record["method"], writes, closed="close" in acts or (record["complete"] and not acts))
    headers = tuple((name, value) for name, value in request["headers"])
    made = Exchange(
        id=id,
        probe=probe,
        step=step,
        request=Request(
            record["method"],
            redact.text(record["path"]),
            redact.text(record["path"]),
            redact.headers(headers),
            redact.data(body(record)),
        ),
        status=answer.status,
        reason=answer.reason,
        http_version=f"HTTP/{request['version']}",
        headers=answer.headers,
        reads=tuple(answer.reads),
        end=_end(record, acts, answer.end),
        t_sent=record["arrived"],
        t_headers=answer.first,
        t_closed=record["closed"],
        notes={
            "deviations": record["deviations"],
            "closed": record["closed"],
            "open": record.get("open", False),
            "ended": record["written"][-1] if record["written"] else None,
            "key_in": list(_places(record, key)),
            "credential": record.get("credential"),
            "connection": record.get("connection"),
            "price": record.get("price"),
        },
    )
    return clean(made, redact)


def _writes(record: Record) -> Iterator[tuple[int, bytes]]:
    for at, data in zip(record["written"], record["writes_b64"], strict=False):
        if isinstance(data, str):
            yield at, base64.b64decode(data)


def _end(record: Record, acts: Iterable[str], framed: End) -> End:
    """How the answer ended, as far as it is the upstream's doing; a proxy that hangs up early is the client here."""
    if "reset" in acts:
        return End.RESET
    return framed if record["complete"] or record.get("open") else End.CLIENT_CANCELLED


def _places(record: Record, key: str) -> Iterator[str]:
    """Where the client's own key arrived. The Authorization header is redacted by the mock, so its digest is compared."""
    if not key:
        return
    if record.get("credential") == digest(key):
        yield "header authorization"
    for name, value in record["request"]["headers"]:
        if key in value:
            yield f"header {name}"
    if key in record["path"]:
        yield "path"
    if key.encode() in body(record):
        yield "body"


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
