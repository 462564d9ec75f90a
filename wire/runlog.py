"""The run log: JSON lines that hold everything a run learned. Every output is a function of it.

One object a line, each with its ``kind``: a ``header`` first (:mod:`wire.header`), then ``exchange``, ``client``, ``sample`` and
``verdict`` records in the order they came to be, a ``footer`` last; ``wire/schemas/run-2.schema.json`` describes every kind.
A log without its footer is an unfinished run and says so; a last line that was cut is ignored.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from echosounder.wire.command import ClientRun
from echosounder.wire.errors import LogError, RecordError, TooMuchToJudge, UnfinishedRun
from echosounder.wire.exchange import UPSTREAM, VALUE, Exchange, Read, Request
from echosounder.wire.files import plain
from echosounder.wire.header import READABLE, SCHEMA, Header, header_from
from echosounder.wire.logged import SHAPES, STAMPS, LoggedExchange
from echosounder.wire.verdict import Result

_UPSTREAM = "@upstream"
FARTHEST = 10**60
"""Nanoseconds; beyond it a stamp is none, and cannot be computed with."""
LONGEST = 64 * 1024 * 1024
"""Characters of a line."""
MOST_DECODED = 256 * 1024 * 1024
"""Bytes of all answers of a run, content codings undone: more is too much to judge."""


class RunWriter:
    """Appends records to a log, flushing each to the file system: written records survive ``kill -9``.

    As a context manager it writes the footer at the end, also after an exception or Ctrl-C (``footer["interrupted"]``).
    """

    def __init__(self, path: Path, header: Header) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.footer: dict[str, Any] = {}
        self._file = path.open("w", encoding="utf-8")
        self._count: dict[str, int] = {}
        self.write("header", header.record())

    def write(self, kind: str, record: dict[str, Any]) -> None:
        self._count[kind] = self._count.get(kind, 0) + 1
        self._file.write(json.dumps({"kind": kind, **record}, separators=(",", ":")) + "\n")
        self._file.flush()

    def exchange(self, exchange: Exchange) -> None:
        self.write("exchange", exchange_record(exchange))

    def client(self, command: ClientRun) -> None:
        self.write("client", command.record())

    def result(self, result: Result) -> None:
        self.write("verdict", result.record())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.footer.setdefault("interrupted", kind.__name__)
        self.write("footer", {"records": dict(self._count), **self.footer})
        self._file.close()


@dataclass(frozen=True)
class Run:
    """A parsed log. ``footer`` is None for an unfinished run; ``place`` is the path of the log, as given on the command line."""

    header: Header
    exchanges: tuple[Exchange, ...] = ()
    results: tuple[Result, ...] = ()
    samples: tuple[dict[str, Any], ...] = ()
    footer: dict[str, Any] | None = None
    clients: tuple[ClientRun, ...] = ()
    place: str = "run.jsonl"

    def finished(self) -> "Run":
        """Returns self; raises :class:`UnfinishedRun` if the log has no footer or the run was interrupted."""
        if self.footer is None:
            raise UnfinishedRun("the log has no footer: the run did not finish, so it proves nothing; run it again")
        return self


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a log, lazily. Raises :class:`LogError` with the line number of an invalid line."""
    try:
        with plain(path).open(encoding="utf-8") as file:
            yield from _records(path, file)
    except (OSError, UnicodeDecodeError) as error:
        raise LogError(f"cannot read {path}: {error}") from None


def _records(path: Path, file: Any) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(iter(lambda: file.readline(LONGEST), ""), 1):
        if len(line) >= LONGEST:
            raise LogError(f"{path}:{number}: a line of more than {LONGEST:,} characters is not a record of a run")
        record = _record(path, number, line)
        if record is None:
            return
        _sound(path, number, record)
        if number == 1 and record.get("schema") not in READABLE:
            raise LogError(
                f"{path} is not a run log of schema {' or '.join(READABLE)} (its schema is {record.get('schema')!r})"
            )
        yield record


