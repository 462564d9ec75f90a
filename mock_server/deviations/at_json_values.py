"""Responses and chunks of the right shape with wrong values."""

from typing import Any

from echosounder.mock_server.deviations.asked import turns
from echosounder.mock_server.deviations.edits import Frames
from echosounder.mock_server.deviations.forms import each_body, each_chunk, each_document, each_error
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.frames import Frame

Document = dict[str, Any]
SCHEMAS = {"stream.chunk-schema", "chat.response-schema", "response.document-valid"}


# --- metadata of an answer


@each_document("object-swapped", {"chat.object", "stream.object", *SCHEMAS})
def object_swapped(document: Document, context: Context) -> None:
    """Chunks have the ``object`` of non-streaming responses, and vice versa."""
    if str(document.get("object")).startswith("chat."):
        document["object"] = "chat.completion" if context.stream else "chat.completion.chunk"


@each_document("id-repeated", {"chat.id-unique"})
def id_repeated(document: Document, context: Context) -> None:
    """All answers have the same id."""
    if "choices" in document:
        document["id"] = "chatcmpl-0"


@each_document(
    "tools-answered-elsewhere",
    {"chat.id-unique", "chat.model-served", "chat.fingerprint-present", "stream.fingerprint-constant"},
)
def tools_answered_elsewhere(document: Document, context: Context) -> None:
    """Requests with tools take a different code path: their answers have a fixed id, an empty fingerprint and the wrong model."""
    if "choices" in document and context.body.get("tools"):
        document |= {"id": "chatcmpl-tools", "model": "tool-parser-7b", "system_fingerprint": ""}


@each_document("model-wrong", {"chat.model-served"})
def model_wrong(document: Document, context: Context) -> None:
    """Answers name a model other than the requested one."""
    if "choices" in document:
        document["model"] = "gpt-4o"


@each_document("created-old", {"chat.created-recent", "stream.created-recent"})
def created_old(document: Document, context: Context) -> None:
    """``created`` is a month in the past."""
    if "created" in document:
        document["created"] -= 30 * 86_400


@each_chunk("created-drifts", {"stream.created-constant"})
def created_drifts(chunk: Document, context: Context) -> None:
    """``created`` of each chunk is the time at which that chunk was made."""
    chunk["created"] = chunk.get("created", 0) + context.rng.randrange(60)


@each_chunk("model-drifts", {"stream.model-constant"})
def model_drifts(chunk: Document, context: Context) -> None:
    """``model`` names different replicas in the chunks of a stream."""
    chunk["model"] = f"{chunk.get('model')}-{context.rng.randrange(1000)}"


@each_chunk("fingerprint-drifts", {"stream.fingerprint-constant", "stream.fingerprint-one"})
def fingerprint_drifts(chunk: Document, context: Context) -> None:
    """``system_fingerprint`` differs between the chunks of a stream."""
    chunk["system_fingerprint"] = f"fp_{context.rng.getrandbits(40):010x}"


# --- choices and messages


@each_document("role-wrong", {"chat.role-assistant", "stream.role-first", *SCHEMAS})
def role_wrong(document: Document, context: Context) -> None:
    """The role of an answer is one of another vendor's API."""
    for message in context.edits.messages(document):
        if "role" in message:
            message["role"] = "model"


FINISHES = {"chat.finish-reason-known", "stream.finish-reason-known", "fim.finish-reason-known"}


@each_document("finish-reason-unknown", {*FINISHES, "fim.response-schema", "fim.stream-chunk", *SCHEMAS})
def finish_reason_unknown(document: Document, context: Context) -> None:
    """``finish_reason`` has a value of the inference engine, not of the API."""
    for choice in context.edits.choices(document):
        if choice.get("finish_reason"):
            choice["finish_reason"] = "eos_token"


@each_document("finish-stop-with-calls", {"tools.finish-reason"})
def finish_stop_with_calls(document: Document, context: Context) -> None:
    """An answer that calls a tool ends with ``stop``."""
    for choice in context.edits.choices(document):
        if choice.get("finish_reason") == "tool_calls":
            choice["finish_reason"] = "stop"


@each_body("second-choice", {"chat.one-choice"})
def second_choice(document: Document, context: Context) -> None:
    """An answer has two choices, though one was requested."""
    if document.get("choices"):
        document["choices"].append({**document["choices"][0], "index": 1})


@each_body("content-null-on-stop", {"chat.content-not-null"})
def content_null_on_stop(document: Document, context: Context) -> None:
    """The content of an answer in prose is null."""
    for message in context.edits.messages(document):
        if not message.get("tool_calls"):
            message["content"] = None


