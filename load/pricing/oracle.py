"""What the context cache should hit, by the two sets of rules that the documentation has given. Knows prompts, never answers.

``prefix-blocks`` (August 2024 until V3.2): every full block of *unit* tokens that a request begins with can be hit by a later one.
``prefix-units`` (V4): what is stored are whole units - a request up to the end of its input, the same with its output, and a beginning
that several requests were seen to share. A unit is hit as a whole or not at all; hits come in multiples of *unit* tokens.

Both are best effort. So each expectation is a range: what the rule promises, and what no rule allows to be passed, the tokens that
the prompt really shares with an earlier one of the same account and ``user_id``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from load.pricing.prompts import Prompt

BLOCKS, UNITS = "prefix-blocks", "prefix-units"
MODELS = (BLOCKS, UNITS)
PER_MESSAGE = 3  # tokens that a template may put before the text of a message
SMALLEST = 64  # tokens below which nothing was ever cached


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose cache it is: the account behind a key, and the ``user_id``."""

    account: int = 0
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """Tokens. ``promised`` by each model; ``most`` that can be true at all; ``shared`` with the earlier prompt that is nearest."""

    promised: dict[str, int]
    most: int
    shared: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A prompt that was served, its length by its usage, and its length with the answer."""

    prompt: Prompt
    input_tokens: int
    output: Prompt | None = None
    output_tokens: int = 0


@dataclass(slots=True)
class Oracle:
    """Remembers what was sent in each scope. ``unit``: tokens that hits come in; ``overhead``: what the template adds to a prompt."""

    unit: int
    overhead: int = 4
    seen: dict[Scope, list[Seen]] = field(default_factory=dict)

    def expect(self, prompt: Prompt, scope: Scope) -> Expectation:
        earlier = self.seen.get(scope, [])
        reach = [self._reach(prompt, each) for each in earlier]
        least, most = max((low for low, _ in reach), default=0), max((high for _, high in reach), default=0)
        ceiling = prompt.size + self.overhead - 1  # the last token of a prompt has to be read
        return Expectation(
            {
                BLOCKS: self._whole(min(least, ceiling)),
                UNITS: self._whole(min(self._best_unit(prompt, earlier), ceiling)),
            },
            min(most, prompt.size + self.overhead + PER_MESSAGE),
            least,
        )

    def learn(self, prompt: Prompt, scope: Scope, seen: Seen) -> None:
        self.seen.setdefault(scope, []).append(seen)

    def _whole(self, tokens: int) -> int:
        return tokens // self.unit * self.unit if tokens >= SMALLEST else 0

    def _reach(self, prompt: Prompt, earlier: Seen) -> tuple[int, int]:
        """Tokens that both begin with: at least, counting texts alone, and at most, with the template and the answer."""
        input_shared = prompt.shared(earlier.prompt)
        whole = earlier.output.messages if earlier.output else earlier.prompt.messages
        shared = prompt.shared(Prompt(whole))
        return input_shared.tokens, shared.tokens + PER_MESSAGE * shared.messages + self.overhead

    def _best_unit(self, prompt: Prompt, earlier: list[Seen]) -> int:
        return max(self._units(prompt, earlier), default=0)

    def _units(self, prompt: Prompt, earlier: list[Seen]) -> Iterator[int]:
        """Lengths of the stored units that the prompt begins with."""
        for each in earlier:
            shared = prompt.shared(each.prompt)
            if shared.tokens == each.prompt.size:
                yield each.prompt.size
            if each.output and prompt.shared(each.output).tokens == each.output.size:
                yield each.output.size
        yield from self._noticed(prompt, earlier)

    def _noticed(self, prompt: Prompt, earlier: list[Seen]) -> Iterator[int]:
        """The longest beginning that this one has in common with two earlier requests."""
        yield from sorted((prompt.shared(each.prompt).tokens for each in earlier), reverse=True)[1:2]
