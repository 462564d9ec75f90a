"""Identity of the machine, as far as clocks are concerned."""

import platform
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_OFFSETS = Path("/proc/self/timens_offsets")


def boot() -> str:
    """Identity shared by all processes with the same monotonic clock: the kernel's boot id (random(4)) and the offset of a container's
    time namespace (time_namespaces(7)).

    Without a boot id, the host name, which may not be unique.
    """
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip() + _moved()
    except OSError:
        return platform.node()


def _moved() -> str:
    """The offset of this process's monotonic clock; empty if it has none."""
    try:
        rows = [line.split() for line in _OFFSETS.read_text(encoding="ascii").splitlines()]
    except OSError:
        return ""
    offset = next((row[1:] for row in rows if row and row[0] == "monotonic"), [])
    return "+" + ".".join(offset) if any(int(number) for number in offset) else ""
