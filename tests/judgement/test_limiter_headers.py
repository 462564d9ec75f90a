"""Headers that say what a limiter has left: none says nothing, and one that is no number is told."""

import pytest

from echosounder import specs
from echosounder.judgement.limiter import Hinted, LimiterEvidence, LimiterKind, LimiterRefusal, limiter
from echosounder.wire.verdict import Verdict

ROWS = [
    ((), (), Verdict.INCONCLUSIVE),
    ((), (Hinted(True, None, ""),), Verdict.PASS),
    ((), (Hinted(False, None, "Retry-After: 'soon' cannot be read"),), Verdict.UNSUPPORTED),
    ((("X-RateLimit-Remaining", "0"),), (), Verdict.PASS),
    ((("x-ratelimit-limit", "100, 100;w=60"),), (), Verdict.PASS),
    ((("x-ratelimit-reset-requests", "6m0s"),), (), Verdict.PASS),
    ((("x-ratelimit-reset-tokens", "250ms"),), (), Verdict.PASS),
    ((("x-ratelimit-reset", "2026-11-30T12:00:00Z"),), (), Verdict.PASS),
    ((("x-ratelimit-remaining", "none"),), (), Verdict.UNSUPPORTED),
    ((("x-ratelimit-reset-requests", "soon"),), (), Verdict.UNSUPPORTED),
]


@pytest.mark.parametrize(("headers", "hints", "verdict"), ROWS)
def test_what_a_refusal_says_of_the_limit_is_well_formed(headers, hints, verdict):
    evidence = LimiterEvidence(LimiterKind.CONCURRENCY, [LimiterRefusal(429, headers=headers)], hints=hints)
    [result] = [each for each in limiter.results(evidence, "2026-08") if each.requirement == "transport.retry-after"]
    assert specs.requirement("transport.retry-after").level == "MAY"
    assert result.verdict is verdict
