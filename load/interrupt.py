"""Ctrl-C as a flag, so that it never lands between reading a record and writing it down."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back() -> Iterator[threading.Event]:
    """An event that is set by the first SIGINT or SIGTERM; a second one has its usual effect.

    Outside the main thread, where Python does not allow signal handlers, the event is never set.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def first(number: int, frame: Any) -> None:
        asked.set()
        _restore(before)

    for number in _SIGNALS:
        signal.signal(number, first)
    try:
        yield asked
    finally:
        _restore(before)


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
