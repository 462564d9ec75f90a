"""Standard output: wrapped to the width of a terminal, unwrapped in a pipe or file."""

from typing import Any

from rich.console import Console

WIDEST = 100_000  # columns


def console(**more: Any) -> Console:
    """A console; *more* are arguments of rich's console."""
    made = Console(highlight=False, **more)
    if not made.is_terminal:
        made.width = WIDEST
    return made
