"""Detects several independent limiters, such as those of replicas behind a load balancer: some requests are refused
while others are served, up to a total.
"""

from dataclasses import dataclass

from echosounder.load.experiment.script import Script
from echosounder.load.limits.bench import Bench, refused

BATCH, MOST = 10, 300  # requests at once, and in total
MIXED = 2  # refusals before the last accept from which a single counter is excluded


@dataclass(frozen=True, slots=True)
class Mixed:
    """Counts of a batch of requests: ``served`` in total, ``early`` refusals before the last accept; ``over``: at the
    end no request was served.
    """

    served: int
    early: int
    over: bool

    @property
    def says(self) -> str:
        """Describes signs of replicas or of random refusals; empty without any."""
        if self.early < MIXED:
            return ""
        if not self.over:
            return f"{self.early} were refused while {self.served} others were served, up to the end: refusals may be random"
        counts = f"{self.early} were refused while others were served, until {self.served} were served and then none"
        return f"{counts}: several replicas may each have their own limiter; run against each of them to verify"


def mixed(bench: Bench, pause: float) -> Script[Mixed]:
    """From rest, continue sending after the first refusal until a whole batch is refused or *MOST* requests were sent."""
    yield from bench.book.wait(bench.now + pause)
    verdicts: list[bool] = []
    while len(verdicts) < MOST:
        outcomes = yield from bench.book.ended([bench.ask_other() for _ in range(BATCH)])
        verdicts += [outcome.status == 200 for outcome in outcomes]
        if refused(outcomes) == BATCH:
            break
    served = [index for index, accepted in enumerate(verdicts) if accepted]
    early = served[-1] + 1 - len(served) if served else 0
    return Mixed(len(served), early, not any(verdicts[-BATCH:]))
