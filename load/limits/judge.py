"""Converts a discovery to the evidence by which the requirements on limits are judged."""

from echosounder.judgement.limiter import Hinted, LimiterEvidence, LimiterRefusal, limiter
from echosounder.load.limits.charge import ObservedCost
from echosounder.load.limits.discovery import Discovery
from echosounder.wire.verdict import Result


def results(found: Discovery, profile: str) -> list[Result]:
    """One result for each requirement of the profile that has a check on limiters."""
    return limiter.results(evidence(found), profile)


def evidence(found: Discovery) -> LimiterEvidence:
    fit, charge = found.identified.fit, found.charge or ObservedCost()
    return LimiterEvidence(
        kind=fit.kind,
        refusals=[
            LimiterRefusal(outcome.status, outcome.exchange, tuple(outcome.headers)) for outcome in found.refusals
        ],
        accepted=charge.accepted,
        refused=charge.refused,
        lag=fit.lag,
        resumes=(fit.resume.low, fit.resume.high) if fit.resume else None,
        cap=fit.limit.low if fit.limit else None,
        penalty=found.identified.penalty,
        hints=[Hinted(not trial.hint.wrong, trial.honest, trial.says) for trial in found.trials],
        ends=[each.sample.end for each in found.events if each.status == 200 and each.sample is not None],
    )
