"""Requirements that have a check: on the answers of one server, on the two sides of a proxy, or on a client."""

import echosounder.judgement.client.checks
import echosounder.judgement.pairs.checks  # noqa: F401  (importing registers)
from echosounder.judgement.assigned import checks
from echosounder.judgement.client.check import CHECKS as CHECKS_ON_SCENES
from echosounder.judgement.pairs.check import CHECKS as CHECKS_ON_PAIRS


def judged_ids() -> frozenset[str]:
    return frozenset(checks()) | frozenset(CHECKS_ON_PAIRS) | frozenset(CHECKS_ON_SCENES)
