"""Wrong heads: status, headers, framing of the body."""

from mock_server.deviations.registry import Context, Layer, deviation
from mock_server.frames import Reply


@deviation("error-200-nonstream", Layer.HTTP, breaks={"chat.no-error-in-success"})
def error_200_nonstream(reply: Reply, context: Context) -> Reply:
    """Errors come with status 200."""
    if reply.status >= 400:
        reply.status = 200
    return reply
