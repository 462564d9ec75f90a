"""The head of the requests: the same bytes each time but for the path and the length."""

from urllib.parse import urlsplit

from echosounder.load.client.call import Job
from echosounder.wire.exchange import Headers
from echosounder.wire.formats import named
from echosounder.wire.redact import Redactor
from echosounder.wire.target import Target

AGENT = "echosounder-load"


class Head:
    """Makes requests to *target* with *api_key*; ``Accept-Encoding: identity``, because compression would delay events."""

    def __init__(self, target: Target, api_key: str | None) -> None:
        self._target, self._key = target, api_key
        self._redact = Redactor((api_key,) if api_key else ())
        self._host = urlsplit(target.url).netloc
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
        return self._target.address(job.path), self._redact.headers(headers)

    def _headers(self, job: Job) -> Headers:
        return (
            ("Host", self._host),
            *named(job.format).headers(self._key).items(),
            ("User-Agent", AGENT),
            ("Accept-Encoding", "identity"),
            ("Content-Type", "application/json"),
            ("Accept", "text/event-stream" if job.stream else "application/json"),
        )

    def _head(self, job: Job) -> bytes:
        path = urlsplit(self._target.address(job.path)).path
        lines = [
            f"POST {path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in self._headers(job)),
            "Content-Length: ",
        ]
        return "\r\n".join(lines).encode()
