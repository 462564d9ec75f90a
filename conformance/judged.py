"""Which requirements have a check at all, be it on the answers of one server or on the two sides of a proxy."""

import echosounder.conformance.proxy.checks  # noqa: F401  (importing registers)
from echosounder.conformance.catalogue import checks
from echosounder.conformance.proxy.check import CHECKS as CHECKS_ON_PAIRS


def judged_ids() -> frozenset[str]:
    return frozenset(checks()) | frozenset(CHECKS_ON_PAIRS)
