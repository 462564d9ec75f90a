"""Content of the requests, computed from a seed and their index, so that every worker and every run makes the same ones."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from random import Random

import msgspec

from echosounder.load.client.call import Job
from echosounder.load.traces import BLOCK
from echosounder.load.worker.dialogue import Chain, Dialogue, Manners
from echosounder.load.worker.words import text
from echosounder.wire import formats
from echosounder.wire.formats import Format, Question, Tool, Turn

_encode = msgspec.json.Encoder().encode
TEMPLATE = 128  # upper bound of a chat template's tokens; the largest known adds 79 (thinking on)
OWN_WORDS = 8
"""Number of its own words with which a prompt asks the answer to begin, so that another client's answer is recognized."""
OWN_ASK = "start your answer with these first eight words above"
"""Ends a prompt; one token per word, like the rest of the text."""
JSON_ASK = "Answer with one json object that has the keys name, value and reason."
TOOL_ASK = "now look the first of these words up in the index"
"""The end of a question to an agent, so that it has a reason to call the tool. One token per word."""
TOOL = Tool(
    "look_up",
    "Looks a word up in the index.",
    {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
)


@dataclass(frozen=True, slots=True)
class Item:
    """A kind of request. ``prompt_tokens`` is the range from which its length is drawn, excluding the shared prefix.

    ``kind``: chat, json, tools or fim. ``rounds`` > 1 makes conversations: request n of a conversation repeats the previous n - 1
    rounds. ``conversations`` of them are in progress at a time, each starting at a different round, so that the load is steady from the
    beginning. ``prompts``: texts to use instead of synthetic ones; their number of tokens is only bounded by their bytes. ``talks``:
    the user's texts of conversations, each of them a session. ``format`` names the wire format of the request; empty for the default of
    its kind.

    ``session``: conversations continue with the answers received, ``think`` seconds after each. With the kind ``tools`` they are those
    of an agent: each call is answered after ``tool_time`` seconds with a text of ``tool_tokens``, in up to ``tool_rounds`` rounds per
    question, and the first ``subagents`` calls go to agents with contexts of their own.
    """

    name: str
    kind: str = "chat"
    weight: float = 1.0
    stream: bool = True
    prompt_tokens: tuple[int, int] = (200, 200)
    output_tokens: int = 64
    shared_prefix: int = 0
    rounds: int = 1
    conversations: int = 8
    prompts: tuple[str, ...] = ()
    talks: tuple[tuple[str, ...], ...] = ()
    format: str = ""
    session: bool = False
    think: tuple[float, float] = (0.0, 0.0)
    tool_rounds: int = 4
    tool_time: tuple[float, float] = (0.0, 0.0)
    tool_tokens: tuple[int, int] = (100, 400)
    subagents: int = 0

    @property
    def asked_in(self) -> Format:
        """The wire format of the requests."""
        return formats.named(self.format or _usual(self.kind))


@dataclass(frozen=True, slots=True)
class Drawn:
    """One request before serialization: its texts in order, and their number of tokens; 0 if they were not counted."""

    item: Item
    texts: tuple[str, ...]
    tokens: int
    output_tokens: int
    seed: int

    @property
    def size(self) -> int:
        """Bytes of the texts whose tokens are known; all words are ASCII."""
        return sum(map(len, self.texts)) if self.tokens else 0


class Workload:
    """``job(index)`` is the request with that index. ``lengths`` (of a trace) override prompt and output tokens by index.

    ``sweep`` returns the length of prompts by the seconds since the end of the warm-up; ``blocks`` (of a trace) determine the content
    of prompts: those with the same first blocks begin with the same words.
    """

    def __init__(
        self,
        items: Sequence[Item],
        model: str,
        seed: int = 0,
        lengths: Callable[[int], tuple[int, int]] | None = None,
        sweep: Callable[[float], int] | None = None,
        blocks: Callable[[int], tuple[int, ...]] | None = None,
    ) -> None:
        self._items, self._model, self._seed, self._lengths = tuple(items), model, seed, lengths
        self._sweep, self._blocks = sweep, blocks
        self._weights = list(accumulate(item.weight for item in items))

    @property
    def sessions(self) -> bool:
        """Whether an item consists of sessions."""
        return any(item.session for item in self._items)

    def item(self, index: int) -> Item:
        """The item of the request, or session, with this index."""
        if len(self._items) == 1:
            return self._items[0]
        seed = self._seed * 1_000_003 + index
        (item,) = Random(f"{seed} item").choices(self._items, cum_weights=self._weights)
        return item

    def dialogue(self, index: int) -> Dialogue:
        """The session with this index."""
        item = self.item(index)
        name = f"{self._seed} {item.name} {index}"
        tools, form = item.kind == "tools", item.asked_in
        prefix = text(item.shared_prefix, f"{self._seed} {item.name}") if item.shared_prefix else ""
        return Dialogue(
            Manners(
                rounds=len(item.talks[index % len(item.talks)]) if item.talks else item.rounds,
                question=lambda place: self._question(item, index, place),
                result=lambda place: text(
                    Random(f"{name} result {place}").randint(*item.tool_tokens), f"{name} r{place}"
                ),
                think=item.think,
                tool_rounds=item.tool_rounds if tools else 0,
                tool_time=item.tool_time,
                subagents=item.subagents if tools else 0,
                thoughts=tools and form.name == _usual("tools"),
                bounded=frozenset(reason for reason, why in form.grammar.finish.items() if why == "bounded"),
            ),
            (Turn("system", prefix),) if prefix else (),
            name,
        )

    def utterance(self, item: Item, chain: Chain) -> Job:
        """The next request of a context of a session."""
        form = item.asked_in
        tools = (TOOL,) if item.kind == "tools" else ()
        # If reasoning would have to be sent back as signed blocks or encrypted items, a session disables it.
        thinking = False if tools and form.name != _usual("tools") else None
        question = Question(tuple(chain.turns), item.output_tokens, item.stream, thinking, tools=tools)
        body = form.ask(self._model, question)
        try:
            data = _encode(body)
        except UnicodeEncodeError:  # an answer may contain a lone surrogate, which JSON can represent but UTF-8 cannot
            data = json.dumps(body).encode()
        ours = (
            [turn.text for turn in chain.turns if turn.role != "assistant"] if not (item.prompts or item.talks) else []
        )
        tokens = sum(len(each.split()) for each in ours)  # one a word
        return Job(
            item.name,
            form.path,
            data,
            item.stream,
            tokens if len(ours) == len(chain.turns) else None,
            item.output_tokens,
            ceiling_tokens=len(data) + TEMPLATE - sum(map(len, ours)) + tokens,
            format=form.name,
        )

    def _question(self, item: Item, index: int, place: int) -> str:
        """The user's text number *place* of a session."""
        if item.talks:
            talk = item.talks[index % len(item.talks)]
            return talk[(place - 1) % len(talk)]
        if item.prompts:
            return item.prompts[(index + place - 1) % len(item.prompts)]
        name = f"{self._seed} {item.name} {index} q{place}"
        words = text(Random(f"{name} length").randint(*item.prompt_tokens), name)
        return f"{words} {TOOL_ASK}" if item.kind == "tools" else words

    def job(self, index: int, at: float = 0.0) -> Job:
        """The request with this index, the first of a session. *at*: seconds since the end of the warm-up, which determine the length
        in a sweep.
        """
        seed = self._seed * 1_000_003 + index
        item = self.item(index)
        if item.session:
            return self.utterance(item, self.dialogue(index).begin().chain)
        if self._sweep:
            tokens = self._sweep(at)
            item = replace(item, prompt_tokens=(tokens, tokens))
        drawn = self._draw(item, index, seed)
        form = item.asked_in
        data = _encode(form.ask(self._model, _QUESTIONS[item.kind](drawn)))
        # No token is shorter than a byte, so text without a known token count is bounded by its bytes.
        ceiling = len(data) + TEMPLATE - (drawn.size - drawn.tokens)
        return Job(
            item.name,
            form.path,
            data,
            item.stream,
            drawn.tokens or None,
            drawn.output_tokens,
            ceiling_tokens=ceiling,
            format=form.name,
        )

    def _draw(self, item: Item, index: int, seed: int) -> Drawn:
        if item.prompts:
            prompt = item.prompts[index % len(item.prompts)]
            return Drawn(item, (prompt,), 0, item.output_tokens, seed)
        if item.rounds > 1:
            return self._conversation(item, index, seed)
        low, high = item.prompt_tokens
        tokens, output = low, item.output_tokens
        if self._lengths:
            tokens, output = self._lengths(index)
        elif low < high:  # seeding a generator costs as much as the rest of a request
            tokens = Random(f"{seed} length").randint(low, high)
        prefix = [text(item.shared_prefix, f"{self._seed} {item.name}")] if item.shared_prefix else []
        texts = (*prefix, self._owned(tokens, item, index))
        return Drawn(item, texts, tokens + item.shared_prefix, output, seed)

    def _owned(self, tokens: int, item: Item, index: int) -> str:
        """The texts of a prompt, which asks the answer to begin with the prompt's first words, unless it is short or
        its kind or a trace determines it.
        """
        rest = tokens - len(OWN_ASK.split())
        if item.kind != "chat" or self._blocks or rest < 2 * OWN_WORDS:
            return self._prompt(tokens, item, index)
        return f"{self._prompt(rest, item, index)} {OWN_ASK}"

    def _prompt(self, tokens: int, item: Item, index: int) -> str:
        if not (ids := self._blocks(index) if self._blocks else ()):
            return text(tokens, f"{self._seed} {item.name} {index}")
        left = tokens - BLOCK * (len(ids) - 1)
        return " ".join(
            text(BLOCK if more else left, f"{self._seed} block {id}")
            for more, id in zip(range(len(ids) - 1, -1, -1), ids, strict=True)
        )

    def _conversation(self, item: Item, index: int, seed: int) -> Drawn:
        """Questions and answers of the conversation to which this index belongs, up to its current round."""
        slot, step = index % item.conversations, index // item.conversations
        begun = step + Random(self._seed * 7919 + slot).randrange(item.rounds)
        generation, round_ = divmod(begun, item.rounds)
        story = Random(f"{self._seed} {item.name} {slot} {generation}")
        lengths = [n for _ in range(round_ + 1) for n in (story.randint(*item.prompt_tokens), item.output_tokens)][:-1]
        texts = tuple(text(n, f"{self._seed} {slot} {generation} {place}") for place, n in enumerate(lengths))
        if item.shared_prefix:
            texts = (text(item.shared_prefix, f"{self._seed} {item.name}"), *texts)
        return Drawn(item, texts, sum(lengths) + item.shared_prefix, item.output_tokens, seed)


def _turns(drawn: Drawn) -> tuple[Turn, ...]:
    """The turns of a conversation: a shared prefix as system message, then user and assistant alternately, user first and last."""
    texts = list(drawn.texts)
    system = [Turn("system", texts.pop(0))] if drawn.item.shared_prefix else []
    return (*system, *(Turn("assistant" if place % 2 else "user", each) for place, each in enumerate(texts)))


def _chat(drawn: Drawn) -> Question:
    return Question(_turns(drawn), drawn.output_tokens, drawn.item.stream)


def _json(drawn: Drawn) -> Question:
    turns = (Turn("system", JSON_ASK), *_turns(drawn))
    return Question(turns, drawn.output_tokens, drawn.item.stream, json=True)


def _tools(drawn: Drawn) -> Question:
    """The tools of a request. A call is not forced, because forced calls are refused in thinking mode.

    With tools, earlier reasoning must be sent back, but invented answers have none, so conversations disable thinking.
    """
    thinking = False if drawn.item.rounds > 1 else None
    return Question(_turns(drawn), drawn.output_tokens, drawn.item.stream, thinking, tools=(TOOL,))


def _fim(drawn: Drawn) -> Question:
    words = " ".join(drawn.texts).split(" ")
    cut = Random(f"{drawn.seed} cut").randint(1, max(len(words) - 1, 1))
    prompt = (Turn("user", " ".join(words[:cut])),)
    return Question(prompt, drawn.output_tokens, drawn.item.stream, suffix=" ".join(words[cut:]))


_QUESTIONS: dict[str, Callable[[Drawn], Question]] = {"chat": _chat, "json": _json, "tools": _tools, "fim": _fim}
KINDS = tuple(_QUESTIONS)


@cache
def _usual(kind: str) -> str:
    """The first format that has requests of a kind."""
    return next(name for name, each in formats.FORMATS.items() if kind in each.grammar.kinds)
