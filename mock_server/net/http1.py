"""HTTP/1.1 values: a received request, a response to write, and the bytes of its framing."""

from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any

Headers = list[tuple[str, str]]


@dataclass(slots=True)
class HttpRequest:
    """A complete request. Header names are lower-case; the last of several equal ones wins. ``arrived`` in monotonic ns."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    arrived: int
    version: str = "1.1"
    keep_alive: bool = True
    loopback: bool = True
    earlier: int = 0  # earlier requests on the same connection
    connection: int = 0  # number of its connection, from 1
    armed: Any = None  # mock_server.deviations.armed.Armed, if any deviation is armed

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class BodyFraming(StrEnum):
    CHUNKED = "chunked"
    LENGTH = "length"
    CLOSE = "close"


@dataclass(slots=True)
class Response:
    """An answer: its head, and body pieces each with the offset (ns after the request's arrival) at which it is due."""

    status: int
    headers: Headers = field(default_factory=list)
    body: list[bytes] = field(default_factory=list)
    due: list[int] = field(default_factory=list)
    framing: BodyFraming = BodyFraming.LENGTH
    reason: str | None = None
    head_due: int = 0
    cut_at: int | None = None  # offset at which the connection closes without ending the body
    tokens: list[int] = field(default_factory=list)  # output tokens in each piece; empty for none

    def head(self, keep_alive: bool = True) -> bytes:
        """Status line and headers, framing headers included."""
        lines = [f"HTTP/1.1 {self.status} {reason(self.status) if self.reason is None else self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.framing is BodyFraming.CHUNKED:
            lines.append("transfer-encoding: chunked")
        elif self.framing is BodyFraming.LENGTH and self.status >= 200 and self.status != 204:
            lines.append(f"content-length: {sum(map(len, self.body))}")
        if not keep_alive or self.framing is BodyFraming.CLOSE:
            lines.append("connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def reason(status: int) -> str:
    return _REASONS.get(status, "")


_REASONS = {status.value: status.phrase for status in HTTPStatus}


_SIZES = tuple(b"%x\r\n" % size for size in range(4096))
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of the chunked transfer coding (RFC 9112, 7.1); empty for empty data, because an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def chunks(pieces: list[bytes]) -> list[bytes]:
    """Return the chunk of each piece."""
    try:
        return [_SIZES[len(piece)] + piece + b"\r\n" if piece else b"" for piece in pieces]
    except IndexError:
        return [chunk(piece) for piece in pieces]
