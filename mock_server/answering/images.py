"""Images as the model reads them: tokens by the number of pixels, the same for the same image.

"Images with a total pixel count below roughly 384×384 are scaled up […]. Larger images are scaled down […], so that the total
pixel count after resizing is roughly that of an 800×800 image. As a result, there is an upper bound of 384 tokens per image"
(guides/vision, 2026-08-23); the bound is 1024 since deepseek-flash. ``detail: low`` makes 512×512 of it first.
"""

import base64
import binascii
import struct
from hashlib import blake2b

from echosounder.mock_server.answering.prose import prose

MOST = 1024  # tokens of one image
PIXELS_PER_TOKEN = 800 * 800 / 384
LEAST_PIXELS = 384 * 384
LOW_PIXELS = 512 * 512
PLACEHOLDER = "[image]"  # what a model that sees no images is told in its place; the wording is not documented


def read(source: str, low: bool = False) -> str:
    """A text of as many tokens as the image has. *source*: a data URL, an address or the id of a file, whose size nobody knows here."""
    pixels = _pixels(source)
    number = int.from_bytes(blake2b(source.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return "".join(prose(number, tokens(pixels, low)))


def tokens(pixels: int | None, low: bool = False) -> int:
    """None: as many as an image can have."""
    if pixels is None and not low:
        return MOST
    shown = min(pixels or LOW_PIXELS, LOW_PIXELS) if low else pixels or LEAST_PIXELS
    return min(MOST, round(max(shown, LEAST_PIXELS) / PIXELS_PER_TOKEN))


def _pixels(source: str) -> int | None:
    """Of an image in a data URL of one of the formats PNG, GIF and JPEG; None where they cannot be seen."""
    head, comma, text = source.partition(";base64,")
    if not comma or not head.startswith("data:"):
        return None
    try:
        return _area(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, struct.error, IndexError):
        return None


def _area(data: bytes) -> int | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack(">II", data[16:24])
    elif data.startswith((b"GIF87a", b"GIF89a")):
        width, height = struct.unpack("<HH", data[6:10])
    elif data.startswith(b"\xff\xd8"):
        width, height = _jpeg(data)
    else:
        return None
    return int(width * height) or None


def _jpeg(data: bytes) -> tuple[int, int]:
    """Segment by segment up to the frame header (ITU-T T.81, B.2.2)."""
    at = 2
    while not (0xC0 <= data[at + 1] <= 0xCF and data[at + 1] not in (0xC4, 0xC8, 0xCC)):
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    height, width = struct.unpack(">HH", data[at + 5 : at + 9])
    return width, height
