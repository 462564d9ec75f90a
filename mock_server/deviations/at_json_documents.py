"""Answers of the other endpoints in another shape: FIM, models, balance."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from mock_server.deviations.edits import Frames, choices
from mock_server.deviations.forms import each_document
from mock_server.deviations.registry import Context, Layer, deviation

Document = dict[str, Any]


@each_document("fim-chat-object", {"fim.object", "fim.response-schema", "fim.stream-chunk", "response.document-valid"})
def fim_chat_object(document: Document, context: Context) -> None:
    """FIM answers in the shape of chat."""
    name = "delta" if context.stream else "message"
    for choice in choices(document):
        if "text" in choice:
            choice[name] = {"role": "assistant", "content": choice.pop("text")}
            document["object"] = "chat.completion.chunk" if context.stream else "chat.completion"


class Shape(StrEnum):
    """What a list of models may look like instead."""

    ARRAY = "array"
    MODELS = "models"
    EMPTY = "empty"
    NUMBERS = "numbers"


SHAPES: dict[Shape, Callable[[Document], Any]] = {
    Shape.ARRAY: lambda models: models["data"],
    Shape.MODELS: lambda models: {"models": models["data"]},
    Shape.EMPTY: lambda models: {"object": "list", "data": []},
    Shape.NUMBERS: lambda models: {
        "object": "list",
        "data": [{**model, "id": n} for n, model in enumerate(models["data"])],
    },
}


@deviation("models-shape", Layer.JSON, {"models.schema", "response.document-valid"})
def models_shape(frames: Frames, context: Context, *, shape: Shape = Shape.ARRAY) -> Frames:
    """``/models`` answers with a bare array, or ``models`` instead of ``data``, or nothing in it, or numbers as ids."""
    for frame in frames:
        if frame.json and frame.json.get("object") == "list":
            frame.json = SHAPES[shape](frame.json)
        yield frame


def accounts(document: Document) -> list[Document]:
    """The currencies of a balance."""
    return document.get("balance_infos") or []


@each_document("balance-numbers", {"balance.string-amounts", "balance.schema", "response.document-valid"})
def balance_numbers(document: Document, context: Context) -> None:
    """Amounts of money are numbers."""
    for account in accounts(document):
        account |= {name: float(value) for name, value in account.items() if name.endswith("_balance")}


@each_document("balance-sum-mismatch", {"balance.total-is-sum"})
def balance_sum_mismatch(document: Document, context: Context) -> None:
    """``total_balance`` leaves out what was granted."""
    for account in accounts(document):
        account["total_balance"] = account["topped_up_balance"]


@each_document("balance-unknown-currency", {"balance.currency-known", "balance.schema", "response.document-valid"})
def balance_unknown_currency(document: Document, context: Context) -> None:
    """The balance is in points."""
    for account in accounts(document):
        account["currency"] = "CREDITS"
