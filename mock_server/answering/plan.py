"""The planned answer, before it is serialized.

These records are made for every request and never changed; they are not frozen, because that makes them thirty times slower to make.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Item = TypeVar("Item")
Pieces = list[str]


@dataclass(slots=True)
class Question:
    """The request as the planner sees it, independent of its format.

    ``stop``, ``most`` and the mode truncate or transmit the same answer; only ``conversation`` determines which answer it is.
    """

    model: str  # as asked for
    prompt: Pieces  # as the model reads it, in tokens
    conversation: str  # equal for equal conversations: what the answer depends on
    most: int  # output tokens that may be made
    asked: str = ""  # the text that was said last
    tool_result: str | None = None  # what a tool answered last, which the answer tells
    continues: bool = False  # the answer goes on where the prompt ends, and does nothing that it asks for
    blank_first: bool = False  # the answer begins with a blank
    json: tuple[str, ...] | None = None  # a JSON object is wanted, like one that stands in the latest of these texts
    tools: tuple[dict[str, Any], ...] = ()  # functions on offer: name, description, parameters
    tool_choice: str | tuple[str] = "auto"  # auto, none, required, or the one name of a function
    parallel: bool = True  # several calls at once
    thinks: bool = False
    thinking_counted: bool = True  # ``most`` bounds the chain of thought too
    wanted: int | None = None  # output tokens that were asked for
    stop: tuple[str, ...] = ()
    choices: int = 1  # answers to the same conversation
    files: tuple[str, ...] = ()  # that are referred to, by id
    images: int = 0  # that are shown, the files among them
    user: str = ""  # of the account's users
    stream: bool = False
    include_usage: bool = False
    logprobs: int | None = None  # how many alternatives; None: not asked for
    echo: str = ""  # FIM: the prompt that stands in front of the answer
    schema: Any = None  # a JSON Schema that the answer is to conform to
    told: Mapping[str, Any] = field(default_factory=dict)  # members of the request that the answer tells again


@dataclass(slots=True)
class PromptTokens:
    """A prompt in tokens, and how the cache splits them."""

    tokens: int
    hit: int = 0

    @property
    def miss(self) -> int:
        return self.tokens - self.hit


@dataclass(slots=True)
class PlannedCall:
    """A tool call with its arguments cut into tokens, as many as ``max_tokens`` allows."""

    id: str
    name: str
    arguments: Pieces
    overhead: int  # tokens of the name and the markup around the call


@dataclass(slots=True)
class ModelOutput:
    """Output that depends on the body alone and is shared by all requests with it. Calls have no ids yet."""

    content: Pieces
    finish: str
    tokens: int
    reasoning: Pieces | None = None
    calls: tuple[PlannedCall, ...] = ()
    stopped: str = ""  # the stop text that ended it


@dataclass(slots=True)
class Surcharge:
    """Charges beyond the usage: tokens of each kind, prices at another time, a share of the total, and 10⁻¹² units of the currency."""

    hit: int = 0
    miss: int = 0
    output: int = 0
    shift_s: float = 0.0
    percent: int = 100
    pico: int = 0


@dataclass(slots=True)
class AnswerPlan:
    """One answer. Every piece is one token, except if a token ends within a character: such tokens form one piece, and
    ``completion_tokens`` counts them all. ``finish`` is stop, length, tool_calls, or another finish reason.
    """

    id: str
    created: int
    model: str
    fingerprint: str
    prompt: PromptTokens
    content: Pieces
    finish: str
    completion_tokens: int
    reasoning: Pieces | None = None  # None: thinking is off
    reasoning_tokens: int = 0
    calls: tuple[PlannedCall, ...] = ()
    stream: bool = False
    include_usage: bool = False
    logprobs: int | None = None  # how many alternatives; None: not asked for
    echo: str = ""  # FIM: the prompt that stands in front of the answer
    surcharge: Surcharge | None = None
    others: tuple[
        "AnswerPlan", ...
    ] = ()  # further choices, where several were asked for; ``completion_tokens`` counts all
    stopped: str = ""  # the stop text that ended the answer
    told: Mapping[str, Any] = field(default_factory=dict)  # members of the request that the answer tells again
    headers: tuple[tuple[str, str], ...] = ()  # beside those that every answer has
    ended: int = 0  # when it will have been said, in seconds like ``created``

    @property
    def choices(self) -> list["AnswerPlan"]:
        """Each choice as a separate plan."""
        return [self, *self.others]

    @property
    def steps(self) -> list[int]:
        """Number of tokens in each event that carries any: the input of a schedule."""
        spoken = [*_events(self.reasoning or []), *_events(self.content)]
        for call in self.calls:
            spoken += [call.overhead, *_events(call.arguments)]
        return spoken


def _events(pieces: Pieces) -> list[int]:
    """Tokens per piece that has text; those without travel with the next one, or at the end with the last."""
    if "" not in pieces:
        return [1] * len(pieces)
    made, waiting = [], 0
    for piece in pieces:
        waiting += 1
        if piece:
            made.append(waiting)
            waiting = 0
    if made:
        made[-1] += waiting
    return made


def weave(rows: list[list[Item]]) -> list[Item]:
    """Interleaves choices: the first of each row, the second of each, and so on."""
    return [row[turn] for turn in range(max(map(len, rows))) for row in rows if turn < len(row)]
