"""Progress on standard error: a bar on a terminal, occasional lines otherwise."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from echosounder.wire.visible import line

SOONEST, LATEST = 2.0, 30.0  # s between two lines
PARTS = 10


class Lines(Progress):
    """Prints a line for each tenth of the work, but at most every :data:`SOONEST` seconds and at least every :data:`LATEST`.

    *clock* returns seconds; the run begins when this is created.
    """

    def __init__(self, label: str, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console=console, disable=True)
        self._label, self._clock, self._begun, self._last, self._part = label, clock, clock(), clock(), 0

    def update(self, task_id: TaskID, **given: Any) -> None:
        super().update(task_id, **given)
        task, now = self.tasks[self.task_ids.index(task_id)], self._clock()
        part = int(PARTS * task.completed / task.total) if task.total else 0
        waited = now - self._last
        if waited >= LATEST or (part != self._part and waited >= SOONEST):
            self._last, self._part = now, part
            count = f"{task.completed:g} of {task.total:g}" if task.total else f"{task.completed:g}"
            text = line(f"{self._label}: {count} after {now - self._begun:.0f} s: {task.description}".rstrip(": "))
            self.console.print(text, soft_wrap=True, markup=False, highlight=False)


@contextmanager
def progress(label: str, quiet: bool) -> Iterator[Progress]:
    """Progress display of the run named *label*; none if *quiet*, as for ``--json``."""
    console = Console(stderr=True)
    if not (quiet or console.is_terminal):
        yield Lines(label, console)
        return
    columns = (
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.description}"),
    )
    with Progress(*columns, console=console, transient=True, disable=quiet) as bar:
        yield bar
