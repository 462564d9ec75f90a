"""Common parts of chat and the older completions: ``choices``, one ``usage``, a stream that ends with ``[DONE]``.

Members are in the order of the captures (fact sheet 2.3, 2.7). A chunk is a template, made once per stream, with the
escaped token inserted: a hundredth of the cost of serializing each chunk.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from echosounder import specs
from echosounder.mock_server.answering.plan import AnswerPlan, weave
from echosounder.mock_server.formats.format import DONE, Counts, Document, Edits, Place, Script
from echosounder.mock_server.formats.texts import compact, quote, quoted
from echosounder.specs import Limits

HOLE = "\0"  # marks the token's place in a template; never occurs unescaped in JSON
Around = tuple[bytes, bytes]  # bytes before and after a piece of text


# --- deviations


class ChoiceEdits(Edits):
    counts: ClassVar[Mapping[str, str]] = {
        "prompt": "prompt_tokens",
        "completion": "completion_tokens",
        "total": "total_tokens",
        "hit": "prompt_cache_hit_tokens",
        "miss": "prompt_cache_miss_tokens",
    }
    end = DONE

    def choices(self, document: Document) -> Iterator[Document]:
        yield from document.get("choices") or ()

    def usages(self, document: Document) -> Iterator[Counts]:
        if isinstance(document.get("usage"), dict):
            yield document["usage"]

    def finishes(self, document: Document) -> bool:
        return any(choice.get("finish_reason") for choice in self.choices(document))


def strings(holders: Iterator[Document], name: str) -> Iterator[Place]:
    """The members of that name that hold a string."""
    yield from ((holder, name) for holder in holders if isinstance(holder.get(name), str))


# --- bytes


def around(choice: Document) -> Around:
    """Split a serialized choice into the bytes before and after its variable part."""
    before, after = compact(choice).split(quoted(HOLE))
    return before, after


def filled(pieces: Sequence[str], hole: Around, before: bytes, after: bytes) -> list[bytes]:
    """A serialized choice for each non-empty piece."""
    before, after = before + hole[0], hole[1] + after
    return [before + quoted(piece) + after for piece in pieces if piece]


def _counted(usage: Counts) -> str:
    """A usage as JSON. Python's repr of names and integers differs from JSON only in quotes and spaces, and costs a
    quarter of an encoder.
    """
    return repr(usage).replace("'", '"').replace(" ", "")


def _numbered(made: list[bytes], index: int) -> list[bytes]:
    """The same serialized chat choices with another ``index``, their first member."""
    return [b'{"index":%d%b' % (index, choice.removeprefix(b'{"index":0')) for choice in made]


# --- documents and streams


@dataclass(frozen=True, slots=True)
class ChoiceRenderer:
    """Renders answers that have ``choices``. ``spoken`` makes the event of each piece between two given texts; the
    first ``lead`` events carry no token.
    """

    document: str  # ``object`` of a non-streaming response
    chunk: str  # ``object`` of each event
    choice: Callable[[AnswerPlan, Limits], Document]
    spoken: Callable[[AnswerPlan, Limits, bytes, bytes], list[bytes]]
    last: Callable[[AnswerPlan], bytes]  # the last choice, with the finish reason
    lead: Callable[[AnswerPlan], int]  # number of events before the first token

    def usage(self, plan: AnswerPlan, limits: Limits) -> Counts:
        prompt = plan.prompt
        counts: Counts = {
            "prompt_tokens": prompt.tokens,
            "completion_tokens": plan.completion_tokens,
            "total_tokens": prompt.tokens + plan.completion_tokens,
        }
        behaviour = specs.behaviour(limits.profile)
        if behaviour.usage_details:
            counts["prompt_tokens_details"] = {"cached_tokens": prompt.hit}
        if plan.reasoning is not None:
            counts["completion_tokens_details"] = {"reasoning_tokens": plan.reasoning_tokens}
        if behaviour.cache_split:
            counts |= {"prompt_cache_hit_tokens": prompt.hit, "prompt_cache_miss_tokens": prompt.miss}
        return counts

    def whole(self, plan: AnswerPlan, limits: Limits, usage: Counts) -> bytes:
        value = {
            "id": plan.id,
            "object": self.document,
            "created": plan.created,
            "model": plan.model,
            "choices": [self.choice(each, limits) | {"index": index} for index, each in enumerate(plan.choices)],
            "usage": usage,
            "system_fingerprint": plan.fingerprint,
        }
        return compact(value)

    def parts(self, plan: AnswerPlan, limits: Limits) -> list[bytes]:
        return self.spoken(plan, limits, b"", b"")

    def stream(self, plan: AnswerPlan, limits: Limits, usage: Counts, parts: list[bytes] | None) -> Script:
        """Every event, ``[DONE]`` last."""
        before, after = self._envelope(plan)
        known = self._by_turns(plan, limits) if plan.others else parts
        spoken = [before + one + after for one in known] if known else self.spoken(plan, limits, before, after)
        ending = self._ending(plan, limits, before, after, usage)
        return Script([*spoken, *ending], self.lead(plan) * len(plan.choices), len(ending))

    def _envelope(self, plan: AnswerPlan) -> Around:
        """The bytes before and after the choice in every chunk of a stream."""
        head = (
            f'data: {{"id":"{plan.id}","object":"{self.chunk}","created":{plan.created},"model":{quote(plan.model)},'
            f'"system_fingerprint":"{plan.fingerprint}","choices":['
        )
        return head.encode("utf-8", "surrogatepass"), b'],"usage":null}\n\n' if plan.include_usage else b"]}\n\n"

    def _by_turns(self, plan: AnswerPlan, limits: Limits) -> list[bytes]:
        return weave([_numbered(self.parts(each, limits), index) for index, each in enumerate(plan.choices)])

    def _ending(self, plan: AnswerPlan, limits: Limits, before: bytes, after: bytes, usage: Counts) -> list[bytes]:
        """The chunk with the finish reason, and the usage on it (observed) or after it (documented, and OpenAI's way)."""
        lasts = [self.last(plan)]
        for index, other in enumerate(plan.others, 1):
            lasts += _numbered([self.last(other)], index)
        counts = f'],"usage":{_counted(usage)}}}\n\n'.encode()
        if limits.usage_placement == "finish-chunk":
            return [*(before + one + after for one in lasts[:-1]), before + lasts[-1] + counts, DONE]
        apart = [before + counts] if plan.include_usage else []
        return [*(before + one + after for one in lasts), *apart, DONE]
