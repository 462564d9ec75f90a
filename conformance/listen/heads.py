"""Changes to a forwarded request's head: the host name, and the path if the upstream has a base."""

from __future__ import annotations

import re

import h11

MAX_HEAD = 256 * 1024
_HOST = re.compile(rb"(\r?\n[Hh][Oo][Ss][Tt]:[ \t]*)[^\r\n]*")
_TARGET = re.compile(rb"\A(\s*[A-Za-z]+ )(/)")
_END = re.compile(rb"\r?\n\r?\n")


class Heads:
    """Rewrites the heads of the requests of one connection. ``passed`` returns the bytes to forward: complete heads with another Host
    value and base path, and all other bytes unchanged, such as those that are not HTTP or follow an upgrade.
    """

    def __init__(self, host: bytes, base: bytes = b"") -> None:
        self._host, self._base = host, base
        self._head = b""
        self._body: h11.Connection | None = None
        self._raw = False

    def passed(self, data: bytes) -> bytes:
        done = b""
        while data and not self._raw:
            if self._body is not None:
                body, data = self._of_body(data)
                done += body
                continue
            self._head += data
            end = _END.search(self._head)
            if end is None:
                self._raw = len(self._head) > MAX_HEAD
                data = self._head if self._raw else b""
                break
            head, data = self._head[: end.end()], self._head[end.end() :]
            self._head = b""
            done += self._changed(head)
            self._begin(head)
        if self._raw:
            self._head = b""
            return done + data
        return done

    def _changed(self, head: bytes) -> bytes:
        head = _HOST.sub(lambda found: found[1] + self._host, head, count=1)
        return _TARGET.sub(lambda found: found[1] + self._base + found[2], head, count=1) if self._base else head

    def _begin(self, head: bytes) -> None:
        """A body follows, or the next head, or it is unknown."""
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        try:
            parser.receive_data(head)
            request = parser.next_event()
        except h11.RemoteProtocolError:
            request = None
        upgraded = isinstance(request, h11.Request) and any(name == b"upgrade" for name, _ in request.headers)
        if not isinstance(request, h11.Request) or request.method == b"CONNECT" or upgraded:
            self._raw = True
            return
        self._body = parser
        self._ended(parser)

    def _of_body(self, data: bytes) -> tuple[bytes, bytes]:
        """What of *data* is of the body, and what comes after it."""
        parser = self._body
        assert parser is not None
        try:
            parser.receive_data(data)
            rest = self._ended(parser)
        except h11.RemoteProtocolError:
            self._raw = True
            return b"", data
        return data[: len(data) - len(rest)], rest

    def _ended(self, parser: h11.Connection) -> bytes:
        """What follows the request, once it is complete."""
        while (event := parser.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.EndOfMessage):
                self._body = None
                return bytes(parser.trailing_data[0])
        return b""
