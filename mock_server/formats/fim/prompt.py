"""Parses a completion request, and builds its prompt as the model reads it. Fact sheet 11.2."""

import json
from typing import Any

from echosounder.mock_server.answering.pieces import Split
from echosounder.mock_server.answering.plan import Question
from echosounder.mock_server.formats.sampling import common
from echosounder.specs import Limits

MOST = 4096  # output tokens where the profile does not say
CONVERSATION = ("prompt", "suffix")
_sorted = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def read(body: dict[str, Any], limits: Limits, beta: bool, split: Split) -> Question:
    """Reads a body that passed validation."""
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
    """``<begin> prompt <hole> suffix <end>`` after the beginning of the text."""
    return ["<｜begin｜>", "<｜fim▁begin｜>", *split(prompt), "<｜fim▁hole｜>", *split(suffix), "<｜fim▁end｜>"]
