"""What will be answered, before anything of it is bytes."""

from dataclasses import dataclass
from enum import StrEnum

Pieces = list[str]


class Endpoint(StrEnum):
    CHAT = "chat"
    FIM = "fim"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt in tokens, and how the cache splits them."""

    tokens: int
    hit: int = 0

    @property
    def miss(self) -> int:
        return self.tokens - self.hit


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A tool call and its arguments cut into tokens, as many of them as ``max_tokens`` left."""

    id: str
    name: str
    arguments: Pieces
    overhead: int  # tokens of the name and the markup around the call


@dataclass(frozen=True, slots=True)
class Plan:
    """One answer. Every piece is one token, except where a token ends within a character: such tokens travel together,
    and ``completion_tokens`` counts them all."""

    endpoint: Endpoint
    id: str
    created: int
    model: str
    fingerprint: str
    prompt: Prompt
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

    @property
    def steps(self) -> list[int]:
        """Tokens of each event that carries some: what a schedule is made for."""
        spoken = [1] * (len(self.reasoning or ()) + len(self.content))
        for call in self.calls:
            spoken += [call.overhead, *([1] * len(call.arguments))]
        return spoken
