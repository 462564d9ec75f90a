"""Identity of the machine, as far as clocks are concerned."""

import platform
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot() -> str:
    """The same for all processes that share a monotonic clock: the kernel's name for this start of this machine (random(4)).

    Where the kernel gives none, the name of the host, which may not be the only one of its kind.
    """
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()
