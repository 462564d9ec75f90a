"""One free request before the load: is the target there, does it take our key, which model does it have?"""

import json
import socket
import ssl
import time
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from echosounder.load.client.framing import Framing
from echosounder.load.client.head import AGENT
from echosounder.load.client.tls import context
from echosounder.load.options import Options
from echosounder.wire.errors import KeyRefused, Unreachable, UsageError
from echosounder.wire.strict_json import at

MAX_ANSWER = 1024 * 1024
MAX_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
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
    """The options with a model in them: the one that was given, else the first that the target lists.

    Any HTTP answer will do for a target to be there, but a refused key and a web page. Raises :class:`Unreachable`,
    :class:`KeyRefused`, and :class:`UsageError` where there is no model to ask for.
    """
    answer = get(options, "/models")
    if answer.status in {401, 403}:
        hint = "it does not accept our API key" if options.api_key else "it wants an API key"
        raise KeyRefused(f"{options.url}: {hint} ({answer.status})", "; check {variable}, see --api-key-env")
    if "html" in answer.media_type:
        raise Unreachable(
            f"{options.url} answers with a web page ({answer.status}), not an API; give the API's base URL"
        )
    model = options.model or at(answer.json, "data", 0, "id")
    if not isinstance(model, str) or not model:
        raise UsageError(f"{options.url} lists no model (GET /models: {answer.status}); name one with --model")
    return replace(options, model=model)


def get(options: Options, path: str, most: int = MAX_ANSWER) -> Answer:
    """The answer to a GET of an API path, within bounds of time and size. Raises :class:`Unreachable` where there is none."""
    url = urlsplit(options.target.address(path))
    deadline = time.monotonic() + min(options.connect_timeout, MAX_SECONDS)
    try:
        with _connect(options, deadline) as sock:
            key = f"Authorization: Bearer {options.api_key}\r\n" if options.api_key else ""
            fixed = f"User-Agent: {AGENT}\r\nAccept-Encoding: identity\r\nConnection: close\r\n"
            sock.sendall(f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n{key}{fixed}\r\n".encode())
            return _receive(sock, deadline, most)
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            f"{options.url}: its certificate is not trusted ({error.verify_message}); name its authority with --ca-file"
        ) from None
    except (OSError, UnicodeError) as error:
        says = " ".join(str(error).split()) or type(error).__name__
        raise Unreachable(f"no answer from {options.url}: {says}; check the URL, and that the server runs") from None


def _connect(options: Options, deadline: float) -> socket.socket:
    url = urlsplit(options.target.url)
    secure = url.scheme == "https"
    host = url.hostname or ""
    sock = socket.create_connection((host, url.port or (443 if secure else 80)), deadline - time.monotonic())
    if not secure:
        return sock
    made: ssl.SSLContext = context(str(options.ca_file) if options.ca_file else None)
    return made.wrap_socket(sock, server_hostname=host)


def _receive(sock: socket.socket, deadline: float, most: int) -> Answer:
    framing, body, size = Framing(), [], 0  # type: Framing, list[bytes], int
    while not framing.complete:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        data = sock.recv(65536)
        size += len(data)
        body += framing.feed(data)
        if framing.broken:
            raise OSError(f"what it says is not HTTP ({framing.broken})")
        if size > most:
            raise OSError(f"its answer does not end within {most} bytes")
        if not data:
            break
    if framing.status is None or not (framing.complete or framing.until_close):
        raise OSError("it closed the connection before its answer was complete")
    return Answer(framing.status, (framing.header(b"content-type") or "").lower(), b"".join(body))
