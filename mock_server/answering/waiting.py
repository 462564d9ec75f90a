"""Responses that have to wait: keep-alives until the answer starts, and a close if that takes too long. Fact sheet 8.2."""

from echosounder.mock_server.net.http1 import Response
from echosounder.wire import sse

COMMENT = sse.encode(sse.Comment("keep-alive"))
EMPTY_LINE = b"\n"


def delayed(response: Response, wait: int, every: int, patience: int, stream: bool) -> Response:
    """Delay a response by *wait* (all times in ns). Meanwhile comments are sent in a stream, empty lines before a
    non-streaming response, one every *every*; if *wait* exceeds *patience*, the connection is closed then.

    """
    filler = COMMENT if stream else EMPTY_LINE
    pauses = list(range(every, min(wait, patience), every))
    response.body = [filler] * len(pauses) + response.body
    response.tokens = [0] * len(pauses) + response.tokens
    response.due = pauses + [wait + due for due in response.due]
    if not stream:
        response.head_due = pauses[0] if pauses else wait + response.head_due
    if wait > patience:
        response.body, response.tokens, response.due = [filler] * len(pauses), [0] * len(pauses), pauses
        response.cut_at = patience
    return response
