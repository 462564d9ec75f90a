"""The module of the format that exists only here: see ``soundings.yaml``. ``sitecustomize`` of a test's processes registers it."""

from pathlib import Path
from typing import Any

from echosounder.specs.grammar import read
from echosounder.specs.lines import load
from echosounder.wire.answer import Call, Mark
from echosounder.wire.formats import FORMATS, Format, Question


class Soundings(Format):
    def ask(self, model: str, question: Question) -> dict[str, Any]:
        lines = [f"{turn.role}> {turn.text}" for turn in question.turns]
        return {"vessel": model, "lines": lines, self.grammar.bound: question.output, "stream": question.stream}

    def mark(self, event: str, value: Any) -> Mark:
        if not isinstance(value, dict):
            return Mark(end=self.ends(event))
        return Mark(
            text=value.get("echo") if event == "echo" else None,
            reasoning=value.get("mutter"),
            calls=(Call(names=(value["hail"],), arguments=value.get("with", ""), index=value.get("item")),)
            if "hail" in value
            else (),
            finish=value.get("why"),
            usage=self.usage_of(value),
            error=self.error_of(value),
            model=value.get("vessel"),
            end=self.ends(event),
        )

    def whole(self, value: Any) -> Mark:
        return self.mark("", value)


def soundings() -> Soundings:
    return Soundings(read(load("soundings.yaml", Path(__file__).parent)))


def register() -> None:
    FORMATS["soundings"] = soundings()
