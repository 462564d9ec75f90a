"""Parses a Messages request as a chat with the same conversation."""

from dataclasses import replace

from echosounder.mock_server.answering.pieces import Split
from echosounder.mock_server.answering.plan import Question
from echosounder.mock_server.formats.chat.prompt import read as read_chat
from echosounder.mock_server.formats.messages.conversation import as_chat, texts_of
from echosounder.mock_server.formats.rules import Body
from echosounder.specs import Limits


def read(body: Body, limits: Limits, beta: bool, split: Split) -> Question:
    """Read a validated body into a :class:`Question`. If the last message is the assistant's, the answer continues it."""
    asked = (texts_of(message["content"]) for message in reversed(body["messages"]) if message["role"] == "user")
    return replace(
        read_chat(as_chat(body, limits), limits, beta, split),
        asked=next(filter(None, asked), ""),
        continues=body["messages"][-1]["role"] == "assistant",
    )
