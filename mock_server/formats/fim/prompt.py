"""Parses a completion request, and builds its prompt as the model reads it. Fact sheet 11.2."""

import json
from typing import Any

from echosounder.mock_server.answering.pieces import Split
from echosounder.mock_server.answering.plan import Question
from echosounder.mock_server.formats.sampling import common
from echosounder.specs import Limits

MOST = 4096  # output tokens if the profile has no default
CONVERSATION = ("prompt", "suffix")
_sorted = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def read(body: dict[str, Any], limits: Limits, beta: bool, split: Split) -> Question:
    """Read a validated body into a :class:`Question`."""
    prompt, most = body["prompt"], limits.fim_max_tokens or MOST
    return Question(
        body["model"],
        _tokens(prompt, body.get("suffix") or "", split),
        _sorted({name: body[name] for name in CONVERSATION if body.get(name) is not None}),
        min(body.get("max_tokens") or most, most),
        blank_first=prompt[-1:].isalnum(),
        logprobs=body.get("logprobs"),
        echo=prompt if body.get("echo") else "",
        **common(body),
    )


def _tokens(prompt: str, suffix: str, split: Split) -> list[str]:
    """Tokens of the prompt: ``<begin> prompt <hole> suffix <end>`` after the begin-of-text token."""
    return ["<｜begin｜>", "<｜fim▁begin｜>", *split(prompt), "<｜fim▁hole｜>", *split(suffix), "<｜fim▁end｜>"]
