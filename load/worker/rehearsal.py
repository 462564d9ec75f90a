"""Reads one answer before the run begins, because code is loaded from disk when it first runs, which would delay every stream."""

import time
from collections.abc import Callable

from echosounder.load.client.call import ActiveCall, Job, sample
from echosounder.load.client.stamps import Stamps
from echosounder.load.sample import Sample, encoded

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def rehearse(jobs: Callable[..., Job], request: Callable[[Job], bytes]) -> Sample:
    """Make a request and read its answer without a socket; the sample is discarded."""
    call = ActiveCall("rehearsal", jobs(0), 0, 0)
    request(call.job)
    for data in (_HEAD, *map(_chunk, call.format.grammar.example.split("\n\n")), b"0\r\n\r\n"):
        call.take(data, time.monotonic_ns(), [])
    call.end = call.digest(Stamps())
    call.framing.release()
    made = sample(call)
    encoded(made)
    return made


def _chunk(event: str) -> bytes:
    data = f"{event.strip()}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)
