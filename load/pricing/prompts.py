"""Prompts whose common beginnings are known: messages of words, one token each, and what two prompts share."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import specs
from load.call import Job
from load.text import text

TEMPLATE = 128  # tokens that a chat template adds at most


@dataclass(frozen=True, slots=True)
class Message:
    """``tokens``: how many the text is. Of an answer that is sent back it is what its usage said, and its words are none of ours."""

    role: str
    text: str
    tokens: int

    @property
    def ours(self) -> bool:
        return self.role != "assistant" or self.tokens == self.text.count(" ") + 1


@dataclass(frozen=True)
class Prompt:
    """Messages, user last. ``size`` counts the tokens of the texts, without what the chat template adds."""

    messages: tuple[Message, ...]

    @property
    def size(self) -> int:
        return sum(message.tokens for message in self.messages)

    def then(self, *messages: Message) -> "Prompt":
        return Prompt((*self.messages, *messages))

    @cached_property
    def words(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(message.text.split(" ")) for message in self.messages)

    def shared(self, other: "Prompt") -> "Shared":
        """What both begin with."""
        tokens = 0
        for index, (mine, theirs) in enumerate(zip(self.messages, other.messages, strict=False)):
            if mine != theirs:
                same = _same(self.words[index], other.words[index]) if mine.role == theirs.role else 0
                return Shared(tokens + same, index + 1)
            tokens += mine.tokens
        return Shared(tokens, min(len(self.messages), len(other.messages)))


@dataclass(frozen=True, slots=True)
class Shared:
    """``tokens`` of text, and the messages that they begin in: each may bring a token or two of the template along."""

    tokens: int
    messages: int


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def user(tokens: int, seed: str) -> Message:
    return Message("user", text(tokens, seed), tokens)


def system(tokens: int, seed: str) -> Message:
    return Message("system", text(tokens, seed), tokens)


def assistant(answer: str, tokens: int) -> Message:
    return Message("assistant", answer, tokens)


def changed(message: Message, depth: int) -> Message:
    """The same but for one word, after *depth* of them."""
    words = message.text.split(" ")
    words[depth] = "ocean" if words[depth] != "ocean" else "harbour"
    return replace(message, text=" ".join(words))


def cut(message: Message, tokens: int) -> Message:
    return Message(message.role, " ".join(message.text.split(" ")[:tokens]), tokens)


def joined(role: str, *messages: Message) -> Message:
    return Message(role, " ".join(message.text for message in messages), sum(message.tokens for message in messages))


@dataclass(frozen=True, slots=True)
class Asking:
    """Makes jobs of prompts: greedy, not thinking where that can be switched off, so that one request is like another."""

    model: str
    profile: str = specs.DEFAULT_PROFILE

    @property
    def limits(self) -> specs.Limits:
        return specs.limits(self.profile, self.model)

    def chat(self, prompt: Prompt, name: str, tokens: int, stream: bool = False, user_id: str | None = None) -> Job:
        body = dict(self._body(prompt, tokens, stream, user_id))
        return Job(name, "/chat/completions", _bytes(body), stream, prompt.size + TEMPLATE, tokens)

    def fim(self, message: Message, name: str, tokens: int) -> Job:
        body = {"model": self.model, "prompt": message.text, "suffix": "end", "max_tokens": tokens, "temperature": 0}
        return Job(name, "/beta/completions", _bytes(body), False, message.tokens + TEMPLATE, tokens)

    def balance(self) -> Job:
        return Job("balance", "/user/balance", b"", False, 0, 0)

    def _body(self, prompt: Prompt, tokens: int, stream: bool, user_id: str | None) -> Iterator[tuple[str, Any]]:
        yield "model", self.model
        yield "messages", [{"role": message.role, "content": message.text} for message in prompt.messages]
        yield "max_tokens", tokens
        yield "temperature", 0
        if stream:
            yield from (("stream", True), ("stream_options", {"include_usage": True}))
        if self.limits.thinking == "switch":
            yield "thinking", {"type": "disabled"}
        if user_id is not None:
            yield "user_id", user_id


def _bytes(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