@each_document("logprobs-unasked", {"chat.logprobs-null", "fim.logprobs-null"})
def logprobs_unasked(document: Document, context: Context) -> None:
    """``logprobs`` is an object although it was not requested."""
    arrays = dict.fromkeys(("tokens", "token_logprobs", "top_logprobs", "text_offset"), ())
    for choice in context.edits.choices(document):
        if not choice.get("logprobs"):
            choice["logprobs"] = arrays if "text" in choice else {"content": []}


@each_document("tool-name-unknown", {"tools.name-offered"})
def tool_name_unknown(document: Document, context: Context) -> None:
    """Functions are called by a name that was not offered."""
    for call in context.edits.calls(document):
        if call["function"].get("name"):
            call["function"]["name"] = f"functions.{call['function']['name']}"


@each_document("content-list-beside-calls", {"tools.content-beside-calls", *SCHEMAS})
def content_list_beside_calls(document: Document, context: Context) -> None:
    """Content next to calls is an empty array."""
    for message in context.edits.messages(document):
        if message.get("tool_calls"):
            message["content"] = []


# --- text


@deviation("prefix-repeated", Layer.JSON, {"prefix.not-repeated", "prefix.continues"})
def prefix_repeated(frames: Frames, context: Context) -> Frames:
    """The answer repeats the prefix."""
    left = next((turn.get("content") for turn in turns(context.body) if turn.get("prefix")), None)
    for frame in frames:
        for holder, name in context.edits.texts(frame.json or {}):
            if isinstance(left, str) and holder[name]:
                holder[name], left = left + holder[name], None
        yield frame


def begun(context: Context) -> bool:
    return any(turn.get("prefix") for turn in turns(context.body))


@deviation("continuation-blank-lost", Layer.JSON, {"prefix.goes-on"})
def continuation_blank_lost(frames: Frames, context: Context) -> Frames:
    """The answer to a prefix loses its leading space."""
    left = begun(context)
    for frame in frames:
        for holder, name in context.edits.texts(frame.json or {}):
            if left and holder[name]:
                holder[name], left = holder[name].lstrip(" "), False
        yield frame


@deviation("reasoning-after-content", Layer.JSON, {"thinking.two-phases"})
def reasoning_after_content(frames: Frames, context: Context) -> Frames:
    """A stream thinks again after it has begun to answer."""
    for frame in frames:
        if (
            context.stream
            and frame.json
            and context.edits.finishes(frame.json)
            and any("reasoning_content" in each for each in context.edits.messages(frame.json))
        ):
            late = [
                {**choice, "delta": {"content": None, "reasoning_content": " Done."}, "finish_reason": None}
                for choice in context.edits.choices(frame.json)
            ]
            yield Frame(frame.at, json={**frame.json, "choices": late, "usage": None})
        yield frame


@each_document("reasoning-list", {"thinking.reasoning-string", *SCHEMAS})
def reasoning_list(document: Document, context: Context) -> None:
    """``reasoning_content`` is an array of strings."""
    for holder, name in list(context.edits.thoughts(document)):
        holder[name] = [holder[name]]


@each_document("fim-reasoning", {"fim.not-thinking"})
def fim_reasoning(document: Document, context: Context) -> None:
    """FIM answers have reasoning."""
    for choice in context.edits.choices(document):
        if "text" in choice:
            choice["reasoning_content"] = "The middle must fit."


# --- errors


@each_error("error-without-message", {"error.message-helps", "error.envelope"})
def error_without_message(document: Document, context: Context) -> None:
    """Errors have no description."""
    if isinstance(document.get("error"), dict):
        document["error"]["message"] = ""


@each_error("error-type-wrong-on-401", {"error.401-type"})
def error_type_wrong_on_401(document: Document, context: Context) -> None:
    """The error for an unknown key has the type ``invalid_request_error``."""
    if context.status == 401:
        document["error"]["type"] = "invalid_request_error"


@each_error("key-half-masked", {"error.401-masks-key"})
def key_half_masked(document: Document, context: Context) -> None:
    """The error about a key shows its last eight characters."""
    if context.status == 401:
        document["error"]["message"] = (
            f"Incorrect API key: ****{(context.request.headers.get('authorization') or '')[-8:]}"
        )


@each_error("key-in-error", {"error.401-masks-key"})
def key_in_error(document: Document, context: Context) -> None:
    """The error about a key contains the whole key."""
    if context.status == 401:
        document["error"]["message"] = f"Incorrect API key provided: {context.request.headers.get('authorization')}"
