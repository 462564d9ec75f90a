"""What an image costs, by its pixels."""

import base64
import struct

import pytest

from echosounder.mock_server.answering import images
from echosounder.mock_server.answering.pieces import estimate

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 400, 800)
GIF = b"GIF89a" + struct.pack("<HH", 400, 800)
JPEG = b"\xff\xd8\xff\xe0\0\x04\0\0\xff\xc0\0\x11\x08" + struct.pack(">HH", 800, 400)


@pytest.mark.parametrize(
    ("pixels", "low", "tokens"),
    [
        (1, False, 88),  # as 384 × 384
        (384 * 384, False, 88),
        (800 * 800, False, 384),
        (5000 * 5000, False, 1024),
        (5000 * 5000, True, 157),  # as 512 × 512
        (1, True, 88),
        (None, False, 1024),
        (None, True, 157),
    ],
)
def test_tokens_of_pixels(pixels, low, tokens):
    assert images.tokens(pixels, low) == tokens


@pytest.mark.parametrize("data", [PNG, GIF, JPEG])
def test_the_size_is_read_from_the_data_whatever_it_says_it_is(data):
    source = f"data:image/webp;base64,{base64.b64encode(data).decode()}"
    assert len(estimate(images.read(source))) == images.tokens(400 * 800) == 192


@pytest.mark.parametrize(
    "data", ["", "%", base64.b64encode(b"\xff\xd8\xff").decode(), base64.b64encode(PNG[:12]).decode()]
)
def test_an_image_that_is_none_counts_as_the_largest(data):
    assert len(estimate(images.read(f"data:image/png;base64,{data}"))) == images.MOST


def test_another_image_is_another_text():
    assert images.read("https://example.com/a.png") != images.read("https://example.com/b.png")
