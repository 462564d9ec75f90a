"""One HTTP exchange as it was on the wire: the record that runner, checks, load engine, log and reports share."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from echosounder.specs import under
from echosounder.wire import formats, sse, strict_json
from echosounder.wire.answer import END, Answer, Mark
from echosounder.wire.strict_json import Parsed

Headers = tuple[tuple[str, str], ...]
MAX_DECODED = 8 * 1024 * 1024
MAX_ITEMS = 20_000
"""Events and comments of one body: each is looked at by a hundred checks."""
HEAVIEST = 100_000
"""Values of an answer that is judged. One with all log probabilities that there are has some twenty thousand."""
VALUE = 32
"""What a value counts among the bytes of a run."""
INFLATED = frozenset({"gzip", "x-gzip", "deflate"})
"""Content codings that are undone."""


class End(StrEnum):
    """End of the transfer of a response, as seen from the socket."""

    COMPLETE = "complete"  # the framing said so: last chunk, content length, or close where neither was declared
    CONNECT_FAILED = "connect-failed"
    RESET = "reset"
    TRUNCATED = "chunk-truncated"  # the peer closed before the framing was satisfied
    IDLE_TIMEOUT = "idle-timeout"  # no byte for the idle bound
    TOTAL_TIMEOUT = "total-timeout"
    TOO_LARGE = "too-large"  # we stopped at our own bound
    PROTOCOL_ERROR = "protocol-error"  # not HTTP
    CLIENT_CANCELLED = "client-cancelled"


class Observed(StrEnum):
    """What a recording by another tool may lack."""

    TIMES = "times"  # when each read came
    FRAMING = "framing"  # transfer coding, version, how the transfer ended
    BYTES = "bytes"  # the body as it stood on the wire: content coding, bytes that are no text
    HEADERS = "headers"  # the header section of the answer, or some of it


@dataclass(frozen=True, slots=True)
class Request:
    """A request as sent. ``path`` is the API path (``/beta/completions``), regardless of the base URL; secrets are redacted."""

    method: str
    path: str
    url: str
    headers: Headers = ()
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body as JSON; None for a body that is not JSON (some probes send broken bodies on purpose)."""
        try:
            return strict_json.parse(self.body.decode()).value
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Read:
    """Bytes of the response body (transfer coding removed, content coding not) and their arrival time, ns."""

    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Stamped:
    """An SSE item, its index among the items of its kind, and the stamp of the read that completed it, ns."""

    at: int
    index: int
    item: sse.Item


UPSTREAM = "upstream"
TURNED_AWAY = frozenset({429, 503})
"""Statuses of a limiter or of want of capacity: nothing is wrong with the request, and none of it was served."""
NOT_SERVED = TURNED_AWAY | {402}
"""The same, and those of want of money."""


