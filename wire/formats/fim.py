"""FIM completions: a prompt, perhaps a suffix, and the text between them in the first choice."""

from __future__ import annotations

from typing import Any

from echosounder.wire.answer import Mark
from echosounder.wire.formats.chat import common, first
from echosounder.wire.formats.format import Body, Format, Question
from echosounder.wire.strict_json import at


class Fim(Format):
    def ask(self, model: str, question: Question) -> Body:
        suffix = {} if question.suffix is None else {"suffix": question.suffix}
        prompt = " ".join(turn.text for turn in question.turns)
        return {"model": model, "prompt": prompt, **suffix, **dict(common(self.grammar.bound, question))}

    def mark(self, event: str, value: Any) -> Mark:
        return self._mark(value)

    def whole(self, value: Any) -> Mark:
        return self._mark(value, end=bool(at(value, "choices")))

    def _mark(self, value: Any, end: bool = False) -> Mark:
        """A chunk of a stream and a whole response are alike."""
        choice = first(at(value, "choices"))
        return Mark(
            text=choice.get("text"),
            finish=choice.get("finish_reason"),
            usage=at(value, *self.grammar.usage),
            error=at(value, *self.grammar.error),
            model=at(value, "model"),
            end=end,
        )
