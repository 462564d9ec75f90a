"""Tool calls that are lost, damaged, unnamed, or in the wrong place."""

from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any

from echosounder.mock_server.deviations.edits import Frames, edit
from echosounder.mock_server.deviations.forms import each_chunk, each_document
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.formats import Edits
from echosounder.mock_server.net.frames import Frame
from echosounder.mock_server.net.frames import document as read

Document = dict[str, Any]
SCHEMAS = {"chat.response-schema", "response.document-valid"}
MADE = {"tools.required-calls", "tools.named-calls"}


def begins(call: Document) -> bool:
    """Whether this is a whole call, or the first part of one in a stream."""
    return bool(call.get("function", {}).get("name"))


# --- the call as a whole


@deviation("tool-markup-in-content", Layer.JSON, {"tools.no-markup-in-content", "stream.no-leaked-markup", *MADE})
def tool_markup_in_content(frames: Frames, context: Context) -> Frames:
    """A call is delivered as text, in the markup of the model's template, and the answer ends with ``stop``."""

    def change(document: Document) -> None:
        for message in context.edits.messages(document):
            made = message.pop("tool_calls", None) or ()
            if made:
                message["content"] = (message.get("content") or "") + "".join(map(_markup, made))
        for choice in context.edits.choices(document):
            if choice.get("finish_reason") == "tool_calls":
                choice["finish_reason"] = "stop"

    return edit(frames, change)


def _markup(call: Document) -> str:
    function = call["function"]
    opening = f'<｜DSML｜invoke name="{function["name"]}">' if begins(call) else ""
    return f"{opening}{function.get('arguments', '')}"


@each_document("calls-lost", {"tools.finish-has-calls", *MADE})
def calls_lost(document: Document, context: Context) -> None:
    """Calls are lost, streaming or not, but ``finish_reason`` still reports calls."""
    for message in context.edits.messages(document):
        if message.pop("tool_calls", None):
            message.setdefault("content", "")


@each_document("cut-calls-as-complete", {"tools.cut-marked"})
def cut_calls_as_complete(document: Document, context: Context) -> None:
    """Answers truncated by ``max_tokens`` end with ``tool_calls`` if a call was required."""
    for choice in context.edits.choices(document) if context.body.get("tools") else ():
        if choice.get("finish_reason") == "length" and context.body.get("tool_choice") == "required":
            choice["finish_reason"] = "tool_calls"


@each_document("prose-ends-as-call", {"tools.finish-has-calls"})
def prose_ends_as_call(document: Document, context: Context) -> None:
    """An answer in prose ends with ``tool_calls`` if tools were offered."""
    for choice in context.edits.choices(document) if context.body.get("tools") else ():
        if choice.get("finish_reason") == "stop":
            choice["finish_reason"] = "tool_calls"


@each_chunk(
    "tool-call-lost-by-chunking",
    {"tools.stream-complete", "stream.equals-nonstream", "tools.required-calls", "tools.finish-has-calls"},
)
def tool_call_lost_by_chunking(chunk: Document, context: Context, *, keep: int = 0) -> None:
    """A stream loses calls that a non-streaming response has; ``keep`` is the number of remaining calls."""
    for message in context.edits.messages(chunk):
        if "tool_calls" in message:
            message["tool_calls"] = [call for call in message["tool_calls"] if call["index"] < keep]
            if not message["tool_calls"]:
                message["content"] = ""
                del message["tool_calls"]


@each_document("tool-calls-empty-array", {"chat.no-tool-calls-key", "stream.no-empty-members"})
def tool_calls_empty_array(document: Document, context: Context) -> None:
    """Answers in prose have an empty array of calls, which clients mistake for calls."""
    for message in context.edits.messages(document):
        message.setdefault("tool_calls", [])


@each_document("tool-type-missing", {"tools.type-first", "tools.call-shape", *SCHEMAS})
def tool_type_missing(document: Document, context: Context) -> None:
    """Calls have no ``type``."""
    for call in context.edits.calls(document):
        call.pop("type", None)


