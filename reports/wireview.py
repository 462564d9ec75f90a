"""The bytes of an exchange, bounded: the faulty part, its context, and marks for omissions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise, zip_longest
from typing import Any

from markupsafe import Markup, escape

from echosounder.reports import strip
from echosounder.reports.text import block, line, shown
from echosounder.wire import sse
from echosounder.wire.exchange import UPSTREAM, Exchange
from echosounder.wire.runlog import Run

AROUND, EDGE = 2, 3  # items shown on each side of a marked one, and at either end of a stream
MAX_ROW, MAX_MARKED, MAX_BODY, MAX_HEADERS = 800, 4_000, 3_000, 60
MAX_UPSTREAM = 2
MAX_VIEWS, MAX_TOTAL = 200, 800_000  # characters of escaped HTML: with the findings, the page stays below 2 MB


@dataclass(frozen=True, slots=True)
class WireRow:
    """Some bytes of the body: an SSE item, or a stretch without any. ``skipped`` counts items left out instead."""

    label: str
    offset: int
    at_ms: float | None
    text: str
    anchor: str = ""
    marked: bool = False
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """``anchor`` is unique on the page; ``title`` is one line; times are milliseconds since the request was sent."""

    anchor: str
    exchange: Exchange
    title: str
    request: str
    response: str
    rows: tuple[WireRow, ...]
    end: str
    upstream: tuple["View", ...] = ()  # the other side of a proxy: what reached it, and what it wrote
    strip: Markup | None = None

    @property
    def size(self) -> int:
        """Number of characters after escaping: a quote becomes five."""
        texts = (self.request, self.response, *(row.text for row in self.rows))
        here = sum(len(escape(text)) + 150 for text in texts) + len(self.strip or "")
        return here + sum(side.size for side in self.upstream)


@dataclass
class Marks:
    """Places that the findings of one exchange refer to."""

    events: set[int] = field(default_factory=set)
    offsets: set[int] = field(default_factory=set)


def views(findings: Iterable[Mapping[str, Any]], run: Run | None) -> dict[str, View]:
    """A view for each exchange that a finding names, by exchange id, up to the size limit of the page."""
    exchanges = {exchange.id: exchange for exchange in run.exchanges} if run else {}
    others = _upstream(exchanges.values())
    made: dict[str, View] = {}
    total = 0
    for name, marks in _marks(findings).items():
        if name in exchanges and len(made) < MAX_VIEWS and total < MAX_TOTAL:
            made[name] = _both(exchanges[name], marks, f"x{len(made) + 1}", others.get(name, []))
            total += made[name].size
    return made


def of(exchange: Exchange) -> str | None:
    """The id of the exchange whose upstream side this one is, in a log of a proxy; else None."""
    name = exchange.notes.get("of")
    return name if isinstance(name, str) and exchange.side == UPSTREAM else None


def link(finding: Mapping[str, Any], shown_views: Mapping[str, View]) -> str:
    """The fragment of the row that shows the finding; of its exchange if no row does; empty if it is not shown."""
    shown_view = shown_views.get(finding["exchange"])
    if shown_view is None:
        return ""
    rows = {row.anchor for row in shown_view.rows}
    wanted = f"{shown_view.anchor}-e{finding.get('event')}"
    if wanted not in rows and (offset := finding.get("offset")) is not None:
        wanted = next((row.anchor for row in reversed(shown_view.rows) if row.anchor and row.offset <= offset), "")
    return "#" + (wanted if wanted in rows else shown_view.anchor)


def view(exchange: Exchange, marks: Marks, anchor: str) -> View:
    rows = _stream(exchange, marks, anchor) if exchange.items and exchange.streamed else _plain(exchange, marks, anchor)
    return View(
        anchor, exchange, _title(exchange), _request(exchange), _response(exchange), tuple(rows), _end(exchange)
    )


def _upstream(exchanges: Iterable[Exchange]) -> dict[str, list[Exchange]]:
    sides: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        if name := of(exchange):
            sides.setdefault(name, []).append(exchange)
    return sides


def _both(exchange: Exchange, marks: Marks, anchor: str, upstream: list[Exchange]) -> View:
    """Both sides of a proxy. The upstream's reads are what it wrote, on the same clock; its last answer is the client's."""
    client = view(exchange, marks, anchor)
    if not upstream:
        return client
    same = Marks(marks.events)  # a byte offset means nothing on the other side
    sides = tuple(view(side, same, f"{anchor}u{place}") for place, side in enumerate(upstream[:MAX_UPSTREAM], 1))
    written, read = ([stamped.at for stamped in side.events] for side in (upstream[-1], exchange))
    return replace(client, upstream=sides, strip=strip.render(list(zip_longest(written, read))))


def _marks(findings: Iterable[Mapping[str, Any]]) -> dict[str, Marks]:
    marks: dict[str, Marks] = {}
    for finding in findings:
        if name := finding["exchange"]:
            of = marks.setdefault(name, Marks())
            if finding.get("event") is not None:
                of.events.add(finding["event"])
            elif finding.get("offset") is not None:
                of.offsets.add(finding["offset"])
    return marks


def _stream(exchange: Exchange, marks: Marks, anchor: str) -> Iterator[WireRow]:
    rows = list(_items(exchange, marks, anchor))
    keep = _kept([index for index, row in enumerate(rows) if row.marked], len(rows))
    last = -1
    for index in keep:
        if index > last + 1:
            yield WireRow("", rows[last + 1].offset, None, "", skipped=index - last - 1)
        yield rows[index]
        last = index


def _kept(marked: list[int], count: int) -> list[int]:
    near = {index + step for index in marked for step in range(-AROUND, AROUND + 1)}
    edges = {*range(EDGE), *range(count - EDGE, count)}
    return sorted(index for index in near | edges if 0 <= index < count)


def _items(exchange: Exchange, marks: Marks, anchor: str) -> Iterator[WireRow]:
    items, body = exchange.items, exchange.body
    bounds = [*(stamped.item.offset for stamped in items), len(body)]
    if bounds[0] > 0:
        yield WireRow("before the first event", 0, None, shown(body[: bounds[0]], MAX_ROW))
    for stamped, (start, stop) in zip(items, pairwise(bounds), strict=True):
        event = isinstance(stamped.item, sse.Event)
        marked = (event and stamped.index in marks.events) or any(start <= offset < stop for offset in marks.offsets)
        text = shown(body[start:stop].removesuffix(b"\n").removesuffix(b"\n"), MAX_MARKED if marked else MAX_ROW)
        name = f"{'event' if event else 'comment'} {stamped.index}"
        mark = f"{anchor}-{'e' if event else 'c'}{stamped.index}"
        yield WireRow(name, start, _since(exchange, stamped.at), text, mark, marked)


def _plain(exchange: Exchange, marks: Marks, anchor: str) -> Iterator[WireRow]:
    body, at = exchange.body, _since(exchange, exchange.reads[-1].at if exchange.reads else None)
    first = body[:MAX_BODY]
    if body:
        yield WireRow("body", 0, at, shown(first, MAX_BODY), f"{anchor}-b0", any(o < len(first) for o in marks.offsets))
    shown_to = len(first)
    for offset in sorted(offset for offset in marks.offsets if offset >= len(first)):
        if offset >= shown_to:
            start = max(shown_to, offset - MAX_ROW // 2)
            yield WireRow("body", start, None, shown(body[start : start + MAX_ROW]), f"{anchor}-b{start}", True)
            shown_to = start + MAX_ROW
    if len(body) > shown_to:
        yield WireRow("", shown_to, None, f"{len(body) - shown_to:,} more bytes in run.jsonl")


def _since(exchange: Exchange, at: int | None) -> float | None:
    return None if at is None or exchange.t_sent is None else (at - exchange.t_sent) / 1e6


def _title(exchange: Exchange) -> str:
    answer = str(exchange.status) if exchange.status is not None else "no answer"
    return line(f"{exchange.request.method} {exchange.request.path} → {answer}", 160)


def _request(exchange: Exchange) -> str:
    request = exchange.request
    head = [line(f"{request.method} {request.url}", 500), *_headers(request.headers)]
    return "\n".join(head) + "\n\n" + shown(request.body, MAX_BODY)


def _response(exchange: Exchange) -> str:
    if exchange.status is None:
        return line(exchange.error or "no answer", 500)
    start = line(f"{exchange.http_version or 'HTTP'} {exchange.status} {exchange.reason}", 500)
    return "\n".join([start, *_headers(exchange.headers)])


def _headers(headers: Iterable[tuple[str, str]]) -> list[str]:
    lines = [line(f"{name}: {value}", 500) for name, value in headers]
    more = [f"… {len(lines) - MAX_HEADERS} more headers"] if len(lines) > MAX_HEADERS else []
    return lines[:MAX_HEADERS] + more


def _end(exchange: Exchange) -> str:
    at = _since(exchange, exchange.t_closed)
    when = f" after {at:,.1f} ms" if at is not None else ""
    why = f": {block(exchange.error, 300)}" if exchange.error else ""
    return f"{exchange.end}{when}, {sum(len(read.data) for read in exchange.reads):,} bytes in {len(exchange.reads)} reads{why}"
