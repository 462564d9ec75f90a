"""The run's log with the workers' lines in it, as they are: a sample is encoded once, by the worker that measured it."""

from collections import Counter
from collections.abc import Sequence

from wire.runlog import RunWriter


class Log(RunWriter):
    """A :class:`wire.runlog.RunWriter` that also takes lines of JSON that carry their ``kind``."""

    def append(self, lines: Sequence[str]) -> None:
        self._file.write("\n".join([*lines, ""]))
        self._file.flush()
        for kind, number in Counter(_kind(line) for line in lines).items():
            self._count[kind] = self._count.get(kind, 0) + number


def _kind(line: str) -> str:
    return line[9 : line.index('"', 9)]  # after '{"kind":"'
