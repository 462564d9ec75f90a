"""How bytes are divided into writes, on which clients must not rely. The first frame of an answer is its head."""

import re
from dataclasses import replace

from echosounder.mock_server.deviations.edits import Frames
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.frames import Frame
from echosounder.mock_server.net.http1 import LAST_CHUNK

STEP = 1_000  # ns; writes that are due at the same instant would be joined


@deviation("one-byte-writes", Layer.TCP)
def one_byte_writes(frames: Frames, context: Context, *, size: int = 1) -> Frames:
    """Legal: every byte is written separately."""
    at = 0
    for frame in frames:
        for start in range(0, len(frame.raw), size):
            at = max(at + STEP, frame.at)
            yield Frame(at, frame.raw[start : start + size])
        if frame.act is not None:
            yield replace(frame, at=max(at, frame.at))


@deviation("several-events-per-write", Layer.TCP)
def several_events_per_write(frames: Frames, context: Context, *, count: int = 3) -> Frames:
    """Legal: several events are sent in one write, when the last of them is due."""
    held: list[Frame] = []
    for number, frame in enumerate(frames):
        held.append(frame)
        if number % count == 0 or frame.act is not None:
            yield from (replace(one, at=frame.at) for one in held)
            held.clear()
    yield from (replace(one, at=held[-1].at) for one in held)


CHUNK = re.compile(rb"\A([0-9a-f]+)\r\n")


@deviation("chunk-extensions", Layer.TCP)
def chunk_extensions(frames: Frames, context: Context) -> Frames:
    """Legal: chunks have extensions, sizes in capitals with leading zeros, and a trailer after the last one."""
    chunked = False
    for number, frame in enumerate(frames):
        if not number:
            chunked = b"\r\ntransfer-encoding: chunked\r\n" in frame.raw
        elif chunked and frame.raw == LAST_CHUNK:
            frame.raw = b"000;last\r\nx-checksum: 7\r\n\r\n"
        elif chunked:
            frame.raw = CHUNK.sub(_extended, frame.raw)
        yield frame


def _extended(size: re.Match[bytes]) -> bytes:
    return b'%04X;note="a, b"\r\n' % int(size[1], 16)


@deviation("early-hints", Layer.TCP)
def early_hints(frames: Frames, context: Context) -> Frames:
    """Legal: an interim response with status 103 precedes the answer (RFC 9110, 15.2)."""
    for number, frame in enumerate(frames):
        if not number:
            yield Frame(frame.at, b"HTTP/1.1 103 Early Hints\r\nlink: </docs>; rel=preload\r\n\r\n")
        yield frame
