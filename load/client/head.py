"""The head of requests, whose bytes differ only in path and length."""

from urllib.parse import urlsplit, urlunsplit

from echosounder.load.client.call import Job
from echosounder.wire.access import BEARER, usable_key
from echosounder.wire.exchange import Headers
from echosounder.wire.formats import Format, named
from echosounder.wire.target import Target

AGENT = "echosounder-load"
MOST = 16 * 1024  # maximum bytes of a proxy's answer


def place(target: Target, path: str) -> str:
    """The request target: path and query, or the full URL if a forward proxy passes plain HTTP on."""
    url = urlsplit(target.address(path))
    whole = (url.scheme, url.netloc) if relayed(target) else ("", "")
    return urlunsplit((*whole, url.path or "/", url.query, ""))


def relayed(target: Target) -> bool:
    """Whether a forward proxy reads our requests; encrypted requests pass through a tunnel."""
    return target.access.proxy is not None and target.url.startswith("http://")


def common(target: Target, api_key: str | None, format: Format | None = None) -> Headers:
    """The headers that all requests share, with those that *format* requires; a header given by the user replaces ours."""
    if format is not None and target.access.auth == BEARER:
        asked: Headers = tuple(format.headers(api_key).items())
    else:
        asked = (*(format.headers(None).items() if format else ()), *target.authorization(api_key))
    ours = {"user-agent": ("User-Agent", AGENT), "accept-encoding": ("Accept-Encoding", "identity")}
    given = {name.lower(): (name, value) for name, value in target.access.headers}
    proxy = target.access.proxy_headers if relayed(target) else ()
    host = ("Host", urlsplit(target.url).netloc)
    return (host, *proxy, *asked, *(ours | given).values())


def tunnel(target: Target) -> bytes | None:
    """The CONNECT request to the forward proxy; None without a tunnel."""
    if target.access.proxy is None or relayed(target):
        return None
    url = urlsplit(target.url)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    place = f"{host}:{url.port or 443}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}", f"User-Agent: {AGENT}"]
    lines += [f"{name}: {value}" for name, value in target.access.proxy_headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def opened(received: bytes) -> bool:
    """Whether the proxy has opened the tunnel, judging by all bytes received so far. Raises :class:`ConnectionError` if
    it refuses or sends more.
    """
    head, end, rest = received.partition(b"\r\n\r\n")
    if not end and len(received) < MOST:
        return False
    words = head.split(b"\r\n")[0].decode("latin-1").split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not end or rest:
        raise ConnectionError("the forward proxy does not speak HTTP/1.1")
    if not words[1].startswith("2"):
        raise ConnectionError(f"the forward proxy answered CONNECT with {' '.join(words[1:])[:80]}")
    return True


def marked(request: bytes, name: str, value: str) -> bytes:
    """The request with one more header."""
    line, end, rest = request.partition(b"\r\n")
    return b"%b%b%b: %b\r\n%b" % (line, end, name.encode("latin-1"), value.encode("latin-1"), rest)


class Head:
    """Makes requests to *target* with *api_key*; ``Accept-Encoding: identity``, because compression would delay events.

    *others* are further keys in use, which must not be logged either.
    """

    def __init__(self, target: Target, api_key: str | None, *others: str | None) -> None:
        self._target, self._key = target, usable_key(api_key, "the API key")
        self.redact = target.redactor(api_key, *others)
        self._cache: dict[tuple[str, str, bool], bytes] = {}

    def request(self, job: Job) -> bytes:
        """The bytes of the whole request."""
        kind = job.path, job.format, job.stream
        head = self._cache.get(kind)
        if head is None:
            head = self._cache[kind] = self._head(job)
        return b"%b%d\r\n\r\n%b" % (head, len(job.body), job.body)

    def shown(self, job: Job) -> tuple[str, Headers]:
        """The URL and the headers as exchanges hold them: without the key, names in lower case."""
        headers = tuple((name.lower(), value) for name, value in self._headers(job))
        return self._target.shown_address(job.path), self.redact.headers(headers)

    def _headers(self, job: Job) -> Headers:
        accept = ("Accept", "text/event-stream" if job.stream else "application/json")
        found = (*common(self._target, self._key, named(job.format)), ("Content-Type", "application/json"))
        return found if any(name.lower() == "accept" for name, _ in found) else (*found, accept)

    def _head(self, job: Job) -> bytes:
        lines = [
            f"POST {place(self._target, job.path)} HTTP/1.1",
            *(f"{name}: {value}" for name, value in self._headers(job)),
            "Content-Length: ",
        ]
        return "\r\n".join(lines).encode("latin-1")
