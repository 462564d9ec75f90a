"""One free request before the load, which checks that the target responds and accepts the key, and finds its model."""

import json
import socket
import ssl
import time
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from echosounder.load.client.framing import Framing
from echosounder.load.client.head import common, opened, place, tunnel
from echosounder.load.client.tls import context
from echosounder.load.options import Options
from echosounder.wire.errors import KeyRefused, Unreachable, UsageError
from echosounder.wire.strict_json import at

MAX_ANSWER = 1024 * 1024
MAX_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class PreflightResponse:
    """A whole HTTP answer."""

    status: int
    media_type: str
    body: bytes

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def preflight(options: Options) -> Options:
    """Return the options with a model: the given one, else the first that the target lists.

    Any HTTP response proves that a target is there, except a refused key and a web page. Raises :class:`Unreachable`,
    :class:`KeyRefused`, and :class:`UsageError` if there is no model to request.
    """
    answer = get(options, "/models")
    if answer.status in {401, 403}:
        hint = "it does not accept our API key" if options.api_key else "it requires an API key"
        raise KeyRefused(f"{options.target.shown}: {hint} ({answer.status})", "; check {variable}, see --api-key-env")
    if "html" in answer.media_type and answer.json is None:
        raise Unreachable(
            f"{options.target.shown} answers with a web page ({answer.status}), not an API; give the API's base URL"
        )
    model = options.model or at(answer.json, "data", 0, "id")
    if not isinstance(model, str) or not model:
        raise UsageError(f"{options.target.shown} lists no model (GET /models: {answer.status}); name one with --model")
    return replace(options, model=model)


def get(options: Options, path: str, most: int = MAX_ANSWER) -> PreflightResponse:
    """The response to a GET of an API path, bounded in time and size. Raises :class:`Unreachable` if there is none."""
    aim = options.target
    deadline = time.monotonic() + min(options.connect_timeout, MAX_SECONDS)
    try:
        with _connect(options, deadline) as sock:
            lines = [
                f"GET {place(aim, path)} HTTP/1.1",
                *map(": ".join, common(aim, options.api_key)),
                "Connection: close",
            ]
            sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            answer = _receive(sock, deadline, most)
            return replace(answer, body=aim.redactor(options.api_key).masked(answer.body))
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            f"{options.target.shown}: its certificate is not trusted ({error.verify_message}); name its authority with --ca-file"
        ) from None
    except (OSError, UnicodeError) as error:
        says = " ".join(str(error).split()) or type(error).__name__
        raise Unreachable(
            f"no answer from {options.target.shown}: {says}; check the URL, and that the server runs"
        ) from None


def _connect(options: Options, deadline: float) -> socket.socket:
    url = urlsplit(options.target.url)
    secure = url.scheme == "https"
    host = url.hostname or ""
    access, way = options.access, tunnel(options.target)
    aim = access.proxy_address or (host, url.port or (443 if secure else 80))
    sock = socket.create_connection(aim, deadline - time.monotonic())
    if way is not None:
        _open(sock, way, deadline)
    if not secure:
        return sock
    made: ssl.SSLContext = context(access)
    return made.wrap_socket(sock, server_hostname=host)


def _open(sock: socket.socket, way: bytes, deadline: float) -> None:
    sock.sendall(way)
    said = b""
    while not opened(said):
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        if not (data := sock.recv(1)):  # later bytes are the target's
            raise ConnectionError("the forward proxy closed the connection")
        said += data


def _receive(sock: socket.socket, deadline: float, most: int) -> PreflightResponse:
    framing, body, size = Framing(), [], 0  # type: Framing, list[bytes], int
    while not framing.complete:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        data = sock.recv(65536)
        size += len(data)
        body += framing.feed(data)
        if framing.broken:
            raise OSError(f"its answer is not HTTP ({framing.broken})")
        if size > most:
            raise OSError(f"its answer does not end within {most} bytes")
        if not data:
            break
    if framing.status is None or not (framing.complete or framing.until_close):
        raise OSError("it closed the connection before its answer was complete")
    return PreflightResponse(framing.status, (framing.header(b"content-type") or "").lower(), b"".join(body))
