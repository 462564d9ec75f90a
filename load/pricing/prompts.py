"""Prompts with known common prefixes: messages made of words that are one token each."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from echosounder import specs
from echosounder.load.client.call import Job
from echosounder.load.worker.words import text
from echosounder.wire.formats import CHAT, FIM, Format, Question, Turn
from echosounder.wire.strict_json import compact

TEMPLATE = 128  # maximum number of tokens that a chat template adds
PER_MESSAGE = 3  # maximum number of tokens that it puts before the text of a message


class Path(NamedTuple):
    """A prompt in pieces that are shared as a whole or not at all, with the number of tokens up to the end of each: ``least`` and
    ``most``.
    """

    texts: tuple[str, ...]
    least: list[int]
    most: list[int]


@dataclass(frozen=True, slots=True)
class Message:
    """``tokens``: number of tokens of the text; for an answer that is sent back (``ours`` False), from its usage."""

    role: str
    text: str
    tokens: int
    ours: bool = True

    def pieces(self) -> tuple[list[str], int, int]:
        """The pieces that are shared as a whole or not at all, each with its minimum and maximum tokens: an answer may be counted
        differently when it is sent back.
        """
        if self.ours:
            return self.text.split(" "), 1, 1
        slack = 2 + self.tokens // 4
        return [f"\0{self.text}"], max(self.tokens - slack, 0), self.tokens + slack


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages, user last. ``size`` counts the tokens of the texts, without the overhead of the chat template."""

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
    """An invented assistant answer, for few-shot prompts."""
    return Message("assistant", text(tokens, seed), tokens)


def returned(answer: str, tokens: int) -> Message:
    """The target's answer, as a message of the next prompt."""
    return Message("assistant", answer, tokens, ours=False)


def changed(message: Message, depth: int) -> Message:
    """The same prompt with one word changed, after *depth* words."""
    words = message.text.split(" ")
    words[depth] = "ocean" if words[depth] != "ocean" else "harbour"
    return replace(message, text=" ".join(words))


def cut(message: Message, tokens: int) -> Message:
    return replace(message, text=" ".join(message.text.split(" ")[:tokens]), tokens=tokens)


def joined(first: Message, *others: Message) -> Message:
    messages = (first, *others)
    return replace(first, text=" ".join(each.text for each in messages), tokens=sum(each.tokens for each in messages))


@dataclass(frozen=True, slots=True)
class PromptJobs:
    """Makes requests from prompts: greedy, without thinking if it can be switched off, so that requests are alike."""

    model: str
    profile: str = specs.DEFAULT_PROFILE

    @property
    def limits(self) -> specs.Limits:
        return specs.limits(self.profile, self.model)

    def chat(self, prompt: Prompt, name: str, tokens: int, stream: bool = False, user_id: str | None = None) -> Job:
        question = Question(
            tuple(Turn(message.role, message.text) for message in prompt.messages),
            tokens,
            stream,
            thinking=False if self.limits.thinking == "switch" else None,
            temperature=0,
            user=user_id,
        )
        return self._job(CHAT, name, question, prompt.size)

    def fim(self, message: Message, name: str, tokens: int) -> Job:
        question = Question((Turn("user", message.text),), tokens, temperature=0, suffix="end")
        return self._job(FIM, name, question, message.tokens)

    def balance(self) -> Job:
        return Job("balance", "/user/balance", b"", False, 0, 0)

    def _job(self, form: Format, name: str, question: Question, size: int) -> Job:
        data = compact(form.ask(self.model, question)).encode()
        most = size + TEMPLATE
        return Job(name, form.path, data, question.stream, size, question.output, ceiling_tokens=most, format=form.name)
