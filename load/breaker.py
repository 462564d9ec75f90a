"""When to stop: a target that refuses the key, has no money for us, or fails at everything."""

from dataclasses import dataclass

from load.sample import Sample

_AT_ONCE = {
    401: ("key-refused", "the target does not accept the API key (401); set the variable named by --api-key-env"),
    402: ("no-balance", "the account has no balance left (402); top it up, or test another one"),
    403: ("key-refused", "the target forbids what we ask with this API key (403); check what the key may do"),
}
_NO_FAULT = {429, 503}  # a limiter or an overload at work: what a load test is there to see


@dataclass(frozen=True, slots=True)
class Trip:
    """Why the run stops: a class for programs, a sentence for people."""

    kind: str
    reason: str


@dataclass(slots=True)
class Breaker:
    """Trips on a refused key at once, and after *limit* failures in a row with nothing good between them."""

    limit: int
    failures: int = 0

    def observe(self, sample: Sample) -> Trip | None:
        if sample.status in _AT_ONCE:
            return Trip(*_AT_ONCE[sample.status])
        if not sample.failure:
            self.failures = 0
        elif sample.status not in _NO_FAULT and sample.end != "client-cancelled":
            self.failures += 1
        if self.failures < self.limit:
            return None
        detail = f": {sample.error}" if sample.error else ""
        return Trip(
            "target-failing", f"{self.failures} requests in a row failed, the last with {sample.failure}{detail}"
        )
