"""Buckets and interchange format of HdrHistogram, for values from 1 µs to a day and three significant digits.

The published package of that name needs a compiler where it has no wheel. Buckets and bytes here are the same, and the tests hold
them against it: below 2048 a bucket is one value; above, each power of two has 1024 of them.
Source: HdrHistogram, ``AbstractHistogram`` and ``ZigZagEncoding`` (V2 of the encoding).
"""

import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from struct import pack

DAY_US = 86_400_000_000
DIGITS = 3
BITS = 11  # the fewest that distinguish 2 * 10**DIGITS values
HALF = 1 << (BITS - 1)
# Cookies of an encoding and of its compressed envelope; 0x10 marks counts of variable length.
ENCODING, ENVELOPE = 0x1C849303 | 0x10, 0x1C849304 | 0x10


def bucket(value: int) -> int:
    """The number of the bucket of a value in µs; values outside go into the first or last bucket that is used."""
    value = min(max(value, 1), DAY_US)
    shift = max(value.bit_length() - BITS, 0)
    return shift * HALF + (value >> shift)


def highest(number: int) -> int:
    """The largest value in µs that the bucket holds."""
    shift = max(number // HALF - 1, 0)
    return ((number - shift * HALF + 1) << shift) - 1


BUCKETS = (max(DAY_US.bit_length() - BITS, 0) + 2) * HALF


def encoded(counts: Sequence[int]) -> str:
    """Counts by bucket in the format that HdrHistogram logs hold and its tools read: compressed, in base64."""
    used = next((number for number in range(len(counts), 0, -1) if counts[number - 1]), 0)
    body = b"".join(map(_leb128, _runs(counts[:used])))
    header = pack(">IIIIQQd", ENCODING, len(body), 0, DIGITS, 1, DAY_US, 1.0)
    packed = zlib.compress(header + body)
    return b64encode(pack(">II", ENVELOPE, len(packed)) + packed).decode("ascii")


def _runs(counts: Iterable[int]) -> Iterator[int]:
    """The counts, with each run of empty buckets replaced by its negative length."""
    for empty, run in groupby(counts, lambda count: count == 0):
        if empty:
            yield -sum(1 for _ in run)
        else:
            yield from run


def _leb128(number: int) -> bytes:
    """Encode an integer with seven bits per byte, least significant first, the sign in the lowest bit. Valid below
    2**55, which no count reaches.
    """
    rest = 2 * number if number >= 0 else -2 * number - 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])
