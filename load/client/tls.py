"""TLS over a socket that other code reads: bytes in, bytes out, so that the kernel's receive stamps serve TLS as well."""

import ssl
from collections.abc import Callable

from echosounder.wire import trust
from echosounder.wire.access import DIRECT, Access


def context(access: Access = DIRECT) -> ssl.SSLContext:
    """The trust store for all connections, with HTTP/1.1 by ALPN. Raises ``UsageError`` for unreadable files."""
    made = trust.context(access)
    made.set_alpn_protocols(["http/1.1"])
    return made


class TlsChannel:
    """One TLS client session. ``send`` is called with the encrypted bytes to send."""

    def __init__(self, made: ssl.SSLContext, host: str, send: Callable[[bytes], None]) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = made.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._send = send
        self.established = False

    def handshake(self, received: bytes = b"") -> bool:
        """Continue the handshake; True when it is complete. Raises :class:`ssl.SSLError`, also if verification fails."""
        self._incoming.write(received)
        try:
            self._session.do_handshake()
            self.established = True
        except ssl.SSLWantReadError:
            pass
        finally:
            self._flush()
        return self.established

    def encrypt(self, data: bytes) -> None:
        self._session.write(data)
        self._flush()

    def decrypt(self, received: bytes) -> tuple[bytes, bool]:
        """The plain bytes in *received*, and whether the peer closed the session. Raises :class:`ssl.SSLError`."""
        self._incoming.write(received)
        parts: list[bytes] = []
        try:
            while part := self._session.read(65536):
                parts.append(part)
        except ssl.SSLWantReadError:
            return b"".join(parts), False
        except ssl.SSLZeroReturnError:
            return b"".join(parts), True
        finally:
            self._flush()
        return b"".join(parts), True

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._send(data)
