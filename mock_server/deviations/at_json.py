"""Documents with wrong members: bodies, and the chunks of a stream."""

import uuid
from typing import Any

from mock_server.deviations.edits import Frames, calls, edit, messages, usages
from mock_server.deviations.registry import Context, Layer, deviation


@deviation("usage-sum-mismatch", Layer.JSON, breaks={"usage.total-is-sum"})
def usage_sum_mismatch(frames: Frames, context: Context, *, by: int = 7) -> Frames:
    """``total_tokens`` is not the sum of its parts."""

    def change(document: dict[str, Any]) -> None:
        for usage in usages(document):
            usage["total_tokens"] += by

    return edit(frames, change)


@deviation("id-changes-between-chunks", Layer.JSON, breaks={"stream.id-constant"})
def id_changes_between_chunks(frames: Frames, context: Context) -> Frames:
    """Every chunk of a stream has an id of its own."""

    def change(document: dict[str, Any]) -> None:
        if context.stream and "id" in document:
            document["id"] = str(uuid.UUID(int=context.rng.getrandbits(128), version=4))

    return edit(frames, change)


@deviation("role-missing-first-chunk", Layer.JSON, breaks={"stream.role-first"})
def role_missing_first_chunk(frames: Frames, context: Context) -> Frames:
    """No delta of a stream names the role."""

    def change(document: dict[str, Any]) -> None:
        for message in messages(document) if context.stream else ():
            message.pop("role", None)

    return edit(frames, change)


@deviation("tool-id-missing", Layer.JSON, breaks={"tools.id-present"})
def tool_id_missing(frames: Frames, context: Context) -> Frames:
    """Tool calls have no id, so that no result can be sent back."""

    def change(document: dict[str, Any]) -> None:
        for call in calls(document):
            call.pop("id", None)

    return edit(frames, change)


@deviation("cache-fields-missing", Layer.JSON, breaks={"usage.cache-split"})
def cache_fields_missing(frames: Frames, context: Context) -> Frames:
    """``usage`` says nothing about the context cache."""

    def change(document: dict[str, Any]) -> None:
        for usage in usages(document):
            usage.pop("prompt_cache_hit_tokens", None)
            usage.pop("prompt_cache_miss_tokens", None)

    return edit(frames, change)


@deviation("error-flat", Layer.JSON, breaks={"error.envelope"})
def error_flat(frames: Frames, context: Context) -> Frames:
    """The members of an error stand at the top level, without the ``error`` around them."""

    def change(document: dict[str, Any]) -> None:
        error = document.pop("error", None)
        document.update(error if isinstance(error, dict) else {})

    return edit(frames, change)


@deviation("extra-members", Layer.JSON)
def extra_members(frames: Frames, context: Context) -> Frames:
    """Legal: documents have members that nobody has documented yet."""

    def change(document: dict[str, Any]) -> None:
        document["x_request_region"] = "eu-1"
        for usage in usages(document):
            usage["x_cost_class"] = None

    return edit(frames, change)
