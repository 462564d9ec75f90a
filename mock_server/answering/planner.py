"""Plans the answer to a question: pure and seeded. The same conversation gets the same answer, streaming or not, at any temperature."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from echosounder.mock_server.answering import intent, schema, toolcalls
from echosounder.mock_server.answering.pieces import Split
from echosounder.mock_server.answering.plan import ModelOutput, Pieces, PlannedCall, Question
from echosounder.mock_server.answering.prose import prose

REASONING_SHARE = 2  # a chain of thought is about half as long as the answer
SEPARATE_REASONING = 32 * 1024  # tokens of R1's reasoning, not bounded by max_tokens
LONG = 1000  # tokens of a long answer if the request states no length
LONGEST = 1 << 15
CALL_OVERHEAD = 4  # tokens of markup around a call: begin, separator, end and type


@dataclass(frozen=True, slots=True)
class Planner:
    """Answers questions with ``output_tokens`` tokens of prose; None: as many as the prompt asks for."""

    seed: int
    output_tokens: int | None
    split: Split

    def answers(self, question: Question) -> list[ModelOutput]:
        """One answer for each choice."""
        return [self.answer(question, choice) for choice in range(question.choices)]

    def answer(self, question: Question, choice: int = 0) -> ModelOutput:
        number, draft = self._digest(question, choice), Draft(question.most)
        gist = intent.gist(question.asked)
        answer = self._text(question, gist)
        calls = [] if answer is not None else toolcalls.calls(question)
        if answer is None:
            answer = [] if calls else self._prose(question, gist, number, draft.left)
        reasoning = None
        if question.thinks:
            thought = draft if question.thinking_counted else Draft(SEPARATE_REASONING)
            reasoning = thought.take(prose(number >> 13, _reasoning_length(answer, number)))
        kept, stopped = _stopped(answer, question.stop)
        content = draft.take(kept)
        made = tuple([_take_call(draft, self.split, call) for call in calls if draft.left > 0]) if calls else ()
        finish = "tool_calls" if made and draft.finish == "stop" else draft.finish
        beside = 0 if question.thinking_counted else len(reasoning or ())
        ended_by = stopped if finish == "stop" else ""
        return ModelOutput(content, finish, draft.tokens + beside, reasoning, made, ended_by)

    def _digest(self, question: Question, choice: int) -> int:
        """A number derived from the conversation and the index of the choice."""
        text = f"{question.conversation}\0{choice}" if choice else question.conversation
        key = self.seed.to_bytes(8, "big", signed=True)
        return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest(), "big")

    def _text(self, question: Question, gist: str) -> Sequence[str] | None:
        """The answer's text if the prompt determines it; None if the model may call a tool or write prose."""
        if question.tool_result is not None:
            return self.split(f"The result is: {question.tool_result}")
        if question.schema is not None:
            return self.split(_conforming(question.schema, question.asked))
        if question.json is not None:
            return self.split(_json(question.json, question.asked))
        if question.continues:
            return None
        repeated = intent.repeated(question.asked, gist)
        return None if repeated is None else self.split(repeated)

    def _prose(self, question: Question, gist: str, number: int, left: int) -> list[str]:
        """Prose of the configured length, else of the length that the prompt asks for, else some sentences. An
        open-ended answer is one token longer than requested, so that it is cut.
        """
        length = self.output_tokens or intent.length(gist)
        if length is None:
            length = (question.wanted or LONG) + 1 if intent.open_ended(gist) else 16 + number % 32
        begun = list(self.split(intent.opening(question.asked, gist)))
        made = prose(number, min(length, left + 1, LONGEST))
        return [*begun, " " + made[0], *made[1:]] if question.blank_first or begun else made


@dataclass(slots=True)
class Draft:
    """An answer under construction: reasoning, content and calls share one allowance of tokens."""

    left: int
    finish: str = "stop"
    tokens: int = 0

    def take(self, cut: Sequence[str]) -> Pieces:
        """The leading pieces that fit the allowance."""
        kept = list(cut[: self.left])
        if len(kept) < len(cut):
            self.finish = "length"
        self.left -= len(kept)
        self.tokens += len(kept)
        return kept


def _conforming(wanted: Any, asked: str) -> str:
    """JSON text of a value that conforms to a schema, filled from the last question; an empty object for an invalid schema."""
    try:
        value = schema.value(wanted, intent.hints(intent.without_examples(asked)))
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        value = {}
    return json.dumps(value, ensure_ascii=False)


def _json(texts: Sequence[str], asked: str) -> str:
    """An object with the keys of the example in the prompt, values of the same types, taken from the last question."""
    shape = next((found for text in reversed(texts) if (found := intent.example(text))), None)
    hints = intent.hints(intent.without_examples(asked))
    if shape is None:
        return json.dumps({"answer": (hints.quoted or hints.names or ["yes"])[0]}, ensure_ascii=False)
    return json.dumps({name: _like(value, hints) for name, value in shape.items()}, ensure_ascii=False, indent=2)


def _like(example: Any, hints: schema.Hints) -> Any:
    """A value of the same JSON type."""
    match example:
        case bool() | None:
            return example
        case int() | float():
            return (
                schema.value({"type": "integer" if isinstance(example, int) else "number"}, hints)
                if hints.numbers
                else example
            )
        case str():
            return schema.value({"type": "string"}, hints) if hints.names or hints.quoted else example
        case list():
            return [_like(item, hints) for item in example]
    return {name: _like(item, hints) for name, item in example.items()}


def _reasoning_length(answer: Sequence[str], number: int) -> int:
    return min(8 + number % 8 + len(answer) // REASONING_SHARE, 400)


def _stopped(answer: Sequence[str], stops: Sequence[str]) -> tuple[Sequence[str], str]:
    """Return the pieces before the first stop sequence, and that sequence; the piece in which it begins is truncated."""
    if not stops:
        return answer, ""
    text = "".join(answer)
    ends = [(end, one) for one in stops if one and (end := text.find(one)) >= 0]
    if not ends:
        return answer, ""
    kept: Pieces = []
    left, found = min(ends)
    for piece in answer:
        if left <= 0:
            break
        kept.append(piece[:left])
        left -= len(piece)
    return kept, found


def _take_call(draft: Draft, split: Split, call: toolcalls.ToolCall) -> PlannedCall:
    overhead = min(draft.left, CALL_OVERHEAD + len(split(call.name)))
    draft.left -= overhead
    draft.tokens += overhead
    return PlannedCall("", call.name, draft.take(split(call.arguments)), overhead)
