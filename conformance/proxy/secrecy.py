"""Whether an answer shows a credential of the upstream, of which only the digest is known; if so, it is blotted out here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from echosounder.conformance.proxy.upstream import digest
from echosounder.wire.exchange import Exchange, Read

_TOKEN = re.compile(rb"[A-Za-z0-9_\-.]{8,512}")


def without_secrets(client: Exchange, credentials: Iterable[str]) -> Exchange:
    """*client* with ``notes["leaks"]`` if it contained a token of one of the *credentials* (SHA-256, hexadecimal).

    Lengths are unchanged: offsets are evidence.
    """
    known = set(credentials)
    body = b"".join(read.data for read in client.reads)
    heads = " ".join(value for _, value in client.headers).encode("latin-1", "replace")
    shown = {token for token in _TOKEN.findall(body + b" " + heads) if digest(token.decode()) in known}
    if not shown:
        return client
    for token in shown:
        body = body.replace(token, b"*" * len(token))
    return replace(
        client,
        headers=tuple((name, _blotted(value, shown)) for name, value in client.headers),
        reads=tuple(_recut(client.reads, body)),
        notes={**client.notes, "leaks": ["the upstream's key"]},
    )


def _blotted(value: str, tokens: Iterable[bytes]) -> str:
    for token in tokens:
        value = value.replace(token.decode(), "*" * len(token))
    return value


def _recut(reads: Iterable[Read], body: bytes) -> Iterable[Read]:
    start = 0
    for read in reads:
        yield Read(read.at, body[start : start + len(read.data)])
        start += len(read.data)
