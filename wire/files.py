"""Files named by the user: only regular files. A pipe or a device could block its reader forever."""

from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from echosounder.wire.errors import UsageError

MOST = 256 * 1024 * 1024
"""Bytes of a file that is read in one piece."""


def plain(path: Path) -> Path:
    """*path*; raises :class:`UsageError` if it exists and is neither file nor folder."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # whoever opens it says what is wrong
        return path
    if not (S_ISREG(mode) or S_ISDIR(mode)):
        raise UsageError(f"{path} is a pipe or a device, not a regular file; copy its content into a file first")
    return path


def fresh(name: str, runs: Path = Path("runs")) -> Path:
    """A new folder in *runs*, named by the time and *name*, and numbered where two runs begin in one second. Raises ``OSError``."""
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{name}"
    for number in count(1):
        path = runs / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path
    raise AssertionError("unreachable")


def text(path: Path, most: int = MOST) -> str:
    """The whole text of a file. Raises :class:`UsageError` for one larger than *most* bytes, ``OSError`` and ``UnicodeDecodeError``
    like reading does.
    """
    if plain(path).exists() and path.stat().st_size > most:
        raise UsageError(f"{path} is longer than {most:,} bytes: not a file of this kind")
    return path.read_text(encoding="utf-8")
