"""Predicts cache hits by the two documented sets of rules. It knows the requests, and never reads the reported hits.

``prefix-blocks`` (August 2024 until V3.2): every full block of *unit* tokens that a request begins with can be hit by a later one.
``prefix-units`` (V4): whole units are stored: a request up to the end of its input, the same with its output, and a prefix after which
several requests diverged. A unit is hit as a whole or not at all.

How it works. Both are best effort, and which of two requests in flight together the target read first cannot be known. So an expectation
is a range. What is *promised* counts only requests that were over, and stored (``settle``), before this one was sent. The *most* that can
be true counts each that had been sent before this one was over.

1. A prompt is a path of words (tokens that are shared as a whole). All paths of an account and ``user_id`` make a tree, those of the
   account another, those of all accounts a third; a :class:`Node` is a beginning up to where paths part or end.
2. Each prompt, with its answer where that is known, is entered in the nodes on its way: the two earliest times of sending and closing,
   and when a prompt that ends there was over (``ends``). When two that go on differently from a node were over is ``parted``.
3. Blocks promise the deepest node on the way that any prompt had closed in time; units the deepest that had ended or parted in time.
   The promise is cut to whole units, and never has the last token of a prompt, which has to be read.
4. The most is the deepest node that *another* prompt had been sent with, and what a template may add.

An example, in units of 64. A, B and C have a system prompt of 300 tokens in common and 100 of their own; no time to settle::

    sent   over                   blocks   units   most
    0      1     A                     0       0      4    nothing came before; 4 tokens may be the template's
    2      3     B                   256       0    310    A was over: four blocks of 64 in 300. It was not seen yet that the two part
    4      5     C                   256     256    410    A and B parted after 300. The most: the next one, if it was read first
    4.5    6     C again             256     256    410    the first C was in flight: it promises nothing, and may have been stored
    7      8     A again             384     384    410    six blocks in 400; the unit of 400 is stored up to the same
    9     10     A, other user_id      0       0      4    another cache; a hit here up to 410 (``account``) is one across users

Of B a target that reports 0 or 256 keeps the promise of V4, one that reports 320 has counted something that was never sent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import takewhile

from echosounder.load.pricing.prompts import Path, Prompt

BLOCKS, UNITS = "prefix-blocks", "prefix-units"
MODELS = (BLOCKS, UNITS)
SMALLEST = 64  # minimum number of tokens ever cached
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Scope:
    """The owner of a cache: the account behind a key, and the ``user_id``."""

    account: int = 0
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class ServedPrompt:
    """A prompt that was served, with its answer if it is known. ``sent`` and ``closed`` in seconds of one clock."""

    prompt: Prompt
    scope: Scope
    sent: float
    closed: float
    answered: Prompt | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """How a target counts our words. ``unit``: tokens in a unit of hits; ``overhead``: tokens of the template; ``settle``: seconds
    until an answer can be hit; ``per_word``: minimum and maximum tokens per word.
    """

    unit: int
    overhead: int = 4
    settle: float = 0.0
    per_word: tuple[float, float] = (1.0, 1.0)

    def promise(self, tokens: int, prompt: Prompt) -> int:
        """Round down to whole units; the last token of a prompt is always processed."""
        low = self.per_word[0]
        sure = int(min(tokens * low, prompt.size * low + self.overhead - 1))
        return sure // self.unit * self.unit if sure >= SMALLEST else 0

    def most(self, tokens: int) -> int:
        return int(tokens * self.per_word[1]) + self.overhead


@dataclass(frozen=True, slots=True)
class Expectation:
    """Expected hits, in tokens. ``promised`` by each cache model. Maxima: ``most`` from earlier prompts of the same user, ``account``
    from those of all users of the account, ``anyone`` from all. ``shared``: words in common with any prompt.
    """

    promised: dict[str, int]
    most: int
    account: int
    anyone: int
    shared: int


@dataclass(slots=True)
class Node:
    """A prefix that prompts have in common up to the point where they diverge or end, ``edge`` further than its parent. ``sent`` and
    ``closed``: of the two earliest prompts with it; ``ends``: when the first prompt stored up to here was over; ``parted``: when two
    prompts that diverge here were over. ``least`` and ``most``: bounds of its tokens.
    """

    edge: tuple[str, ...] = ()
    least: int = 0
    most: int = 0
    sent: list[float] = field(default_factory=list)
    closed: list[float] = field(default_factory=list)
    ends: float = NEVER
    parted: float = NEVER
    next: dict[str, "Node"] = field(default_factory=dict)

    def enter(self, seen: ServedPrompt, ends: bool) -> None:
        self.sent = sorted([*self.sent, seen.sent])[:2]
        self.closed = sorted([*self.closed, seen.closed])[:2]
        if ends:
            self.ends = min(self.ends, seen.closed)

    def since(self, seen: ServedPrompt) -> float:
        """Time at which the first other prompt was sent."""
        first, *rest = self.sent
        return first if first != seen.sent else rest[0] if rest else NEVER


def expectations(served: Sequence[ServedPrompt], scale: Scale) -> list[Expectation]:
    """The expectation for each prompt given the others, in the order of the prompts."""
    trees = {place: Node() for seen in served for place in _places(seen.scope)}
    paths = [(seen.prompt.path(), (seen.answered or seen.prompt).path()) for seen in served]
    for seen, (asked, whole) in zip(served, paths, strict=True):
        for place in _places(seen.scope):
            _split(trees[place], asked)
            _split(trees[place], whole)
    for seen, (asked, whole) in zip(served, paths, strict=True):
        for place in _places(seen.scope):
            _plant(trees[place], seen, len(asked.texts), whole)
    for tree in trees.values():
        _part(tree)
    return [
        _expect(seen, [list(_along(trees[place], asked)) for place in _places(seen.scope)], scale)
        for seen, (asked, _) in zip(served, paths, strict=True)
    ]


def _places(scope: Scope) -> tuple[object, ...]:
    return scope, scope.account, None


def _split(node: Node, path: Path) -> None:
    """Create or split nodes so that the path ends at a node, and diverges from other paths only at nodes."""
    at = 0
    while at < len(path.texts):
        child = node.next.get(path.texts[at])
        if child is None:
            node.next[path.texts[at]] = Node(path.texts[at:], path.least[-1], path.most[-1])
            return
        shared = _common(child.edge, path.texts, at)
        at += shared
        if shared < len(child.edge):
            upper = Node(child.edge[:shared], path.least[at - 1], path.most[at - 1])
            child.edge = child.edge[shared:]
            upper.next[child.edge[0]] = child
            node.next[upper.edge[0]] = child = upper
        node = child


def _common(edge: tuple[str, ...], texts: tuple[str, ...], at: int) -> int:
    rest = texts[at : at + len(edge)]
    if rest == edge:
        return len(edge)
    return next((index for index, (one, other) in enumerate(zip(edge, rest, strict=False)) if one != other), len(rest))


def _along(node: Node, path: Path) -> Iterator[Node]:
    at = 0
    while at < len(path.texts):
        node = node.next[path.texts[at]]
        at += len(node.edge)
        yield node


def _plant(tree: Node, seen: ServedPrompt, asked: int, whole: Path) -> None:
    tree.enter(seen, ends=False)
    at = 0
    for node in _along(tree, whole):
        at += len(node.edge)
        node.enter(seen, ends=at in (asked, len(whole.texts)))


def _part(tree: Node) -> None:
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        ways = nsmallest(2, [node.ends, *(child.closed[0] for child in node.next.values())])
        node.parted = ways[1] if len(ways) > 1 else NEVER
        nodes += node.next.values()


def _expect(seen: ServedPrompt, paths: Sequence[Sequence[Node]], scale: Scale) -> Expectation:
    own = paths[0]
    before = seen.sent - scale.settle
    blocks = [node.least for node in own if node.closed[0] <= before]
    units = [node.least for node in own if min(node.ends, node.parted) <= before]
    promised = {BLOCKS: max(blocks, default=0), UNITS: max(units, default=0)}
    reach = [_reach(path, seen) for path in paths]
    most, account, anyone = (scale.most(node.most if node else 0) for node in reach)
    words = reach[-1].least if reach[-1] else 0
    kept = {model: scale.promise(tokens, seen.prompt) for model, tokens in promised.items()}
    return Expectation(kept, most, account, anyone, words)


def _reach(path: Sequence[Node], seen: ServedPrompt) -> Node | None:
    """The longest prefix shared with another prompt that was sent before this one was over."""
    shared = list(takewhile(lambda node: node.since(seen) <= seen.closed, path))
    return shared[-1] if shared else None
