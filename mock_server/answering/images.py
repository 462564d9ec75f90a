"""Images as the model reads them: tokens by the number of pixels, the same for the same image.

"Images with a total pixel count below roughly 384×384 are scaled up […]. Larger images are scaled down […], so that
the total pixel count after resizing is roughly that of an 800×800 image. As a result, there is an upper bound of 384
tokens per image" (guides/vision, 2026-08-23); the bound is 1024 since deepseek-flash. With ``detail: low`` the image
is first scaled down to 512×512.
"""

import base64
import struct
from hashlib import blake2b

from echosounder.mock_server.answering.prose import prose

MOST = 1024  # tokens of one image
PIXELS_PER_TOKEN = 800 * 800 / 384
LEAST_PIXELS = 384 * 384
LOW_PIXELS = 512 * 512
PLACEHOLDER = "[image]"  # replaces images for a model without vision; the wording is not documented


def read(source: str, low: bool = False) -> str:
    """Return a text with as many tokens as the image has. *source* is a data URL, an address, or a file id; only data
    URLs reveal the image's size.
    """
    pixels = _pixels(source)
    number = int.from_bytes(blake2b(source.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return "".join(prose(number, tokens(pixels, low)))


def tokens(pixels: int | None, low: bool = False) -> int:
    """Number of tokens of an image; None: the maximum."""
    if pixels is None and not low:
        return MOST
    shown = min(pixels or LOW_PIXELS, LOW_PIXELS) if low else pixels or LEAST_PIXELS
    return min(MOST, round(max(shown, LEAST_PIXELS) / PIXELS_PER_TOKEN))


def _pixels(source: str) -> int | None:
    """Of an image in a data URL; None where they cannot be seen."""
    data = inline(source)
    found = size(data) if data is not None else None
    return found[0] * found[1] or None if found else None


def inline(source: str) -> bytes | None:
    """Content of a data URL in base64; None for any other text."""
    head, comma, text = source.partition(";base64,")
    if not comma or not head.startswith("data:"):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF, JPEG or WebP, under any file name; None for anything else, and for a damaged header."""
    try:
        for magic, read in READERS.items():
            if data.startswith(magic) and (magic != b"RIFF" or data[8:12] == b"WEBP"):
                return read(data)
    except (struct.error, IndexError):
        pass
    return None


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack("<HH", data[6:10])
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    """Segment by segment up to the frame header (ITU-T T.81, B.2.2)."""
    at = 2
    while not (0xC0 <= data[at + 1] <= 0xCF and data[at + 1] not in (0xC4, 0xC8, 0xCC)):
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    height, width = struct.unpack(">HH", data[at + 5 : at + 9])
    return width, height


def _webp(data: bytes) -> tuple[int, int]:
    """Extended, lossless and lossy files (RFC 9649, 2.7, 3.4; RFC 6386, 9.1)."""
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", body[6:10])
    return width & 0x3FFF, height & 0x3FFF


READERS = {b"\x89PNG\r\n\x1a\n": _png, b"GIF87a": _gif, b"GIF89a": _gif, b"\xff\xd8": _jpeg, b"RIFF": _webp}
