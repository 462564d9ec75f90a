"""Prompts whose common beginnings are known: messages of words that are one token each."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from echosounder import specs
from echosounder.load.client.call import Job
from echosounder.load.worker.text import text

TEMPLATE = 128  # tokens that a chat template adds at most
PER_MESSAGE = 3  # tokens that it may put before the text of a message


class Path(NamedTuple):
    """A prompt in pieces that are shared as a whole or not at all, and how many tokens it has at the end of each: at ``least``, and at
    ``most``."""

    texts: tuple[str, ...]
    least: list[int]
    most: list[int]


@dataclass(frozen=True, slots=True)
class Message:
    """``tokens``: how many the text is. Of an answer that is sent back (``ours`` False) it is what its usage said."""

    role: str
    text: str
    tokens: int
    ours: bool = True

    def pieces(self) -> tuple[list[str], int, int]:
        """What is shared as a whole or not at all, and how many tokens each of it has at least and at most: nobody promised that an
        answer is counted alike when it comes back."""
        if self.ours:
            return self.text.split(" "), 1, 1
        slack = 2 + self.tokens // 4
        return [f"\0{self.text}"], max(self.tokens - slack, 0), self.tokens + slack


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages, user last. ``size`` counts the tokens of the texts, without what the chat template adds."""

    messages: tuple[Message, ...]

    @property
    def size(self) -> int:
        return sum(message.tokens for message in self.messages)

    def then(self, *messages: Message) -> "Prompt":
        return Prompt((*self.messages, *messages))

    def path(self) -> Path:
        texts: list[str] = []
        least: list[int] = []
        most: list[int] = []
        for message in self.messages:
            words, fewest, highest = message.pieces()
            low, high = least[-1] if least else 0, PER_MESSAGE + (most[-1] if most else 0)
            texts += (f"\0{message.role}", *words)
            least += [low + fewest * count for count in range(len(words) + 1)]
            most += [high + highest * count for count in range(len(words) + 1)]
        return Path(tuple(texts), least, most)


def user(tokens: int, seed: str) -> Message:
    return Message("user", text(tokens, seed), tokens)


def system(tokens: int, seed: str) -> Message:
    return Message("system", text(tokens, seed), tokens)


def shown(tokens: int, seed: str) -> Message:
    """An answer of our own invention, for few-shot prompts."""
    return Message("assistant", text(tokens, seed), tokens)


def returned(answer: str, tokens: int) -> Message:
    """The target's answer, to be sent back."""
    return Message("assistant", answer, tokens, ours=False)


def changed(message: Message, depth: int) -> Message:
    """The same but for one word, after *depth* of them."""
    words = message.text.split(" ")
    words[depth] = "ocean" if words[depth] != "ocean" else "harbour"
    return replace(message, text=" ".join(words))


def cut(message: Message, tokens: int) -> Message:
    return replace(message, text=" ".join(message.text.split(" ")[:tokens]), tokens=tokens)


def joined(first: Message, *others: Message) -> Message:
    messages = (first, *others)
    return replace(first, text=" ".join(each.text for each in messages), tokens=sum(each.tokens for each in messages))


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
        return _job(name, "/chat/completions", body, prompt.size, tokens)

    def fim(self, message: Message, name: str, tokens: int) -> Job:
        body = {"model": self.model, "prompt": message.text, "suffix": "end", "max_tokens": tokens, "temperature": 0}
        return _job(name, "/beta/completions", body, message.tokens, tokens)

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


def _job(name: str, path: str, body: dict[str, Any], size: int, tokens: int) -> Job:
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Job(name, path, data, bool(body.get("stream")), size, tokens, ceiling_tokens=size + TEMPLATE)
