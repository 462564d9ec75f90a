"""Inputs of a command: variables that SDKs read, those of the driver contract, and placeholders in its arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PROMPTS = {
    "chat": "Repeat exactly: «Ein Schiff – 你好, 👩‍👩‍👧!» and say no more.",
    "tools": "What is the weather in Paris and in Tokyo?",
    "json": 'Answer in json like {"river": "Nile"}. Which is the longest river?',
}
TOKEN = "ECHO_RUN"
"""The variable by which a process and its descendants are known."""


@dataclass(frozen=True, slots=True)
class Briefing:
    """One scenario as its command sees it. ``root`` is the address of the mock, without a path; ``patience_s`` is the timeout that the
    client should use, in seconds.
    """

    root: str
    key: str
    model: str
    use: str
    patience_s: float
    token: str

    @property
    def openai(self) -> str:
        return f"{self.root}/v1"

    @property
    def anthropic(self) -> str:
        return f"{self.root}/anthropic"

    @property
    def prompt(self) -> str:
        return PROMPTS.get(self.use.partition("-")[0], PROMPTS["chat"])

    def arguments(self, command: Sequence[str]) -> list[str]:
        """*command* with its placeholders filled in."""
        values = {
            "{base_url}": self.openai,
            "{anthropic_url}": self.anthropic,
            "{root_url}": self.root,
            "{api_key}": self.key,
            "{model}": self.model,
            "{prompt}": self.prompt,
            "{use}": self.use,
        }
        return [_filled(word, values) for word in command]

    def variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """The environment of the command: *inherited*, with our variables added and without a forward proxy to the mock."""
        local = "127.0.0.1,localhost"
        return {
            **inherited,
            **dict.fromkeys(("OPENAI_BASE_URL", "OPENAI_API_BASE", "ECHO_BASE_URL"), self.openai),
            **dict.fromkeys(("DEEPSEEK_BASE_URL", "DEEPSEEK_API_BASE"), self.openai),
            **dict.fromkeys(("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE", "ECHO_ANTHROPIC_URL"), self.anthropic),
            **dict.fromkeys(("OPENAI_API_KEY", "DEEPSEEK_API_KEY", "ANTHROPIC_API_KEY", "ECHO_API_KEY"), self.key),
            "ECHO_MODEL": self.model,
            "ECHO_USE": self.use,
            "ECHO_PROMPT": self.prompt,
            "ECHO_TIMEOUT_S": f"{self.patience_s:g}",
            TOKEN: self.token,
            "NO_PROXY": local,
            "no_proxy": local,
        }


def _filled(word: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(name, value)
    return word
