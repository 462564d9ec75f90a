"""Faults of Responses only, and legal behavior of other servers, mostly observed in gateways and local servers."""

from echosounder.mock_server.deviations.asked import objects
from echosounder.mock_server.deviations.named import Document, Table

TABLE = Table(__name__, "responses")
PATH = "/responses"
ENDS = ("response.completed", "response.incomplete", "response.failed")
SHOWN = ("response.created", "response.in_progress", *ENDS)
NUMBERED = frozenset(
    f"response.{name}"
    for name in [
        "created",
        "in_progress",
        "completed",
        "incomplete",
        "failed",
        "output_item.added",
        "output_item.done",
        "content_part.added",
        "content_part.done",
        "reasoning_text.delta",
        "reasoning_text.done",
        "output_text.delta",
        "output_text.done",
        "function_call_arguments.delta",
        "function_call_arguments.done",
    ]
)
IN_ITEM = NUMBERED - set(SHOWN)


def response_of(document: Document) -> Document:
    """The response object in an event."""
    response = document.get("response")
    return response if isinstance(response, dict) else {}


def items_of(document: Document) -> list[Document]:
    return [*objects(response_of(document).get("output")), *objects([document.get("item")])]


# --- the order of events

TABLE.changed(
    "responses-unnumbered",
    {"responses.stream-event-schema", "responses.sequence"},
    "Events have no ``sequence_number`` (BerriAI/litellm#28899).",
    NUMBERED,
    lambda event: event.pop("sequence_number", None),
)
TABLE.changed(
    "responses-number-constant",
    {"responses.sequence"},
    "Every event has the ``sequence_number`` 1, as if hard-coded (BerriAI/litellm#28899).",
    IN_ITEM,
    lambda event: event.update(sequence_number=1),
)
TABLE.changed(
    "responses-numbered-from-one",
    {"responses.sequence-from-zero"},
    "The first ``sequence_number`` is 1.",
    NUMBERED,
    lambda event: event.update(sequence_number=event["sequence_number"] + 1),
)
TABLE.dropped(
    "responses-not-created", {"responses.stream-opens"}, "A stream lacks ``response.created``.", "response.created"
)
TABLE.dropped(
    "responses-not-in-progress",
    {"responses.in-progress-second", "responses.sequence"},
    "A stream lacks ``response.in_progress``.",
    "response.in_progress",
)
TABLE.dropped(
    "responses-part-left-open",
    {"responses.parts-balanced", "responses.sequence"},
    "A part that was added is never done (KochC/opencode-llm-proxy#48).",
    "response.content_part.done",
)
TABLE.dropped(
    "responses-part-not-added",
    {"responses.parts-balanced", "responses.sequence"},
    "A part is done that was never added.",
    "response.content_part.added",
)
TABLE.dropped(
    "responses-item-left-open",
    {"responses.items-balanced", "responses.sequence"},
    "An item that was added is never done (vllm-project/vllm#37071).",
    "response.output_item.done",
)
TABLE.dropped(
    "responses-item-not-added",
    {"responses.items-balanced", "responses.tool-name"},
    "An item is done that was never added (BerriAI/litellm#27442).",
    "response.output_item.added",
)
TABLE.dropped(
    "responses-no-end",
    {"responses.stream-complete", "responses.stream-ends-once"},
    "A stream stops before the event that ends it (vllm-project/vllm#25719).",
    *ENDS,
)
TABLE.repeated(
    "responses-ends-twice",
    {"responses.stream-ends-once"},
    "The event that ends a stream is sent twice.",
    "response.completed",
)
TABLE.rewritten(
    "responses-done-marker",
    {"responses.stream-json", "responses.stream-no-done"},
    "A stream ends with ``[DONE]``, as in chat.",
    lambda raw: (
        raw + b"data: [DONE]\n\n" if raw.startswith(tuple(f"event: {name}\n".encode() for name in ENDS)) else raw
    ),
    PATH,
)
TABLE.rewritten(
    "responses-unnamed-events",
    {"responses.stream-named"},
    "Events have no names; only the type in their data identifies them.",
    lambda raw: raw.partition(b"\n")[2],
    PATH,
)
TABLE.rewritten(
    "responses-name-differs",
    {"responses.stream-name-is-type"},
    "The name of an event lacks the prefix of its type.",
    lambda raw: raw.replace(b"event: response.", b"event: ", 1),
    PATH,
)


