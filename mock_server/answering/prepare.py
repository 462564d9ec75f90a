"""Everything that depends only on the body, not on sender or time. It is pure and cached, because bodies repeat."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import lru_cache

from echosounder.mock_server.admission.admission import admit, check_context
from echosounder.mock_server.answering.identity import Identities
from echosounder.mock_server.answering.pieces import splitter
from echosounder.mock_server.answering.plan import AnswerPlan, ModelOutput, PromptTokens, Question
from echosounder.mock_server.answering.planner import Planner
from echosounder.mock_server.config import Config
from echosounder.mock_server.formats import Format
from echosounder.specs import Limits

REMEMBERED = 64  # number of bodies cached, the latest ones
LARGEST = 16 * 1024  # bytes; larger bodies are not cached


@dataclass(slots=True)
class Prepared:
    """An admitted body, read and answered."""

    form: Format
    limits: Limits  # of its model
    model: str  # the model that serves the request
    question: Question
    answers: list[ModelOutput]  # one for each choice
    parts: list[bytes] | None = None  # of a stream, rendered at the second request for them
    wanted: int = 0

    def plan(self, number: int, identities: Identities, created: int, hit: int) -> AnswerPlan:
        """Plan of the answer to one request, with its own ids and time."""
        made = self._plan(self.answers[0], number, identities, created, hit)
        if len(self.answers) > 1:
            made.others = tuple(self._plan(answer, number, identities, created, hit) for answer in self.answers[1:])
            made.completion_tokens += sum(other.completion_tokens for other in made.others)
        calls = [call for choice in made.choices for call in choice.calls] if made.others else made.calls
        for index, call in enumerate(calls):
            call.id = identities.call(number, index)
        return made

    def _plan(self, answer: ModelOutput, number: int, identities: Identities, created: int, hit: int) -> AnswerPlan:
        question = self.question
        return AnswerPlan(
            identities.answer(number),
            created,
            self.model,
            identities.fingerprint,
            PromptTokens(len(question.prompt), hit),
            answer.content,
            answer.finish,
            answer.tokens,
            answer.reasoning,
            len(answer.reasoning or ()),
            answer.calls and tuple(map(copy, answer.calls)),
            question.stream,
            question.include_usage,
            question.logprobs,
            question.echo,
            stopped=answer.stopped,
            told=question.told,
        )

    def known_parts(self, plan: AnswerPlan, deviates: bool) -> list[bytes] | None:
        """Parts of a stream rendered earlier. None on first use, or if they contain ids, or if a deviation may apply."""
        if deviates or plan.calls or plan.others:
            return None
        self.wanted += 1
        if self.parts is None and self.wanted > 1:
            self.parts = self.form.render.parts(plan, self.limits)
        return self.parts


Prepare = Callable[[Format, bytes, bool], Prepared]


def preparer(config: Config) -> Prepare:
    """Return a function of a format, a body, and whether the path is a beta path; it raises :class:`refusals.Refused` (400, 422)."""
    split = splitter(config.tokens)
    planner = Planner(config.seed or 0, config.output_tokens, split)

    def prepare(form: Format, text: bytes, beta: bool) -> Prepared:
        body, limits = admit(form, text, config.profile, beta)
        question = form.read(body, limits, beta, split)
        check_context(limits, len(question.prompt), question.wanted or 0)
        model = limits.aliases.get(question.model, question.model)
        return Prepared(form, limits, model, question, planner.answers(question))

    remembered = lru_cache(maxsize=REMEMBERED)(prepare)
    return lambda form, text, beta: (remembered if len(text) <= LARGEST else prepare)(form, text, beta)
