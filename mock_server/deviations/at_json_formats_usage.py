"""Wrong usage in Responses and Messages, mostly observed in gateways that translate between formats."""

from echosounder.mock_server.deviations.at_json_messages import ENDING
from echosounder.mock_server.deviations.at_json_responses import ENDS, SHOWN, response_of
from echosounder.mock_server.deviations.named import Document, Table
from echosounder.wire.strict_json import at

RESPONSES, MESSAGES = Table(__name__, "responses"), Table(__name__, "messages")


def usage_of(document: Document) -> Document:
    usage = at(document, "response", "usage")
    return usage if isinstance(usage, dict) else {}


def counts_of(document: Document) -> Document:
    usage = document.get("usage") or at(document, "message", "usage")
    return usage if isinstance(usage, dict) else {}


# --- Responses

RESPONSES.changed(
    "responses-usage-missing",
    {"responses.usage-present", "responses.stream-usage"},
    "A stream does not report usage.",
    ENDS,
    lambda event: response_of(event).update(usage=None),
)


def as_in_chat(event: Document) -> None:
    usage = usage_of(event)
    for ours, theirs in (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")):
        if ours in usage:
            usage[theirs] = usage.pop(ours)


RESPONSES.changed(
    "responses-usage-of-chat",
    {"responses.usage-present"},
    "The counts of usage have the member names of chat (sgl-project/sglang#10012).",
    ENDS,
    as_in_chat,
)


def _without_details(event: Document) -> None:
    for name in ("input_tokens_details", "output_tokens_details"):
        usage_of(event).pop(name, None)


RESPONSES.changed(
    "responses-usage-without-details",
    {"responses.stream-event-schema", "responses.usage-details"},
    "Usage has no counts of cached and reasoning tokens (BerriAI/litellm#28899).",
    ENDS,
    _without_details,
)


def _total_is_input(event: Document) -> None:
    if usage := usage_of(event):
        usage["total_tokens"] = usage.get("input_tokens")


RESPONSES.changed(
    "responses-total-is-input",
    {"responses.usage-sums"},
    "``total_tokens`` does not include the output.",
    ENDS,
    _total_is_input,
)
RESPONSES.changed(
    "responses-stored",
    {"responses.stateless", "responses.stream-event-schema"},
    "``store`` of a response is true, though it is not stored.",
    SHOWN,
    lambda event: response_of(event).update(store=True),
)


# --- Messages


def _nothing_read(event: Document) -> None:
    counts_of(event).update(input_tokens=0, cache_read_input_tokens=0)


MESSAGES.changed(
    "messages-usage-zero-at-start",
    {"messages.usage-at-start"},
    "``message_start`` counts no tokens (mlx-node/mlx-node#45, BerriAI/litellm#31069).",
    ("message_start",),
    _nothing_read,
)
MESSAGES.changed(
    "messages-usage-missing",
    {"messages.response-schema", "messages.usage-present"},
    "``message_delta`` has no usage.",
    ENDING,
    lambda document: document.pop("usage", None),
)
MESSAGES.changed(
    "messages-usage-shrinks",
    {"messages.usage-cumulative"},
    "``output_tokens`` is higher at the beginning of a stream than at its end.",
    ("message_start",),
    lambda event: counts_of(event).update(output_tokens=1_000_000),
)
MESSAGES.changed(
    "messages-cached-negative",
    {"messages.response-schema", "messages.usage-cache"},
    "The count of cached tokens is negative.",
    ("message", "message_start", "message_delta"),
    lambda document: counts_of(document).update(cache_read_input_tokens=-1),
)