# --- the content of events


TABLE.growing(
    "responses-deltas-grow",
    {"responses.stream-incremental", "responses.text-adds-up"},
    "Every delta holds the whole text so far.",
    "response.output_text.delta",
    lambda event: (event, "delta"),
)


def _text_done_empty(event: Document) -> None:
    event["text"] = ""


TABLE.changed(
    "responses-text-done-empty",
    {"responses.text-adds-up"},
    "``response.output_text.done`` has no text (KochC/opencode-llm-proxy#48).",
    ("response.output_text.done",),
    _text_done_empty,
)
TABLE.changed(
    "responses-thought-done-empty",
    {"responses.reasoning-adds-up"},
    "``response.reasoning_text.done`` has no text.",
    ("response.reasoning_text.done",),
    _text_done_empty,
)
TABLE.changed(
    "responses-arguments-done-empty",
    {"responses.arguments-add-up"},
    "``response.function_call_arguments.done`` has no arguments.",
    ("response.function_call_arguments.done",),
    lambda event: event.update(arguments=""),
)
TABLE.changed(
    "responses-index-constant",
    {"responses.output-index", "responses.tool-arguments"},
    "Every item has the ``output_index`` 0 (mcowger/plexus#691).",
    IN_ITEM,
    lambda event: event.update(output_index=0),
)
TABLE.changed(
    "responses-item-id-changes",
    {"responses.item-id-kept"},
    "The deltas of an item have an ``item_id`` other than the item's id.",
    ("response.output_text.delta", "response.reasoning_text.delta", "response.function_call_arguments.delta"),
    lambda event: event.update(item_id=f"other-{event.get('item_id')}"),
)
TABLE.changed(
    "responses-id-changes",
    {"responses.id-constant"},
    "The response has a different id at the end of the stream than at its beginning.",
    ENDS,
    lambda event: response_of(event).update(id=f"other-{response_of(event).get('id')}"),
)
TABLE.changed(
    "responses-output-empty",
    {"responses.output-is-items", "responses.tool-finish"},
    "The response at the end of a stream holds none of its items (vllm-project/vllm#30223, BerriAI/litellm#31332).",
    ENDS,
    lambda event: response_of(event).update(output=[]),
)


def _still_in_progress(event: Document) -> None:
    for item in items_of(event):
        item["status"] = "in_progress"


TABLE.changed(
    "responses-items-in-progress",
    {"responses.item-status"},
    "Items of a completed response keep the status ``in_progress``.",
    ("response.output_item.done", *ENDS),
    _still_in_progress,
)


def _hollow(event: Document) -> None:
    item = event.get("item") or {}
    item.update({name: empty for name, empty in (("content", []), ("arguments", "")) if name in item})


TABLE.changed(
    "responses-item-done-hollow",
    {"responses.item-done-whole"},
    "``response.output_item.done`` shows the item as it was when it was added.",
    ("response.output_item.done",),
    _hollow,
)


def _cut_as_complete(event: Document) -> None:
    response_of(event).update(status="completed", incomplete_details=None)


TABLE.changed(
    "responses-cut-as-complete",
    {"responses.end-fits-status", "responses.length-finish"},
    "A response truncated by ``max_output_tokens`` has the status ``completed`` (BerriAI/litellm#37710).",
    ("response.incomplete",),
    _cut_as_complete,
)
TABLE.changed(
    "responses-cut-for-no-reason",
    {"responses.finish-known", "responses.incomplete-reason", "responses.length-finish"},
    "``incomplete_details`` of a truncated response is null.",
    ("response.incomplete",),
    lambda event: response_of(event).update(incomplete_details=None),
)
