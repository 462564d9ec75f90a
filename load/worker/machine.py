"""Identity of the machine, as far as clocks are concerned."""

import platform
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_OFFSETS = Path("/proc/self/timens_offsets")


def boot() -> str:
    """The same for all processes that share a monotonic clock: the kernel's name for this start of this machine (random(4)), and what
    a container's time namespace adds to its clock (time_namespaces(7)).

    Where the kernel gives no name, that of the host, which may not be the only one of its kind.
    """
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip() + _moved()
    except OSError:
        return platform.node()


def _moved() -> str:
    """How far this process's monotonic clock was moved; empty where it was not."""
    try:
        rows = [line.split() for line in _OFFSETS.read_text(encoding="ascii").splitlines()]
    except OSError:
        return ""
    offset = next((row[1:] for row in rows if row and row[0] == "monotonic"), [])
    return "+" + ".".join(offset) if any(int(number) for number in offset) else ""
