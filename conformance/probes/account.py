"""Free of charge: the list of models and the balance."""

from echosounder.conformance.ask import Ask
from echosounder.conformance.probe import Steps, probe
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import MODELS, Suite


@probe(MODELS, Suite.SMOKE, tokens=0, features={"models"}, order=0)
def models(ask: Ask) -> Steps:
    """The list of models; also the first sign of life."""
    yield ask.get("/models")


def has_balance(ask: Subject) -> bool:
    return ask.behaviour.balance


@probe("balance.get", Suite.SMOKE, tokens=0, features={"balance"}, applies=has_balance, order=2)
def balance(ask: Ask) -> Steps:
    """The money left."""
    yield ask.get("/user/balance")
