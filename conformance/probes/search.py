"""Search and fetch, in requests that must be refused and so are not billed."""

from __future__ import annotations

from echosounder.conformance.ask import Ask
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.errors import faulty, keyed, needs_key
from echosounder.judgement.agreed import BAD_KEY
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite

SEARCH, FETCH = "/v1/tools/search", "/v1/tools/fetch"


def searches(subject: Subject) -> bool:
    return subject.behaviour.web_tools


def searches_for_friends(subject: Subject) -> bool:
    return searches(subject) and needs_key(subject)


@probe(
    "search.bounds",
    Suite.THOROUGH,
    requests=3,
    prompt=300,
    tokens=0,
    features={"search", "errors"},
    applies=searches,
    order=10,
)
def bounds(ask: Ask) -> Steps:
    """Queries of 0 and of 129 characters, and a URL that is not a web page."""
    yield faulty(ask.post(SEARCH, {"query": ""}, step="empty"), "an empty query")
    yield faulty(ask.post(SEARCH, {"query": "a" * 129}, step="long"), "a query of 129 characters")
    yield faulty(ask.post(FETCH, {"url": "ftp://example.com/"}, step="scheme"), "an ftp address")


@probe(
    "search.bad-key",
    Suite.THOROUGH,
    prompt=100,
    tokens=0,
    features={"search", "errors"},
    applies=searches_for_friends,
    order=10,
)
def bad_key(ask: Ask) -> Steps:
    """A search with an unknown key."""
    yield keyed(ask.post(SEARCH, {"query": "echosounder"}), f"Bearer {BAD_KEY}", "unknown key")
