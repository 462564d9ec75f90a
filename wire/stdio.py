"""Text on standard output and error, in any locale."""

import io
import sys


def in_every_locale() -> None:
    """Keeps the program running if its locale lacks a character. Files and pipes are UTF-8 in both directions; a terminal uses its own
    encoding, with escapes for characters that it cannot show.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # and not what a test puts there, or None
            if stream.isatty():
                stream.reconfigure(errors="backslashreplace")
            else:
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