@each_document("tool-index-starts-at-one", {"tools.index-sequence"})
def tool_index_starts_at_one(document: Document, context: Context) -> None:
    """``index`` of calls starts at 1."""
    for call in context.edits.calls(document):
        if "index" in call:
            call["index"] += 1


# --- ids and names


@each_document("tool-id-missing", {"tools.id-present", "tools.call-shape", *SCHEMAS})
def tool_id_missing(document: Document, context: Context) -> None:
    """Calls have no id, so no result can be sent back."""
    for call in context.edits.calls(document):
        call.pop("id", None)


@each_document("tool-id-duplicate", {"tools.id-unique"})
def tool_id_duplicate(document: Document, context: Context) -> None:
    """All calls have the same id, in every answer."""
    for call in context.edits.calls(document):
        if "id" in call:
            call["id"] = "call_00_duplicateduplicateduplic"


@each_chunk("tool-id-new-per-delta", {"tools.id-stable", "tools.id-once", "tools.no-empty-name"})
def tool_id_new_per_delta(chunk: Document, context: Context) -> None:
    """Each piece of the arguments has a new id and an empty name: one call becomes forty."""
    for call in context.edits.calls(chunk):
        if not begins(call):
            call["id"] = f"call_00_{context.rng.getrandbits(96):024x}"
            call["function"]["name"] = ""


@each_chunk("tool-name-empty-overwrites", {"tools.no-empty-name"})
def tool_name_empty_overwrites(chunk: Document, context: Context) -> None:
    """Later pieces of a call have an empty id and name; clients that keep the latest values lose both."""
    for call in context.edits.calls(chunk):
        if not begins(call):
            call["id"] = call["function"]["name"] = ""


@deviation("tool-id-repeated-per-delta", Layer.JSON, {"tools.id-once"})
def tool_id_repeated_per_delta(frames: Frames, context: Context) -> Frames:
    """Each piece of a call repeats its id; clients take each piece for a new call."""
    ids: dict[int, str] = {}

    def change(chunk: Document) -> None:
        for call in context.edits.calls(chunk):
            call["id"] = ids.setdefault(call["index"], call.get("id", ""))

    return edit(frames, change) if context.stream else frames


# --- arguments


@deviation(
    "tool-args-invalid-json",
    Layer.JSON,
    {"tools.arguments-intact", "tools.arguments-json", "tools.arguments-exact", "tools.strict-followed"},
)
def tool_args_invalid_json(frames: Frames, context: Context) -> Frames:
    """A closing tag of the template follows the arguments."""
    for frame, ended in _ending(frames, context.edits):
        for call in ended:
            call["function"]["arguments"] += "\n</tool_call>"
        yield frame


@deviation(
    "tool-markup-in-arguments",
    Layer.JSON,
    {"tools.arguments-intact", "tools.arguments-json", "tools.arguments-exact", "tools.strict-followed"},
)
def tool_markup_in_arguments(frames: Frames, context: Context) -> Frames:
    """The last value of the arguments ends in a delimiter of the template, and the object stays open."""
    for frame, ended in _ending(frames, context.edits):
        for call in ended:
            call["function"]["arguments"] = call["function"]["arguments"].rstrip(' \n"}') + "</｜DSML｜parameter"
        yield frame


def _ending(frames: Frames, edits: Edits) -> Iterator[tuple[Frame, list[Document]]]:
    """Each frame with the calls whose arguments end in it, found by looking one frame ahead."""
    for frame, following in pairwise(chain(frames, (Frame(0),))):
        after = {call.get("index") for call in edits.calls(following.json or {})}
        found = edits.calls(frame.json or {})
        yield frame, [call for call in found if call.get("index") not in after and call["function"].get("arguments")]


@each_document("tool-arguments-object", {"tools.arguments-string", "tools.call-shape", *SCHEMAS})
def tool_arguments_object(document: Document, context: Context) -> None:
    """The arguments of a call are an object instead of a string."""
    for call in context.edits.calls(document):
        arguments = read(str(call.get("function", {}).get("arguments")).encode())
        if arguments is not None:
            call["function"]["arguments"] = arguments
