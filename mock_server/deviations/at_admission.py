"""Refusing what should be let in."""

from mock_server.deviations.registry import Context, Layer, deviation
from mock_server.errors import Refused
from mock_server.http1 import Request, Response


@deviation("status-500-validation", Layer.ADMISSION, breaks={"error.client-fault-4xx"})
def status_500_validation(request: Request, context: Context) -> Response | None:
    """A parameter out of range is answered with 500 instead of 400 or 422."""
    temperature = context.body.get("temperature")
    if (isinstance(temperature, (int, float)) and temperature > 2) or context.body.get("messages") == []:
        return Refused(500, "Internal Server Error", "internal_error", "internal_error").response()
    return None
