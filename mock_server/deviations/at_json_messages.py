"""Faults of Messages only, and legal behavior of other servers, mostly observed in gateways that translate between formats."""

from collections.abc import Iterator

from echosounder.mock_server.deviations.asked import objects
from echosounder.mock_server.deviations.forms import each_error
from echosounder.mock_server.deviations.named import Document, Table
from echosounder.mock_server.deviations.registry import Context
from echosounder.wire.strict_json import compact

TABLE = Table(__name__, "messages")
PATH = "/messages"
DELTA, START, STOP = "content_block_delta", "content_block_start", "content_block_stop"
ENDING = ("message", "message_delta")  # a non-streaming response, and the event that ends a stream
BLOCKS = (START, DELTA, STOP)


def _holder(document: Document) -> Document:
    """The object that holds the stop reason."""
    delta = document.get("delta")
    return delta if isinstance(delta, dict) else document


def _calls(document: Document) -> Iterator[Document]:
    """The calls of a message, or the call in the event that starts a block."""
    found = [*objects(document.get("content")), *objects([document.get("content_block")])]
    yield from (block for block in found if block.get("type") == "tool_use")


# --- the order of events

TABLE.dropped("messages-not-started", {"messages.stream-opens"}, "A stream lacks ``message_start``.", "message_start")
TABLE.dropped(
    "messages-block-left-open",
    {"messages.blocks-balanced"},
    "Blocks have no stop event (BerriAI/litellm#27442).",
    STOP,
)
TABLE.dropped(
    "messages-block-not-started",
    {"messages.blocks-balanced", "messages.delta-in-block", "messages.tool-name"},
    "Blocks have no start event (BerriAI/litellm#27442).",
    START,
)
TABLE.dropped(
    "messages-no-delta",
    {"messages.delta-once", "messages.finish-known"},
    "A stream has no ``message_delta``, hence no stop reason and no usage.",
    "message_delta",
)
TABLE.dropped(
    "messages-no-stop",
    {"messages.stream-complete", "messages.stream-ends-once"},
    "A stream lacks ``message_stop``.",
    "message_stop",
)
TABLE.repeated("messages-stops-twice", {"messages.stream-ends-once"}, "``message_stop`` is sent twice.", "message_stop")
TABLE.repeated("messages-delta-twice", {"messages.delta-once"}, "``message_delta`` is sent twice.", "message_delta")
TABLE.rewritten(
    "messages-done-marker",
    {"messages.stream-json", "messages.stream-no-done"},
    "A stream ends with ``[DONE]``, as in chat (agentgateway/agentgateway#2843).",
    lambda raw: raw + b"data: [DONE]\n\n" if raw.startswith(b"event: message_stop\n") else raw,
    PATH,
)
TABLE.rewritten(
    "messages-unnamed-events",
    {"messages.stream-named"},
    "Events have no names; only the type in their data identifies them.",
    lambda raw: raw.partition(b"\n")[2],
    PATH,
)
TABLE.rewritten(
    "messages-name-differs",
    {"messages.stream-name-is-type"},
    "The names of events are written with hyphens.",
    lambda raw: raw.partition(b"\n")[0].replace(b"_", b"-") + b"\n" + raw.partition(b"\n")[2],
    PATH,
)


# --- the content of events

TABLE.changed(
    "messages-index-constant",
    {"messages.block-index", "messages.tool-arguments"},
    "Every block has the index 0.",
    BLOCKS,
    lambda event: event.update(index=0),
)
TABLE.changed(
    "messages-index-minus-one",
    {"messages.delta-in-block", "messages.stream-event-schema"},
    "Deltas have the index -1 (BerriAI/litellm#27442).",
    (DELTA,),
    lambda event: event.update(index=-1),
)


def _as_arguments(event: Document) -> None:
    delta = event["delta"]
    if delta.get("type") == "text_delta":
        event["delta"] = {"type": "input_json_delta", "partial_json": ""}


