"""The measured error of a machine, as a record: saved by ``calibrate``, cited by ``load``."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from echosounder.wire.errors import CannotJudge

SCHEMA = "echosounder/calibration/1"
FRONTIERS_MS = (1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Cell:
    """Stamp errors for one number of streams and one rate of events, ms; ``*_user``: those of stamps taken in user space."""

    streams: int
    rate: float
    requests: int
    ttft_p50: float
    ttft_p99: float
    gap_p50: float
    gap_p99: float
    read_p50: float | None  # time that bytes waited to be read: the error that user-space stamps would have had
    read_p99: float | None
    stamps: str
    cpu: float | None
    server_late: float  # share of the streams that the server did not write in time

    @property
    def worst(self) -> float:
        return max(self.ttft_p99, self.gap_p99)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The measured accuracy of a machine, and the date."""

    machine: str
    measured: str
    cells: tuple[Cell, ...]

    def frontier(self, limit_ms: float) -> dict[float, int | None]:
        """For each rate, the maximum number of streams of the grid whose p99 errors stay within the limit; None if every number exceeds
        it.
        """
        found: dict[float, int | None] = {}
        for rate in sorted({cell.rate for cell in self.cells}):
            good = [cell.streams for cell in self.cells if cell.rate == rate and cell.worst <= limit_ms]
            found[rate] = max(good, default=None)
        return found

    def nearest(self, streams: float, rate: float) -> Cell | None:
        """The least demanding cell that covers this number of streams and this rate; None beyond the grid."""
        harder = [cell for cell in self.cells if cell.streams >= streams and cell.rate >= rate * 0.95]
        return min(harder, key=lambda cell: (cell.streams * cell.rate, cell.streams), default=None)

    def record(self) -> dict[str, Any]:
        frontiers = {
            f"{limit:g}": {f"{rate:g}": most for rate, most in self.frontier(limit).items()} for limit in FRONTIERS_MS
        }
        cells = [asdict(cell) for cell in self.cells]
        return {
            "schema": SCHEMA,
            "machine": self.machine,
            "measured": self.measured,
            "frontier_ms": frontiers,
            "cells": cells,
        }

    def save(self, path: Path | None = None) -> Path:
        """Write it where ``load`` looks for it. Raises :class:`CannotJudge` if the file cannot be written."""
        path = path or default_path()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self.record(), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise CannotJudge(f"cannot write the calibration to {path}: {error.strerror or error}") from None
        return path


def machine() -> str:
    """Identity of the machine for which a calibration is valid: processor, system and interpreter."""
    system = f"{platform.system()} {platform.release()}"
    return (
        f"{platform.node()} · {platform.machine()} × {os.cpu_count()} · {system} · Python {platform.python_version()}"
    )


def default_path() -> Path:
    return user_cache_path("echosounder") / "calibration.json"


def saved(path: Path | None = None) -> Calibration | None:
    """The saved calibration of this machine; None if there is none, or if it is another machine's."""
    try:
        record = json.loads((path or default_path()).read_text(encoding="utf-8"))
        made = Calibration(record["machine"], record["measured"], tuple(Cell(**cell) for cell in record["cells"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return made if record.get("schema") == SCHEMA and made.machine == machine() else None
