"""Malformed answers of the other endpoints: FIM, models, balance."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from echosounder.mock_server.deviations.edits import Frames
from echosounder.mock_server.deviations.forms import each_document
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.frames import document
from echosounder.wire.strict_json import at, compact

Document = dict[str, Any]


@each_document("fim-chat-object", {"fim.object", "fim.response-schema", "fim.stream-chunk", "response.document-valid"})
def fim_chat_object(document: Document, context: Context) -> None:
    """FIM answers in the shape of chat."""
    name = "delta" if context.stream else "message"
    for choice in context.edits.choices(document):
        if "text" in choice:
            choice[name] = {"role": "assistant", "content": choice.pop("text")}
            document["object"] = "chat.completion.chunk" if context.stream else "chat.completion"


class ModelsShape(StrEnum):
    """Wrong forms of the list of models."""

    ARRAY = "array"
    MODELS = "models"
    EMPTY = "empty"
    NUMBERS = "numbers"


SHAPES: dict[ModelsShape, Callable[[Document], Any]] = {
    ModelsShape.ARRAY: lambda models: models["data"],
    ModelsShape.MODELS: lambda models: {"models": models["data"]},
    ModelsShape.EMPTY: lambda models: {"object": "list", "data": []},
    ModelsShape.NUMBERS: lambda models: {
        "object": "list",
        "data": [{**model, "id": n} for n, model in enumerate(models["data"])],
    },
}


@deviation("models-shape", Layer.SSE, {"models.schema", "response.document-valid"})
def models_shape(frames: Frames, context: Context, *, shape: ModelsShape = ModelsShape.ARRAY) -> Frames:
    """``/models`` returns a bare array, ``models`` instead of ``data``, an empty list, or numbers as ids."""
    for frame in frames:
        models = document(frame.raw)
        if at(models, "object") == "list":
            frame.raw = compact(SHAPES[shape](models)).encode()
        yield frame


CATALOGUE = {
    "models.tested-model-listed",
    "models.expected-v4",
    "models.expected-v4-1",
    "models.expected-2025",
    "models.expected-2024-12",
}


@each_document("models-incomplete", {*CATALOGUE, "models.expected-2024-07"})
def models_incomplete(document: Document, context: Context) -> None:
    """``/models`` lists a single model that is not served."""
    for model in document.get("data") or ():
        model["id"] = "house-model"
    document.update({"data": document["data"][:1]} if "data" in document else {})


@each_document("models-bare", {"models.entry-members"})
def models_bare(document: Document, context: Context) -> None:
    """``/models`` returns only the identity of the models, without further members."""
    for model in document.get("data") or ():
        for name in model.keys() - {"id", "object", "owned_by", "created"}:
            del model[name]


@each_document("models-doubled", {"models.unique"})
def models_doubled(document: Document, context: Context) -> None:
    """``/models`` lists every model twice."""
    if "data" in document:
        document["data"] *= 2


@each_document("balance-unavailable", {"balance.available"})
def balance_unavailable(document: Document, context: Context) -> None:
    """The balance is reported as insufficient, though requests are served."""
    if "is_available" in document:
        document["is_available"] = False


@each_document("balance-frozen", {"balance.charged"})
def balance_frozen(document: Document, context: Context) -> None:
    """The balance does not change."""
    for account in accounts(document):
        account |= {"total_balance": "110.00", "granted_balance": "10.00", "topped_up_balance": "100.00"}


def accounts(document: Document) -> list[Document]:
    """The currencies of a balance."""
    return document.get("balance_infos") or []


@each_document("balance-numbers", {"balance.string-amounts", "balance.schema", "response.document-valid"})
def balance_numbers(document: Document, context: Context) -> None:
    """Amounts of money are JSON numbers instead of strings."""
    for account in accounts(document):
        account |= {name: float(value) for name, value in account.items() if name.endswith("_balance")}


@each_document("balance-in-exponents", {"balance.string-amounts", "balance.schema", "response.document-valid"})
def balance_in_exponents(document: Document, context: Context) -> None:
    """Amounts of money are in scientific notation."""
    for account in accounts(document):
        account |= {name: f"{float(value):.2E}" for name, value in account.items() if name.endswith("_balance")}


@each_document("models-created-in-milliseconds", {"models.created", "models.created-seconds"})
def models_created_in_milliseconds(document: Document, context: Context) -> None:
    """``created`` of the entries of ``/models`` is in milliseconds."""
    for model in document.get("data") or ():
        model["created"] = 1_722_000_000_000


@each_document("balance-sum-mismatch", {"balance.total-is-sum"})
def balance_sum_mismatch(document: Document, context: Context) -> None:
    """``total_balance`` excludes the granted balance."""
    for account in accounts(document):
        account["total_balance"] = account["topped_up_balance"]


@each_document("balance-unknown-currency", {"balance.currency-known", "balance.schema", "response.document-valid"})
def balance_unknown_currency(document: Document, context: Context) -> None:
    """The currency of the balance is unknown."""
    for account in accounts(document):
        account["currency"] = "CREDITS"
