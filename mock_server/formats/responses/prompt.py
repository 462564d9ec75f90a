"""Parses a Responses request as a chat with the same conversation, and keeps the members that the response repeats."""

from dataclasses import replace
from typing import Any

from echosounder.mock_server.answering.pieces import Split
from echosounder.mock_server.answering.plan import Question
from echosounder.mock_server.formats.chat.prompt import read as read_chat
from echosounder.mock_server.formats.responses.conversation import as_chat, effort, items, schema, texts_of
from echosounder.mock_server.formats.rules import Body
from echosounder.specs import Limits


def read(body: Body, limits: Limits, beta: bool, split: Split) -> Question:
    """Read a validated body into a :class:`Question`."""
    question = read_chat(as_chat(body, limits), limits, beta, split)
    said = [item for kind, item in items(body) if kind == "message" and item["role"] in ("user", "developer")]
    shape = schema(body)
    return replace(
        question,
        asked=texts_of(said[-1]["content"]) if said else "",
        conversation=question.conversation if shape is None else f"{question.conversation}\0{shape}",
        schema=shape,
        told=_told(body),
    )


def _told(body: Body) -> dict[str, Any]:
    """Members with their defaults, in the order of a response."""
    text = body.get("text") or {}
    return {
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "reasoning": {"effort": effort(body), "summary": None},
        "temperature": _number(body, "temperature"),
        "text": {"format": text.get("format") or {"type": "text"}, "verbosity": text.get("verbosity")},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_logprobs": body.get("top_logprobs") or 0,
        "top_p": _number(body, "top_p"),
        "user": body.get("user"),
    }


def _number(body: Body, name: str) -> float:
    value = body.get(name)
    return 1.0 if value is None else float(value)
