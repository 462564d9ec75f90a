"""Behaviors of the upstream: deviations of the mock, grouped by how a proxy has to handle them.

A proxy strips headers and replaces keys, so a behaviour cannot be asked for in the request. It is set through the control
interface before the request is sent; one request is under way at a time.
"""

from __future__ import annotations

# Legal, each of them: the client must get the same answer.
COMMENTS = "sse-keepalive-comment:every=1"
CRLF = "crlf-line-endings"
NO_SPACE = "no-space-after-colon"
ONE_BYTE_WRITES = "one-byte-writes"
EXTRA_MEMBERS = "extra-members"
EXTRA_HEADERS = "extra-headers"
LONG_LINE = "long-line:bytes=71680"
LONGEST_LINE = "long-line:bytes=1048576"
GZIP = "gzip"
BLANK_LINES_FIRST = "blank-lines-first:count=3,every_ms=200"
CONTENT_LENGTH = "content-length-body"
USAGE_APART = "usage-chunk-crashes-client:pause_ms=400"
PACED = "paced:gap_ms=80"
BRISK = "paced:gap_ms=4"
QUIET_START = "silence:before_ms=2000,every_ms=250"
LATE_ANSWER = LATE_HEAD = "late-head:after_ms=2000"
SLOW = "paced:gap_ms=150"

# Faults of the upstream: the client must get to know.
CUTS = {
    "before-head": "cut-before-head",
    "reset-before-head": "cut-before-head:act=reset",
    "after-role": "stream-cut:after=1",
    "mid-text": "stream-cut:after=6",
    "reset-mid-text": "stream-cut:after=6,act=reset",
    "before-done": "stream-cut:at=finish",
}
BODY_CUT = "body-cut:bytes=60"
STALL = "stall:after=6"
STALLED_S = 3.0
"""How long we wait for a proxy to give a stalled stream up."""
ERROR_EVENT = "error-event-midstream:after=4"
STATUSES = (401, 429, 500, 503, 400, 402, 422)


def refusal(status: int, *, after_ms: int = 0, retry_after: int = 0) -> str:
    """The upstream answers *status* with the matching error."""
    return f"refuse:status={status},after_ms={after_ms},retry_after={retry_after}"


def only(behaviour: str, *, stream: bool) -> str:
    """*behaviour* for streaming or for non-streaming requests only."""
    return f"{behaviour}{',' if ':' in behaviour else ':'}when.stream={str(stream).lower()}"
