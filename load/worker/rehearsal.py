"""One answer read before the run begins: code that never ran is fetched from the disk when it first does, and every stream waits."""

import time
from collections.abc import Callable

from echosounder.load.client.call import Call, Job, sample
from echosounder.load.client.stamps import Stamps
from echosounder.load.sample import Sample, encoded

_EVENTS = (
    '{"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}',
    '{"model":"m","choices":[{"index":0,"delta":{"content":"one"},"finish_reason":null}]}',
    '{"model":"m","choices":[{"index":0,"delta":{"content":"two"},"finish_reason":null}]}',
    '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}',
    "[DONE]",
)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def rehearse(jobs: Callable[[int], Job], request: Callable[[Job], bytes]) -> Sample:
    """Make a request and read its answer, without a socket; the sample is nobody's."""
    call = Call("rehearsal", jobs(0), 0, 0)
    request(call.job)
    for data in (_HEAD, *map(_chunk, _EVENTS), b"0\r\n\r\n"):
        call.take(data, time.monotonic_ns(), [])
    call.end = call.digest(Stamps())
    call.framing.release()
    made = sample(call)
    encoded(made)
    return made


def _chunk(event: str) -> bytes:
    data = f"data: {event}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)
