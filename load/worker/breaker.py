"""Stop conditions: a refused key, an exhausted balance, or only failed requests."""

from dataclasses import dataclass

from echosounder.load.sample import CLIENT_LIMIT, Sample
from echosounder.wire.exchange import TURNED_AWAY

_AT_ONCE = {
    401: ("key-refused", "the target does not accept the API key (401); set the variable named by --api-key-env"),
    402: ("no-balance", "the account has no balance left (402); top it up, or test another one"),
    403: ("key-refused", "the target forbids this request for this API key (403); check the permissions of the key"),
}
_FEWEST = 5  # failures in a row; fewer may be chance


@dataclass(frozen=True, slots=True)
class Trip:
    """Why the run stops: a class for programs, a sentence for display."""

    kind: str
    reason: str


@dataclass(slots=True)
class Breaker:
    """Trips immediately on a refused key, and after *limit* consecutive failures.

    Each of *workers* has a breaker. Before its first success it trips at its share of the limit, so that more workers do not put a
    failing target under more load. Afterwards a share would be too small: if every tenth request fails, five failures in a row soon
    occur.
    """

    limit: int
    workers: int = 1
    failures: int = 0
    answered: bool = False

    @property
    def patience(self) -> int:
        """Maximum number of consecutive failures."""
        return self.limit if self.answered else min(self.limit, max(-(-self.limit // self.workers), _FEWEST))

    def observe(self, sample: Sample) -> Trip | None:
        if sample.failure == CLIENT_LIMIT:
            return Trip(
                CLIENT_LIMIT,
                f"this machine gives the client no more connections ({sample.error}); "
                "raise its limit (ulimit -n), use --processes, or send less",
            )
        if sample.status in _AT_ONCE:
            return Trip(*_AT_ONCE[sample.status])
        if not sample.failure:
            self.failures, self.answered = 0, True
        elif sample.status not in TURNED_AWAY and sample.end != "client-cancelled":
            self.failures += 1
        if self.failures < self.patience:
            return None
        detail = f": {sample.error}" if sample.error else ""
        return Trip(
            "target-failing", f"{self.failures} requests in a row failed, the last with {sample.failure}{detail}"
        )
