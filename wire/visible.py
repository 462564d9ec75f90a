"""Sanitizes untrusted text for one line: whatever a target sent, it moves no cursor and changes no reading order."""

import re

# Everything that is invisible, moves the cursor, reorders what surrounds it, or is illegal in XML 1.0 (section 2.2).
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # bidirectional controls, zero width, line separators
    "\ud800-\udfff\ufffe\uffff"  # lone surrogates, noncharacters
    "\U000e0000-\U000e007f]"  # tags
)
ELLIPSIS = "…"


def visible(text: str) -> str:
    r"""*text* with each unsafe character escaped: ``\x1b``, ``\u202e``; a byte that is not UTF-8 becomes ``\xff``."""
    return UNSAFE.sub(lambda match: spelt(match.group()), text)


def line(text: str, limit: int = 300) -> str:
    """*text* on one line of at most *limit* characters."""
    flat = " ".join(visible(text[: 4 * limit]).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + ELLIPSIS


def spelt(char: str) -> str:
    """An unsafe character as an escape; of a byte that was not UTF-8, the byte."""
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape (PEP 383)
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
