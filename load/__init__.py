"""Load: arrivals on an absolute schedule, streams stamped read by read, figures that carry their own error.

Locust is the engine and runs in a subprocess (:mod:`load.worker.locustfile`), because ``import locust`` patches sockets.
The parent (:mod:`load.engine`) starts it, reads the samples that it appends to files, and analyses them.
"""

from typing import Any

__all__ = ["StreamUser"]


def __getattr__(name: str) -> Any:
    """``StreamUser``, for locustfiles, and only when it is asked for: it imports Locust."""
    if name != "StreamUser":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from echosounder.load.stream_user import StreamUser

    return StreamUser
