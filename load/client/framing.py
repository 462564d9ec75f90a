"""HTTP/1.1 response framing by llhttp (httptools): bytes in, body bytes out, and whether the message has ended."""

from typing import Any

import httptools

from echosounder.wire import outside

MAX_HEAD = 256 * 1024
AROUND = 16  # bytes of chunk framing per byte of the body; regular peers send at most six


class Framing:
    """Parser of one response. ``broken`` describes the first violation of HTTP; empty without one.

    ``status`` is None until the header section is complete; ``length`` is the declared Content-Length. ``streamed``: the content type
    is that of server-sent events. ``surplus``: bytes arrived after the end of the message, so the connection must not be reused.
    ``taken``: bytes of the body so far, undecoded.
    """

    __slots__ = (
        "_around",
        "_body",
        "_end",
        "_fields",
        "_head",
        "_headers",
        "_parser",
        "_persistent",
        "broken",
        "chunked",
        "complete",
        "http_version",
        "length",
        "on_body",
        "reason",
        "status",
        "streamed",
        "surplus",
        "taken",
    )

    def __init__(self) -> None:
        self._body: list[bytes] = []
        self._headers: list[tuple[bytes, bytes]] = []
        self._fields: dict[bytes, bytes] = {}
        self.on_body = self._body.append
        self.reason = self.http_version = self.broken = ""
        self.status: int | None = None
        self.length: int | None = None
        self._persistent = False
        self._head = self._around = self.taken = self._end = 0
        self.chunked = self.complete = self.surplus = self.streamed = False
        self._parser: Any = httptools.HttpResponseParser(
            self
        )  # the parser looks its callbacks up on creation, so create it after on_body

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of the body in *data*, one per chunk."""
        if self.complete or self.broken:
            self.surplus = self.surplus or bool(data)
            return []
        if self.status is None:
            self._head += len(data)  # the parser itself does not limit headers
            if self._head > MAX_HEAD:
                self.broken = f"its header section is longer than {MAX_HEAD} bytes"
                return []
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.surplus = self.complete  # data after a complete message do not invalidate it
            self.broken = "" if self.complete else str(error) or "protocol upgrade"
        pieces = self._body[: self._end] if self.complete else self._body.copy()
        self._body.clear()
        self._bound(len(data), sum(map(len, pieces)))
        return pieces

    def _bound(self, received: int, taken: int) -> None:
        """Limit the size of trailers, chunk extensions and interim responses, which the parser itself does not."""
        self.taken += taken
        self._around += received - taken
        if not self.complete and self._around > MAX_HEAD + AROUND * self.taken:
            self.broken = self.broken or f"more than {MAX_HEAD} bytes surround its body"

    def release(self) -> None:
        """Releases the parser. It and we reference each other, and during a measurement the garbage collector is off."""
        self._parser = None

    @property
    def until_close(self) -> bool:
        """Whether the peer's close is the regular end, because the message is neither chunked nor has a length (RFC 9112, 6.3)."""
        return self.status is not None and not self.chunked and self.length is None

    @property
    def reusable(self) -> bool:
        return self.complete and self._persistent and not self.surplus

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The header section, in the order and spelling received."""
        return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self._headers)

    def header(self, name: bytes) -> str | None:
        """First value of a response header; *name* in lower case."""
        value = self._fields.get(name)
        return None if value is None else value.decode("latin-1")

    def mentions(self, word: bytes) -> bool:
        """Whether *word*, in lower case, occurs in the name of a header."""
        return any(word in name for name in self._fields)

    # The parser calls the following methods.

    def on_message_begin(self) -> None:
        self.surplus = self.complete

    def on_status(self, reason: bytes) -> None:
        if self.status is None:
            self.reason = reason.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status is None:  # later ones are trailers or belong to an unsolicited response
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.complete or self._interim:
            return
        self.status = int(self._parser.get_status_code())
        self.http_version = self._parser.get_http_version()
        fields = self._fields = {
            name.lower(): value for name, value in reversed(self._headers)
        }  # the first value counts
        self.chunked = b"chunked" in fields.get(b"transfer-encoding", b"").lower()
        length = fields.get(b"content-length", b"")
        self.streamed = fields.get(b"content-type", b"").partition(b";")[0].strip().lower() == b"text/event-stream"
        self.length = outside.integer(length.decode("latin-1")) if not self.chunked else None

    def on_message_complete(self) -> None:
        if self._interim:
            self._headers.clear()
        elif not self.complete:
            self.complete, self._end = True, len(self._body)
            self._persistent = bool(self._parser.should_keep_alive())  # the parser does not keep it

    @property
    def _interim(self) -> bool:
        """1xx: "a client MUST be able to parse one or more 1xx responses received prior to a final response" (RFC 9110, 15.2)."""
        return 100 <= int(self._parser.get_status_code()) < 200
