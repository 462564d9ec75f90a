"""All that follows from a body alone, whoever sends it and whenever. Pure, so it can be remembered: bodies come again."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import lru_cache

from echosounder.mock_server.admission.admission import Admitted, admit, check_context
from echosounder.mock_server.answering import planner
from echosounder.mock_server.answering.identity import Identities
from echosounder.mock_server.answering.pieces import splitter
from echosounder.mock_server.answering.plan import Answer, Endpoint, Plan, Prompt
from echosounder.mock_server.config import Config
from echosounder.mock_server.formats.chat import prompt, render

REMEMBERED = 64  # bodies, the latest
LARGEST = 16 * 1024  # bytes up to which a body is remembered


@dataclass(slots=True)
class Prepared:
    """An admitted body, read and answered."""

    admitted: Admitted
    model: str  # that serves
    user: str
    prompt: tuple[str, ...]
    answers: list[Answer]  # one for each choice
    rendered: list[bytes] | None = None  # choices of a stream, once they were wanted twice
    wanted: int = 0

    def plan(self, number: int, identities: Identities, created: int, hit: int) -> Plan:
        """The answer as it goes to one request."""
        made = self._plan(self.answers[0], number, identities, created, hit)
        if len(self.answers) > 1:
            made.others = tuple(self._plan(answer, number, identities, created, hit) for answer in self.answers[1:])
            made.completion_tokens += sum(other.completion_tokens for other in made.others)
        calls = [call for choice in made.choices for call in choice.calls] if made.others else made.calls
        for index, call in enumerate(calls):
            call.id = identities.call(number, index)
        return made

    def _plan(self, answer: Answer, number: int, identities: Identities, created: int, hit: int) -> Plan:
        body, endpoint = self.admitted.body, self.admitted.endpoint
        chat = endpoint is Endpoint.CHAT
        logprobs = (body.get("top_logprobs") or 0) if body.get("logprobs") else None
        calls = answer.calls and tuple(map(copy, answer.calls))
        return Plan(
            endpoint,
            identities.answer(number),
            created,
            self.model,
            identities.fingerprint,
            Prompt(len(self.prompt), hit),
            answer.content,
            answer.finish,
            answer.tokens,
            answer.reasoning,
            len(answer.reasoning or ()),
            calls,
            bool(body.get("stream")),
            bool((body.get("stream_options") or {}).get("include_usage")),
            logprobs if chat else body.get("logprobs"),
            body["prompt"] if body.get("echo") and not chat else "",
        )

    def choices(self, plan: Plan, deviates: bool) -> list[bytes] | None:
        """Choices of a stream, rendered before. None where they hold ids, a deviation may have been at work, or at first sight."""
        if deviates or plan.calls or plan.others:
            return None
        self.wanted += 1
        if self.rendered is None and self.wanted > 1:
            self.rendered = render.choices(plan, self.admitted.limits)
        return self.rendered


Prepare = Callable[[Endpoint, bytes, bool], Prepared]


def preparer(config: Config) -> Prepare:
    """A function from endpoint, body and whether the address is beta; it raises :class:`errors.Refused` (400, 422)."""
    split = splitter(config.tokens)

    def prepare(endpoint: Endpoint, body: bytes, beta: bool) -> Prepared:
        admitted = admit(endpoint, body, config.profile, beta)
        asked, limits = admitted.body, admitted.limits
        read = prompt.chat(asked, limits, split) if endpoint is Endpoint.CHAT else prompt.fim(asked, split)
        check_context(admitted, len(read))
        request = planner.Request(asked, limits, config.seed or 0, config.output_tokens, beta, split)
        answers = planner.answers(request) if endpoint is Endpoint.CHAT else [planner.fim(request)]
        return Prepared(admitted, planner.served(asked, limits), str(asked.get("user_id") or ""), tuple(read), answers)

    remembered = lru_cache(maxsize=REMEMBERED)(prepare)
    return lambda endpoint, body, beta: (remembered if len(body) <= LARGEST else prepare)(endpoint, body, beta)
