"""The planned answer, before it is serialized.

These records are made for every request and never changed; they are not frozen, because creating frozen ones takes
thirty times longer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Item = TypeVar("Item")
Pieces = list[str]


@dataclass(slots=True)
class Question:
    """The request as the planner sees it, independent of the wire format.

    Only ``conversation`` determines the answer; ``stop``, ``most`` and the mode truncate it or set how it is sent.
    """

    model: str  # as asked for
    prompt: Pieces  # as the model reads it, in tokens
    conversation: str  # equal for equal conversations; determines the answer
    most: int  # maximum number of output tokens
    asked: str = ""  # the text of the last user message
    tool_result: str | None = None  # the last result of a tool, which the answer repeats
    continues: bool = False  # the answer continues the prompt instead of following its instructions
    blank_first: bool = False  # the answer begins with a blank
    json: tuple[str, ...] | None = None  # JSON mode: texts whose latest JSON object is the example to follow
    tools: tuple[dict[str, Any], ...] = ()  # functions on offer: name, description, parameters
    tool_choice: str | tuple[str] = "auto"  # auto, none, required, or a tuple with the name of one function
    parallel: bool = True  # several calls are allowed in one answer
    thinks: bool = False
    thinking_counted: bool = True  # ``most`` bounds the chain of thought too
    wanted: int | None = None  # the ``max_tokens`` of the request
    stop: tuple[str, ...] = ()
    choices: int = 1  # number of answers to the same conversation
    files: tuple[str, ...] = ()  # ids of referenced files
    images: int = 0  # number of images, including files
    user: str = ""  # the ``user_id`` of the request
    stream: bool = False
    include_usage: bool = False
    logprobs: int | None = None  # number of alternatives; None: not requested
    echo: str = ""  # FIM: the prompt, repeated before the answer
    schema: Any = None  # a JSON Schema that the answer must conform to
    told: Mapping[str, Any] = field(default_factory=dict)  # members of the request that the answer repeats


@dataclass(slots=True)
class PromptTokens:
    """The number of prompt tokens, and how many of them hit the cache."""

    tokens: int
    hit: int = 0

    @property
    def miss(self) -> int:
        return self.tokens - self.hit


@dataclass(slots=True)
class PlannedCall:
    """A tool call; its arguments are split into tokens and truncated as ``max_tokens`` requires."""

    id: str
    name: str
    arguments: Pieces
    overhead: int  # tokens of the name and the markup around the call


@dataclass(slots=True)
class ModelOutput:
    """Output that depends only on the body and is shared by all requests with that body. Calls have no ids yet."""

    content: Pieces
    finish: str
    tokens: int
    reasoning: Pieces | None = None
    calls: tuple[PlannedCall, ...] = ()
    stopped: str = ""  # the stop sequence that ended it


@dataclass(slots=True)
class Surcharge:
    """Charges beyond the usage: extra tokens of each kind, prices at another time, a percentage of the total, and an
    amount in pico-units.
    """

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
    logprobs: int | None = None  # number of alternatives; None: not requested
    echo: str = ""  # FIM: the prompt, repeated before the answer
    surcharge: Surcharge | None = None
    others: tuple[
        "AnswerPlan", ...
    ] = ()  # further choices, if several were requested; ``completion_tokens`` counts all
    stopped: str = ""  # the stop sequence that ended the answer
    told: Mapping[str, Any] = field(default_factory=dict)  # members of the request that the answer repeats
    headers: tuple[tuple[str, str], ...] = ()  # in addition to those of every answer
    ended: int = 0  # planned end of the answer, in seconds since 1970 like ``created``

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
    """Number of tokens per piece with text; pieces without text are counted with the next one, or with the last one at the end."""
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
