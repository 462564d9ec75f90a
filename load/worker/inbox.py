"""Validates data from a worker on another machine: whole records of a load with its own number."""

from echosounder.load.figures.tally import Tally
from echosounder.load.parts import parse, worker_of

MOST = 64 * 1024 * 1024
"""Maximum size of a message, bytes."""


class Inbox:
    """Accepts the lines of one worker. ``refused`` counts invalid ones."""

    def __init__(self, worker: int) -> None:
        self._worker, self._trial = worker, Tally()
        self.refused = 0

    def take(self, data: object) -> bytes:
        """The lines of *data* that may enter the run's log."""
        if not isinstance(data, bytes) or len(data) > MOST:
            self.refused += 1
            return b""
        *whole, rest = data.split(b"\n")
        good = [line for line in whole if self._sound(line)]
        self.refused += len(whole) - len(good) + bool(rest)
        return b"".join(line + b"\n" for line in good)

    def _sound(self, line: bytes) -> bool:
        """Whether a record is valid: it is entered into a separate tally, as the parent does later."""
        try:
            record = parse(line.decode("utf-8"))
            if worker_of(record) != self._worker:
                return False
            self._trial.enter([record])
        except Exception:  # any error means that it is not a valid record
            return False
        return True