@dataclass(frozen=True)
class Exchange:
    """A request, its answer and their times. Stamps are ``time.monotonic_ns``, None for steps that did not happen.

    ``id`` is unique in its run; ``probe`` and ``step`` identify the probe that sent it, ``notes`` are for the checks of that probe.
    ``format`` names the wire format (:mod:`wire.formats`); if a log does not state it, the format served under the path. ``lacks``:
    what was not observed and therefore cannot be judged. ``side`` is ``upstream`` for a request that reached the server behind a proxy
    because of another exchange, named by ``notes["of"]``.
    """

    id: str
    probe: str
    request: Request
    step: str = ""
    status: int | None = None
    reason: str = ""
    http_version: str = ""
    headers: Headers = ()
    reads: tuple[Read, ...] = ()
    end: End = End.COMPLETE
    error: str = ""
    t_scheduled: int | None = None
    t_sent: int | None = None
    t_connected: int | None = None
    t_headers: int | None = None
    t_closed: int | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    format: str = ""

    @cached_property
    def derived(self) -> dict[str, Any]:
        """Values derived by the checks, by name, kept as long as the exchange exists; not part of its value."""
        return {}

    side: str = ""
    lacks: tuple[Observed, ...] = ()

    def __post_init__(self) -> None:
        if not self.format:
            object.__setattr__(self, "format", under(self.request.path))

    def header(self, name: str) -> str | None:
        """First value of a response header; names are case-insensitive (RFC 9110, 5.1)."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @cached_property
    def media_type(self) -> str:
        """``text/event-stream`` of ``Text/Event-Stream; charset=utf-8``; empty without a content type."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @cached_property
    def decoded(self) -> tuple[Read, ...]:
        """The reads with gzip or deflate content coding removed, bounded; stops where the coding is broken."""
        return tuple(inflated(self.reads)) if self.coding in INFLATED else self.reads

    @property
    def coding(self) -> str:
        """The content coding, in lower case."""
        return (self.header("content-encoding") or "identity").strip().lower()

    @cached_property
    def body(self) -> bytes:
        return b"".join(read.data for read in self.decoded)

    @cached_property
    def weight(self) -> int:
        """Estimated number of values and lines in the body, without parsing: the cost of judging it."""
        return sum(map(self.body.count, (b",", b"[", b"{", b"\n", b"\r")))

    @cached_property
    def text(self) -> str:
        return self.body.decode("utf-8", "surrogateescape")

    @cached_property
    def parsed(self) -> Parsed | None:
        """The body as one JSON document, or None. Leading blank lines are legal keep-alives, and JSON parsers skip them."""
        try:
            return strict_json.parse(self.text)
        except ValueError:
            return None

    @property
    def json(self) -> Any:
        return self.parsed.value if self.parsed else None

    @cached_property
    def items(self) -> tuple[Stamped, ...]:
        """Events and comments of the body, each with its stamp; ends early if the decoder's limits are exceeded."""
        return tuple(_stamp(self.decoded))

    @cached_property
    def events(self) -> tuple[Stamped, ...]:
        return tuple(stamped for stamped in self.items if isinstance(stamped.item, sse.Event))

    @cached_property
    def data(self) -> tuple[str, ...]:
        """The data of each event, in order."""
        return tuple(stamped.item.data for stamped in self.events if isinstance(stamped.item, sse.Event))

    @cached_property
    def chunks(self) -> tuple[tuple[int, Any], ...]:
        """``(event index, JSON value)`` for every event whose data is JSON; end markers and broken data are omitted."""
        return tuple(_chunks(self.data))

    @property
    def streamed(self) -> bool:
        return self.media_type == "text/event-stream"

    @property
    def reader(self) -> formats.Format:
        """The format of this exchange."""
        return formats.named(self.format)

    @cached_property
    def asked(self) -> dict[str, Any]:
        """The request body, empty if it is not a JSON object."""
        body = self.request.json
        return body if isinstance(body, dict) else {}

    @property
    def wants_stream(self) -> bool:
        return self.asked.get("stream") is True

    @cached_property
    def marks(self) -> tuple[tuple[int, Mark], ...]:
        """``(event index, mark)`` for every event that is JSON or an end marker."""
        return tuple(_marks(self))

    @cached_property
    def answer(self) -> Answer:
        """The whole answer: from the events if a stream was requested, else from the body."""
        return self.reader.joined(self.marks) if self.wants_stream else self.reader.answer(self.json)


def _chunks(data: tuple[str, ...]) -> Iterator[tuple[int, Any]]:
    for index, text in enumerate(data):
        try:
            yield index, strict_json.parse(text).value
        except ValueError:
            continue


def _marks(exchange: Exchange) -> Iterator[tuple[int, Mark]]:
    reader, chunks = exchange.reader, dict(exchange.chunks)
    for index, stamped in enumerate(exchange.events):
        event = stamped.item
        assert isinstance(event, sse.Event)
        if event.data == reader.grammar.end_data:
            yield index, END
        elif index in chunks:
            yield index, reader.mark(event.event, chunks[index])


def _stamp(reads: tuple[Read, ...]) -> Iterator[Stamped]:
    decoder, counts = sse.Decoder(), {sse.Event: 0, sse.Comment: 0}
    for read in reads:
        try:
            items = decoder.feed(read.data)
        except sse.SseLimitError:
            return
        for item in items:
            if sum(counts.values()) >= MAX_ITEMS:
                return
            yield Stamped(read.at, counts[type(item)], item)
            counts[type(item)] += 1


def inflated(reads: tuple[Read, ...]) -> Iterator[Read]:
    inflater, room = zlib.decompressobj(zlib.MAX_WBITS | 32), MAX_DECODED
    for read in reads:
        try:
            data = inflater.decompress(read.data, room)
        except zlib.error:
            return
        room -= len(data)
        yield Read(read.at, data)
        if room <= 0:
            return
