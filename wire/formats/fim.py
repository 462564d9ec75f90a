"""FIM completions: a prompt, perhaps a suffix, and the text between them in the first choice."""

from __future__ import annotations

from typing import Any

from echosounder.wire.answer import NOTHING, Mark
from echosounder.wire.formats.chat import common, first
from echosounder.wire.formats.format import Body, Format, Question


class Fim(Format):
    def ask(self, model: str, question: Question) -> Body:
        suffix = {} if question.suffix is None else {"suffix": question.suffix}
        prompt = " ".join(turn.text for turn in question.turns)
        return {"model": model, "prompt": prompt, **suffix, **dict(common(self.grammar.bound, question))}

    def mark(self, event: str, value: Any) -> Mark:
        return self._mark(value)

    def whole(self, value: Any) -> Mark:
        return self._mark(value, whole=True)

    def _mark(self, value: Any, whole: bool = False) -> Mark:
        """A chunk of a stream and a non-streaming response are alike."""
        if not isinstance(value, dict):
            return NOTHING
        choice = first(value.get("choices"))
        return Mark(
            text=choice.get("text"),
            finish=choice.get("finish_reason"),
            usage=self.usage_of(value),
            error=self.error_of(value),
            model=value.get("model"),
            end=whole and bool(value.get("choices")),
        )
