"""From a recording of a request and its answer to an exchange: the API's path, without secrets, within a bound."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

from echosounder.specs.grammar import grammars
from echosounder.wire import formats
from echosounder.wire.capture import clean
from echosounder.wire.exchange import End, Exchange, Headers, Observed, Read, Request
from echosounder.wire.redact import SECRET_HEADERS, SHORTEST, Redactor, secretive, spellings
from echosounder.wire.target import pairs, shown

MAX_BODY = 8 * 1024 * 1024
"""Bytes of a request or of an answer that are kept; what is longer ends there, and says so."""


@dataclass
class Foreign:
    """Parsing state of a recorded exchange; ``target`` is that of the request line or a URL."""

    method: str
    target: str
    request_headers: Headers = ()
    request: bytes = b""
    status: int | None = None
    reason: str = ""
    http_version: str = ""
    headers: Headers = ()
    reads: list[Read] = field(default_factory=list)
    end: End = End.COMPLETE
    error: str = ""
    t_sent: int | None = None
    t_connected: int | None = None
    t_headers: int | None = None
    t_closed: int | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    lacks: tuple[Observed, ...] = ()

    def exchange(self, id: str, base: str = "") -> Exchange:
        """The exchange with every secret of the request redacted, also in the answer. *base* is put in front of the target for its URL."""
        redact = redactor(self.request_headers, self.target)
        place, _, query = self.target.partition("?")
        whole = redact.text(f"{place}?{shown(query)}" if query else place)
        seen = Exchange(
            id=id,
            probe="",
            request=Request(
                self.method,
                api_path(place),
                base + whole,
                redact.headers(self.request_headers),
                redact.data(self.request),
            ),
            status=self.status,
            reason=self.reason,
            http_version=self.http_version,
            headers=self.headers,
            reads=tuple(self.reads),
            end=self.end,
            error=self.error,
            t_sent=self.t_sent,
            t_connected=self.t_connected,
            t_headers=self.t_headers,
            t_closed=self.t_closed,
            notes=self.notes | {"client": redact.text(self.client)},
            lacks=self.lacks,
        )
        return clean(seen, redact)

    @property
    def client(self) -> str:
        """The User-Agent of the client, truncated."""
        return next((value for name, value in self.request_headers if name.lower() == "user-agent"), "")[:200]


def redactor(headers: Headers, target: str) -> Redactor:
    """Redacts secrets that the request itself contains: credentials of its headers, and parts of its query."""
    credentials = (_credential(value) for name, value in headers if name.lower() in SECRET_HEADERS)
    return _redactor(tuple(credentials), target.partition("?")[2])


@lru_cache(maxsize=1024)
def _redactor(credentials: tuple[str, ...], query: str) -> Redactor:
    found = [each for each in credentials if len(each) >= SHORTEST]
    found += [each for name, value in pairs(query) if secretive(name, value) for each in spellings(value)]
    return Redactor(tuple(dict.fromkeys(found)))


def _credential(value: str) -> str:
    """What follows the scheme, or the whole."""
    return value.rpartition(" ")[2] if value.count(" ") == 1 else value


def api_path(place: str) -> str:
    """The path of the API in a path or URL, without any prefix: ``/chat/completions`` of ``/openai/v1/chat/completions``.

    A leading ``/v1`` is another spelling; a path without a known ending is otherwise left unchanged.
    """
    path = urlsplit(place).path or "/" if "://" in place else place
    known = next((each for each in _known() if path.endswith(each)), path)
    return known.removeprefix("/v1") or "/"


@cache
def _known() -> Sequence[str]:
    """Paths of formats, the longest first: one may end in another."""
    return sorted({path for grammar in grammars().values() for path in grammar.paths}, key=len, reverse=True)


def format_path(seen: Foreign) -> str:
    """The path if none was recorded: that of the first format that can read the answer; the root if none can."""
    for format in formats.FORMATS.values():
        request = Request("POST", format.path, "", (), seen.request)
        one = Exchange("", "", request, status=200, headers=seen.headers, reads=tuple(seen.reads), format=format.name)
        marks = [mark for _, mark in one.marks]
        if any(mark.kind or mark.role for mark in marks) or format.whole(one.json).end:
            return format.path
    return "/"


def bounded(data: bytes) -> bytes:
    return data[:MAX_BODY]


def text_headers(rows: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in rows)
