"""Spellings of a secret that a reader could still recognize: one pattern for all of them.

A character stands for itself in either case, percent-encoded, escaped as in JSON or HTML, each any number of times over; a whole
secret may be in hexadecimal or in base64, wherever in a longer text that was encoded it stood. Every repetition is bounded, so a
search is linear in what it searches.
"""

import re
from base64 import b64encode
from functools import lru_cache

AGAIN = 8  # times over that an escape is escaped
BETWEEN = (
    rb"(?:[\s:-]|\\{1,8}[nrt]|0x|\\{1,8}x){0,2}"  # what stands between the digits of two bytes, or the lines of base64
)


@lru_cache(maxsize=256)
def pattern(secret: str) -> re.Pattern[bytes]:
    """Matches *secret* in bytes, however it is spelled."""
    raw = secret.encode()
    forms = [*map(_text, dict.fromkeys((raw, secret.encode("latin-1", "replace")))), _hexadecimal(raw)]
    forms += [_base64(raw, before) for before in range(3)]
    return re.compile(b"|".join(forms), re.IGNORECASE)


def _text(raw: bytes) -> bytes:
    return b"".join(_character(byte) for byte in raw)


def _character(byte: int) -> bytes:
    """One byte: itself, ``%63``, ``%2563``, ``\\u0063``, ``\\x63``, ``&#99;``, ``&#x63;``."""
    itself = re.escape(bytes([byte]))
    escaped = rb"%%(?:25){0,%d}%02x|\\{1,%d}(?:u00|x)%02x" % (AGAIN, byte, AGAIN, byte)
    entity = rb"&(?:amp;){0,%d}#(?:x0{0,6}%02x|0{0,6}%d);?" % (AGAIN, byte, byte)
    return rb"(?:\\{0,%d}%b|%b|%b)" % (AGAIN, itself, escaped, entity)


def _hexadecimal(raw: bytes) -> bytes:
    return BETWEEN.join(b"%02x" % byte for byte in raw)


def _base64(raw: bytes, before: int) -> bytes:
    """The characters that *raw* alone decides, where *before* bytes of a group of three stand in front of it."""
    first, end = -(-8 * before // 6), 8 * (before + len(raw)) // 6
    digits = b64encode(bytes(before) + raw)[first:end]
    return BETWEEN.join(_digit(digit) for digit in digits)


def _digit(digit: int) -> bytes:
    other = {ord("+"): b"-", ord("/"): b"_"}.get(digit)  # RFC 4648, section 5
    return b"(?:%b|%b)" % (_character(digit), other) if other else b"%c" % digit
