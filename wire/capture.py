"""The recorded form of an exchange, with all secrets removed.

Secrets are looked for where they stand and behind every decoding that the bytes announce: content coding, the events of a stream put
together. Offsets and lengths are evidence and stay as they are wherever that is possible.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from echosounder.wire.exchange import INFLATED, End, Exchange, Read, inflated
from echosounder.wire.redact import Redactor

GZIP = b"\x1f\x8b"
SPREAD = "the answer held a secret of ours in pieces, so nothing of its body is kept"
CODED = "the answer came in a content coding that was not asked for and cannot be searched for secrets, so its body is not kept"


def clean(exchange: Exchange, redact: Redactor) -> Exchange:
    """*exchange* with all secrets in its answer redacted; its request is redacted already."""
    kept = replace(
        exchange,
        reason=redact.text(exchange.reason),
        headers=redact.headers(exchange.headers),
        error=redact.text(exchange.error),
        reads=masked(exchange.reads, redact),
    )
    if not redact.long or not kept.reads:
        return kept
    if kept.coding in INFLATED:
        kept = _recoded(kept, redact)
    elif _unreadable(kept, redact):
        return _without_body(kept, CODED)
    return _without_body(kept, SPREAD) if _spread(kept, redact) else kept


def masked(reads: Sequence[Read], redact: Redactor) -> tuple[Read, ...]:
    """The reads with every secret masked, even across reads. Lengths are unchanged: offsets and Content-Length are evidence."""
    return _cut(redact.masked(b"".join(read.data for read in reads)), reads)


def _cut(data: bytes, like: Sequence[Read]) -> tuple[Read, ...]:
    start, found = 0, []
    for read in like:
        found.append(Read(read.at, data[start : start + len(read.data)]))
        start += len(read.data)
    return tuple(found)


def _recoded(exchange: Exchange, redact: Redactor) -> Exchange:
    """Where the coding hides a secret: the same text without it, coded again, with its stamps."""
    if not redact.holds(exchange.body):
        return exchange
    coder = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    reads = [
        Read(read.at, coder.compress(read.data) + coder.flush(zlib.Z_SYNC_FLUSH))
        for read in masked(exchange.decoded, redact)
    ]
    return replace(exchange, reads=(*reads[:-1], Read(reads[-1].at, reads[-1].data + coder.flush())))


def _unreadable(exchange: Exchange, redact: Redactor) -> bool:
    """Could a reader with other tools than ours find something in it? gzip is known by its first bytes too."""
    data = b"".join(read.data for read in exchange.reads)
    if data.startswith(GZIP):
        return redact.holds(b"".join(read.data for read in inflated(exchange.reads)))
    return exchange.coding != "identity" and not _utf8(data)


def _utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _spread(exchange: Exchange, redact: Redactor) -> bool:
    """Do the strings that stand at one place of successive events make a secret together?"""
    together: dict[tuple[Any, ...], list[str]] = {}
    for _, value in exchange.chunks if len(exchange.chunks) > 1 else ():
        for place, text in _strings(value, ()):
            together.setdefault(place, []).append(text)
    return any(redact.holds("".join(texts).encode("utf-8", "surrogatepass")) for texts in together.values())


def _strings(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _strings(member, (*place, name))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from _strings(member, (*place, number))


def _without_body(exchange: Exchange, why: str) -> Exchange:
    return replace(exchange, reads=(), end=End.CLIENT_CANCELLED, error=why)
