"""Files by key, in memory, until they expire or are deleted."""

import heapq
from dataclasses import dataclass
from typing import Any

from echosounder.specs import Attachments

ROOM = 256 << 20  # bytes of all files of all keys; the real server allows 25 GiB per account


class Full(Exception):
    """The file store is full; names the bound that the file would exceed."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A stored file. Times are seconds since 1970; ``expires`` None: the file does not expire."""

    id: str
    name: str
    purpose: str
    data: bytes
    created: int
    expires: int | None

    def entry(self) -> dict[str, Any]:
        """Entry of a file, as the API returns it."""
        about = {"id": self.id, "object": "file", "bytes": len(self.data), "created_at": self.created}
        return about | {"expires_at": self.expires, "filename": self.name, "purpose": self.purpose}


class Files:
    """Files of all keys, each in the order of upload. Times are seconds since 1970."""

    def __init__(self, bounds: Attachments, room: int = ROOM) -> None:
        self._bounds, self._room = bounds, room
        self._kept: dict[str, dict[str, StoredFile]] = {}
        self._expiry: list[tuple[int, str, str]] = []  # heap of expiry time, key, id; may contain deleted files
        self.bytes = 0

    def add(self, key: str, file: StoredFile, now: float) -> None:
        """Store a file. Raises :class:`Full`."""
        self._drop_expired(now)
        mine = self._kept.get(key, {})
        if len(mine) >= self._bounds.files:
            raise Full(f"the account already has the maximum of {self._bounds.files} files")
        if sum(len(each.data) for each in mine.values()) + len(file.data) > self._bounds.files_bytes:
            raise Full(f"the files of the account would have more than {self._bounds.files_bytes} bytes")
        if self.bytes + len(file.data) > self._room:
            raise Full(f"mock: all files together may have at most {self._room} bytes; delete some")
        self._kept.setdefault(key, {})[file.id] = file
        self.bytes += len(file.data)
        if file.expires is not None:
            heapq.heappush(self._expiry, (file.expires, key, file.id))

    def get(self, key: str, id: str, now: float) -> StoredFile | None:
        self._drop_expired(now)
        return self._kept.get(key, {}).get(id)

    def delete(self, key: str, id: str, now: float) -> bool:
        """Delete a file; return whether it existed."""
        self._drop_expired(now)
        return self._drop(key, id)

    def listed(self, key: str, ascending: bool, now: float) -> list[StoredFile]:
        """Return the files, the oldest or the newest first."""
        self._drop_expired(now)
        mine = list(self._kept.get(key, {}).values())
        return mine if ascending else mine[::-1]

    def clear(self) -> None:
        self._kept.clear()
        self._expiry.clear()
        self.bytes = 0

    def state(self) -> dict[str, int]:
        """State for the control interface; expired files count until the next request for files."""
        return {"kept": sum(map(len, self._kept.values())), "bytes": self.bytes}

    def _drop_expired(self, now: float) -> None:
        while self._expiry and self._expiry[0][0] <= now:
            _, key, id = heapq.heappop(self._expiry)
            self._drop(key, id)

    def _drop(self, key: str, id: str) -> bool:
        gone = self._kept.get(key, {}).pop(id, None)
        if gone is None:
            return False
        self.bytes -= len(gone.data)
        if not self._kept[key]:
            del self._kept[key]
        return True