TABLE.changed(
    "messages-text-as-arguments",
    {"messages.delta-fits-block"},
    "Text is sent as deltas of a call with empty arguments (BerriAI/litellm#29286).",
    (DELTA,),
    _as_arguments,
)


def _text_of(event: Document) -> tuple[Document, str] | None:
    delta = event["delta"]
    return (delta, "text") if delta.get("type") == "text_delta" else None


TABLE.growing(
    "messages-deltas-grow",
    {"messages.stream-incremental", "messages.stream-same-text"},
    "Every delta holds the whole text so far.",
    DELTA,
    _text_of,
)


def _no_arguments(document: Document) -> None:
    delta = _holder(document)
    if delta.get("type") == "input_json_delta":
        delta["partial_json"] = ""
    for call in _calls(document):
        call["input"] = {}


TABLE.changed(
    "messages-arguments-lost",
    {"messages.tool-arguments"},
    "Calls arrive without their arguments (BerriAI/litellm#25561, #29491).",
    ("message", DELTA),
    _no_arguments,
)


def _as_text(document: Document) -> None:
    for call in _calls(document):
        call["input"] = compact(call.get("input"))


TABLE.changed(
    "messages-input-as-text",
    {"messages.tool-input", "messages.response-schema"},
    "The input of a call is JSON in a string, as in chat.",
    ("message",),
    _as_text,
)
TABLE.changed(
    "messages-call-starts-full",
    {"messages.tool-starts-empty"},
    "A call's start event already has its input, and its deltas repeat it.",
    (START,),
    lambda event: [call.update(input={"location": "Paris"}) for call in _calls(event)],
)


def _calls_end_turn(document: Document) -> None:
    if _holder(document).get("stop_reason") == "tool_use":
        _holder(document)["stop_reason"] = "end_turn"


TABLE.changed(
    "messages-calls-end-turn",
    {"messages.tool-finish"},
    "An answer that ends with calls has the stop reason ``end_turn`` (BerriAI/litellm#34692).",
    ENDING,
    _calls_end_turn,
)


def _reason_of_chat(document: Document) -> None:
    reason = str(_holder(document).get("stop_reason"))
    _holder(document)["stop_reason"] = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}.get(
        reason, reason
    )


TABLE.changed(
    "messages-reason-of-chat",
    {"messages.finish-known", "messages.length-finish", "messages.response-schema"},
    "``stop_reason`` has the values of chat.",
    ENDING,
    _reason_of_chat,
)


def _stop_unnamed(document: Document) -> None:
    if _holder(document).get("stop_sequence"):
        _holder(document).update(stop_sequence=None)


TABLE.changed(
    "messages-stop-unnamed",
    {"messages.stop-sequence"},
    "An answer that a stop sequence ended has no ``stop_sequence``.",
    ENDING,
    _stop_unnamed,
)


def _unsigned(document: Document) -> None:
    for block in (*objects(document.get("content")), *objects([document.get("delta")])):
        if "signature" in block:
            block["signature"] = ""


TABLE.changed(
    "messages-thought-unsigned",
    {"messages.signature", "messages.thinking-kept"},
    "Thinking blocks have no signature, so they cannot be sent back (QuantumNous/new-api#4763).",
    ("message", DELTA),
    _unsigned,
)


TABLE.changed(
    "messages-starts-with-content",
    {"messages.start-empty", "messages.stream-event-schema"},
    "``message_start`` already contains a block, which the stream then repeats (BerriAI/litellm#34692).",
    ("message_start",),
    lambda event: event["message"].update(content=[{"type": "text", "text": ""}]),
)


@each_error("messages-errors-of-anthropic", {"messages.error-envelope"}, format="messages")
def errors_of_anthropic(document: Document, context: Context) -> None:
    """Errors have Anthropic's shape, whereas DeepSeek uses that of chat."""
    if context.request.path.endswith(PATH) and isinstance(document.get("error"), dict):
        error = {"type": document["error"].get("type"), "message": document["error"].get("message")}
        document.clear()
        document.update(type="error", error=error)
