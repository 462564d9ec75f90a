"""The error of an invalid line in a file of recorded requests."""

Line = tuple[int, str]
"""The number of a line, and its text."""


class TraceError(ValueError):
    """An invalid line of a trace. ``number`` is its line number."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number
