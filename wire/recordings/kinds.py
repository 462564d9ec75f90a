"""Detects the kind of a recording (file or folder), and reads its exchanges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from echosounder.wire.errors import LogError
from echosounder.wire.exchange import Exchange
from echosounder.wire.files import plain
from echosounder.wire.recordings import cassettes, flows, har, pairs
from echosounder.wire.recordings.foreign import Foreign

Reader = Callable[[Path], Iterator[Foreign | None]]
CASSETTE = {".yaml", ".yml", ".json"}
KINDS = "a run's folder, a HAR, mitmproxy flows, a vcr cassette, or a folder of request and response files"


def reader(path: Path) -> Reader:
    """The reader for the name or the first bytes of the file. Raises :class:`LogError` for any other file."""
    if not plain(path).exists():
        raise LogError(f"there is no {path}; give {KINDS}")
    if path.is_dir():
        return pairs.captures
    try:
        with path.open("rb") as file:
            start = file.read(64 * 1024)
    except OSError as error:
        raise LogError(f"cannot read {path}: {error.strerror}") from None
    if path.suffix == ".har" or (start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and b'"log"' in start):
        return har.captures
    digits = start.partition(b":")[0]
    if digits.isdigit() and len(digits) <= 10:
        return flows.captures
    if CASSETTE & set(path.suffixes) or b"interactions:" in start:
        return cassettes.captures
    raise LogError(f"{path} is not a readable recording; give {KINDS}")


def exchanges(path: Path) -> Iterator[Exchange | None]:
    """Exchanges in the order of the file; None for each entry that cannot be read. Raises :class:`LogError` where the file is damaged."""
    try:
        for number, seen in enumerate(reader(path)(path), 1):
            yield None if seen is None else seen.exchange(str(number))
    except OSError as error:
        raise LogError(f"cannot read {path}: {error.strerror}") from None
