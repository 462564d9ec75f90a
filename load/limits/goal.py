"""Goals and budget of a discovery, and the requests that it sends."""

from dataclasses import dataclass

from echosounder import specs
from echosounder.load.client.call import Job
from echosounder.wire.formats import CHAT, Question, Turn
from echosounder.wire.strict_json import compact

PROMPT = "Write a very long story about a ship that measures the depth of the sea. Do not stop early."
DIGITS = 4  # of max_tokens, up to which all requests have the same length
PROMPT_TOKENS = 64  # upper bound of the prompt's tokens, including any chat template


STOPS = [" ", ",", ".", "\n"]  # every answer contains one of these after a word or two


@dataclass(frozen=True, slots=True)
class RequestSize:
    """Quantities of a request that a limiter may count: ``tokens``, the maximum it requests; ``prompts``, a multiple of
    the usual prompt; ``blanks`` around the JSON, which are bytes but not tokens. ``stopped``: a stop sequence ends the
    answer after a word, whatever its maximum.
    """

    tokens: int = 1
    prompts: int = 1
    blanks: int = 0
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class LimiterGoal:
    """``in_flight``: maximum number in flight when looking for a cap. ``requests``, ``seconds``: caps on the run.

    ``patience``: s without any accept after which a limiter counts as not recovering. ``error``: required relative half width of rates
    and windows. ``keys``: number of API keys to compare; ``models``: further models to compare.
    """

    in_flight: int = 256
    requests: int = 3000
    seconds: float = 300.0
    patience: float = 120.0
    error: float = 0.025
    keys: int = 1
    models: tuple[str, ...] = ()
    policies: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True)
class LimiterJobs:
    """Makes the requests. Thinking is off if the profile allows that; a profile without ``user_id`` does not distinguish users."""

    model: str
    profile: str = specs.DEFAULT_PROFILE

    @property
    def users(self) -> bool:
        return specs.limits(self.profile, self.model).user_id_max is not None

    def job(
        self, tokens: int, user: str | None = None, model: str | None = None, size: "RequestSize | None" = None
    ) -> Job:
        """A streaming request for *tokens* tokens: its status shows immediately whether it is served, and the client can end it at any
        time.
        """
        size = size or RequestSize(tokens)
        question = Question(
            (Turn("user", " ".join([PROMPT] * size.prompts)),),
            size.tokens,
            stream=True,
            thinking=False if specs.limits(self.profile, self.model).thinking == "switch" else None,
            user=user,
        )
        name = "other" if user or model else "hold" if tokens > 1 else "short"
        body = CHAT.ask(model or self.model, question)
        alike = max(DIGITS - len(str(size.tokens)), 0)  # a limiter of bytes is to take all of one size for alike
        data = compact({**body, "stop": STOPS} if size.stopped else body).encode() + b" " * (size.blanks + alike)
        return Job(name, CHAT.path, data, True, PROMPT_TOKENS * size.prompts, size.tokens, format=CHAT.name)
