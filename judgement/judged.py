"""Which requirements have a check at all, be it on the answers of one server or on the two sides of a proxy."""

import echosounder.judgement.pairs.checks  # noqa: F401  (importing registers)
from echosounder.judgement.assigned import checks
from echosounder.judgement.pairs.check import CHECKS as CHECKS_ON_PAIRS


def judged_ids() -> frozenset[str]:
    return frozenset(checks()) | frozenset(CHECKS_ON_PAIRS)
