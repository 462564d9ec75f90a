"""Pictures to send: black PNGs of any size in some hundred bytes. https://www.w3.org/TR/png-3/"""

from __future__ import annotations

import base64
import struct
import zlib

DATA = "data:image/png;base64,"


def png(width: int, height: int) -> bytes:
    """A PNG image with one bit per pixel, all black."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1 + (width + 7) // 8) * height, 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def data_url(data: bytes) -> str:
    return DATA + base64.b64encode(data).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
