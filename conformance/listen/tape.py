"""Binary record of relayed connections: one frame per event, in order. The interface between relay and reader."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct
from typing import BinaryIO, NamedTuple

_HEAD = Struct("<BQQIi")
MAX_DATA = 1 << 20


class Happening(IntEnum):
    OPENED = 1  # a client connected
    CONNECTED = 2  # and so did we, to the upstream
    REQUEST = 3  # bytes of the client, as they came
    RESPONSE = 4  # bytes of the upstream, as they came
    CLIENT_END = 5  # the client will send no more
    UPSTREAM_END = 6
    CLIENT_RESET = 7  # the connection broke, the reason as data
    UPSTREAM_RESET = 8
    UNREACHED = 9  # no connection to the upstream, the reason as data
    CLOSED = 10  # nothing more of this connection follows
    LOST = 11  # what follows of this connection could not be kept
    STOPPED = 12  # we ended it: the run was over


class TapeFrame(NamedTuple):
    """``at``: ns on the monotonic clock when it was read; ``delay``: ns until it was forwarded, -1 if the peer was not reading."""

    kind: Happening
    connection: int
    at: int
    delay: int = -1
    data: bytes = b""

    def encoded(self) -> bytes:
        return _HEAD.pack(self.kind, self.connection, self.at, len(self.data), min(self.delay, 2**31 - 1)) + self.data


def frames(file: BinaryIO) -> Iterator[TapeFrame]:
    """The frames of a tape until it ends; a truncated one is dropped, because its writer was killed. Raises ``ValueError`` if it is not
    a tape.
    """
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        kind, connection, at, length, delay = _HEAD.unpack(head)
        if length > MAX_DATA:
            raise ValueError(f"a frame of {length} bytes")
        data = file.read(length)
        if len(data) < length:
            return
        yield TapeFrame(Happening(kind), connection, at, delay, data)
