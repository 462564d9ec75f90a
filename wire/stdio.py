"""Text on standard output and error, in any locale."""

import io
import sys


def in_every_locale() -> None:
    """Let no character that the locale lacks end a program.

    What goes into a file or a pipe is UTF-8, as the documents that are written there say of themselves; a terminal gets its
    own encoding, with escapes for what it cannot show. What comes in from a pipe is UTF-8 too.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # and not what a test puts there, or None
            if stream.isatty():
                stream.reconfigure(errors="backslashreplace")
            else:
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