def _record(path: Path, number: int, line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        if not line.endswith("\n"):
            return None  # the writer was killed in the middle of its last line
        raise LogError(f"{path}:{number}: not JSON; is this a run.jsonl?") from None
    if not isinstance(record, dict) or not isinstance(record.get("kind"), str):
        raise LogError(f"{path}:{number}: not a run record")
    return record


def _sound(path: Path, number: int, record: dict[str, Any]) -> None:
    """Raises :class:`LogError` for a record that is not what everybody takes it for; exchanges and headers have readers of their own."""
    shape = SHAPES.get(record["kind"])
    try:
        if shape is not None:
            msgspec.convert(record, shape)
    except (msgspec.ValidationError, UnicodeError) as error:
        raise LogError(f"{path}:{number}: not a record of a {record['kind']} ({error})") from None


def header(path: Path) -> Header:
    """The header of a log. Raises :class:`LogError`, for an empty log too."""
    record = next(records(path), None)
    if record is None:
        raise LogError(f"{path} is empty: the run was stopped before it wrote anything")
    return _header(path, record)


def _header(path: Path, record: dict[str, Any]) -> Header:
    try:
        return header_from(record)
    except LogError as error:
        raise LogError(f"{path}: {error}") from None


def read(path: Path) -> Run:
    """The whole log. ``path`` may be the log or the run's folder. Raises :class:`LogError`."""
    path = path / "run.jsonl" if path.is_dir() else path
    kinds: dict[str, list[dict[str, Any]]] = {}
    for record in records(path):
        kinds.setdefault(record["kind"], []).append(record)
    if not kinds:
        raise LogError(f"{path} is empty; is this a run.jsonl?")
    try:
        return Run(
            header=_header(path, kinds["header"][0]),
            exchanges=_exchanges(path, kinds.get("exchange", ())),
            results=tuple(Result.from_record(record) for record in kinds.get("verdict", ())),
            samples=tuple(kinds.get("sample", ())),
            footer=kinds.get("footer", [None])[-1],
            clients=tuple(ClientRun.from_record(record) for record in kinds.get("client", ())),
            place=str(path),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise LogError(f"{path}: a record is missing or not of schema {SCHEMA} ({error!r})") from None


def _exchanges(path: Path, rows: Iterable[dict[str, Any]]) -> tuple[Exchange, ...]:
    """Raises :class:`TooMuchToJudge` where the answers are too much together, however small the log is that holds them."""
    found, room = [], MOST_DECODED
    for record in rows:
        exchange = exchange_from(record)
        room -= len(exchange.body) + VALUE * exchange.weight
        if room < 0:
            raise TooMuchToJudge(
                f"{path}: its answers are more than {MOST_DECODED:,} bytes together, too much to judge"
            )
        found.append(exchange)
    return tuple(found)


def exchange_record(exchange: Exchange) -> dict[str, Any]:
    """A JSON object that :func:`exchange_from` converts back into an equal exchange."""
    members = ((member.name, getattr(exchange, member.name)) for member in fields(exchange))
    record = {name: value for name, value in members if value not in (None, (), {})}
    record["request"] = {**asdict(exchange.request), "body": _pack(exchange.request.body)}
    record["reads"] = [[read.at, _pack(read.data)] for read in exchange.reads]
    return record


def exchange_from(record: dict[str, Any]) -> Exchange:
    """An exchange from its record. Raises :class:`RecordError` with the place of the invalid member."""
    members = {name: value for name, value in record.items() if name != "kind"}
    try:
        logged = msgspec.convert(members, LoggedExchange)
        body, reads = _unpack(logged.request.body), tuple(Read(at, _unpack(data)) for at, data in logged.reads)
    except (msgspec.ValidationError, KeyError, ValueError) as error:
        raise RecordError(f"a record of an exchange is not of this version ({error})") from None
    stamps = [read.at for read in reads] + [stamp for name in STAMPS if (stamp := getattr(logged, name)) is not None]
    if any(abs(stamp) > FARTHEST for stamp in stamps):
        raise RecordError("a stamp of an exchange is out of all bounds")
    sent = logged.request
    members["request"] = Request(sent.method, sent.path, sent.url, sent.headers, body)
    members |= {"headers": logged.headers, "reads": reads, "end": logged.end, "lacks": logged.lacks}
    if logged.probe.endswith(_UPSTREAM):  # how a log said it before it had a member for it
        members |= {"probe": logged.probe.removesuffix(_UPSTREAM), "side": UPSTREAM}
    return Exchange(**members)


def _pack(data: bytes) -> Any:
    """Text where the bytes are UTF-8, so that a person can read the log; base64 in an object where they are not, or where their escapes
    would be longer."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if text and len(json.dumps(text)) <= 4 * len(data) + 2:
        return text
    return {"base64": base64.b64encode(data).decode("ascii")} if data else ""


def _unpack(packed: Any) -> bytes:
    return base64.b64decode(packed["base64"]) if isinstance(packed, dict) else packed.encode("utf-8")


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a line of a log, as currently written."""
    document: dict[str, Any] = json.loads(
        (files("echosounder.wire") / "schemas" / "run-2.schema.json").read_text("utf-8")
    )
    return document
