"""Load tests: arrivals on an absolute schedule, streams time-stamped read by read, figures with their measurement
errors.

Locust is the engine and runs in a subprocess (:mod:`load.worker.locustfile`), because ``import locust`` patches
sockets. The parent (:mod:`load.engine`) starts it, reads the samples that it appends to files, and analyses them.
"""

from typing import Any

__all__ = ["StreamUser"]


def __getattr__(name: str) -> Any:
    """Import ``StreamUser``, for locustfiles, on first access only, because that imports Locust."""
    if name != "StreamUser":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from echosounder.load.stream_user import StreamUser

    return StreamUser
