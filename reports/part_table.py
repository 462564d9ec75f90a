"""A table of a load report whose rows are parts of the run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartTable:
    """``id`` is an anchor; the first cell of each row names the part, the last one its objectives if they are ``judged``."""

    id: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    judged: bool = False

    @property
    def figures(self) -> int:
        """Number of columns without the objectives."""
        return len(self.head) - self.judged
