"""Files that the server keeps: their way from upload to deletion, and forms that must be refused. Free of charge."""

from __future__ import annotations

from collections.abc import Iterator

from echosounder import specs
from echosounder.conformance.ask import Ask, Send
from echosounder.conformance.pictures import png
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.errors import faulty, keyed, needs_key
from echosounder.judgement.agreed import BAD_KEY
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

BOUNDARY = "echosounder-form-3141592653589793"
SECONDS = 3600
FIRST, SECOND = "echosounder-1.png", "echosounder-2.png"
PURPOSE = {"purpose": "user_data"}


def keeps_files(subject: Subject) -> bool:
    return specs.attachments(subject.profile) is not None


def expiry(seconds: int) -> dict[str, str]:
    return {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(seconds)}


def form(fields: dict[str, str], name: str | None = None, data: bytes = b"", *, step: str) -> Send:
    """An upload; without *name* it has no file. ``notes`` describe it."""
    disposition = 'content-disposition: form-data; name="'
    parts = [f'{disposition}{field}"\r\n\r\n{value}'.encode() for field, value in fields.items()]
    if name is not None:
        parts.append(f'{disposition}file"; filename="{name}"\r\ncontent-type: image/png\r\n\r\n'.encode() + data)
    body = b"".join(f"--{BOUNDARY}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()
    label = (("content-type", f"multipart/form-data; boundary={BOUNDARY}"),)
    sent = {"filename": name, "bytes": len(data), **fields}
    return Send("POST", "/files", body, step, headers=label, notes={"file": sent})


def upload(name: str, side: int, *, step: str, **fields: str) -> Send:
    return form(PURPOSE | fields, name, png(side, side), step=step)


def id_of(exchange: Exchange) -> str | None:
    """Id of the file that a response describes; None if it does not describe one."""
    found = at(exchange.json, "id") if exchange.status == 200 else None
    return found if isinstance(found, str) and found and found.isascii() and "/" not in found else None


@probe("files.life", Suite.THOROUGH, requests=11, prompt=0, tokens=0, features={"files"}, applies=keeps_files, order=60)
def life(ask: Ask) -> Steps:
    """Two files: uploaded, retrieved, listed in both orders and in pages, deleted."""
    one = id_of((yield upload(FIRST, 8, step="upload")))
    two = id_of((yield upload(SECOND, 16, step="upload-expiring", **expiry(SECONDS))))
    yield from (ask.get(f"/files/{id}", step="retrieve") for id in (one, two) if id)
    yield ask.get("/files?order=asc", step="ascending")
    yield ask.get("/files?order=desc", step="descending")
    yield ask.get("/files?order=asc&limit=1", step="limited")
    if one and two:
        yield ask.get(f"/files?order=asc&after={one}", step="after")
    for id in filter(None, (one, two)):
        yield deletion(ask, id)
    if one:
        yield faulty(ask.get(f"/files/{one}", step="gone"), "a deleted file")


def deletion(ask: Ask, id: str) -> Send:
    return ask.get(f"/files/{id}", step="delete").but(method="DELETE")


def wrong_forms() -> Iterator[tuple[str, Send]]:
    """Each form with its error."""
    yield "no purpose", form({}, FIRST, png(8, 8), step="no-purpose")
    yield "an unknown purpose", upload(FIRST, 8, step="purpose", purpose="nothing-that-exists")
    yield "no file", form(PURPOSE, step="no-file")
    yield "an expiry below an hour", upload(FIRST, 8, step="short", **expiry(3599))
    yield "an expiry above 30 days", upload(FIRST, 8, step="long", **expiry(2_592_001))
    yield "an expiry without an anchor", upload(FIRST, 8, step="no-anchor", **{"expires_after[seconds]": "3600"})


@probe(
    "files.bounds",
    Suite.THOROUGH,
    requests=12,
    prompt=0,
    tokens=0,
    features={"files", "errors"},
    applies=keeps_files,
    order=10,
)
def bounds(ask: Ask) -> Steps:
    """Forms with one fault each; files that are stored anyway are deleted."""
    for fault, send in wrong_forms():
        if id := id_of((yield faulty(send, fault))):
            yield deletion(ask, id)


def kept_from_strangers(subject: Subject) -> bool:
    return keeps_files(subject) and needs_key(subject)


@probe(
    "files.bad-key",
    Suite.THOROUGH,
    prompt=0,
    tokens=0,
    features={"files", "errors"},
    applies=kept_from_strangers,
    order=10,
)
def bad_key(ask: Ask) -> Steps:
    """The list of files with an unknown key."""
    yield keyed(ask.get("/files"), f"Bearer {BAD_KEY}", "unknown key")
