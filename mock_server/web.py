"""The search and fetch tools: answers are derived from the request, and only successful ones are billed. Documented
2026-10; nothing leaves the machine.
"""

from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from echosounder import specs
from echosounder.mock_server.admission import deserialise
from echosounder.mock_server.admission.refusals import Refused, invalid
from echosounder.mock_server.admission.serde import Shape, integer, string
from echosounder.mock_server.answering.prose import prose

QUERY, COUNT, USUAL = 128, 50, 10  # maximum length of a query in characters; maximum and default number of results
SEARCH = Shape.of({"query": string}, {"count": integer(32, signed=True)})
FETCH = Shape.of({"url": string})
NOTHING = "zxqv"  # a query with this word has no results and is free


def search(text: bytes, profile: str, seed: int) -> dict[str, Any]:
    """Return the response to a search. Raises :class:`Refused` for invalid parameters."""
    body = deserialise.body(text, SEARCH, profile)
    query, count = body["query"], body.get("count", USUAL)
    if not 1 <= len(query) <= QUERY:
        raise _invalid(profile, f"Invalid query: expected 1 to {QUERY} characters, got {len(query)}")
    if not 1 <= count <= COUNT:
        raise _invalid(profile, f"Invalid count value, the valid range of count is [1, {COUNT}]")
    return {"results": [] if NOTHING in query else [_result(query, place, seed) for place in range(count)]}


def _result(query: str, place: int, seed: int) -> dict[str, Any]:
    number = _number(f"{seed} {query} {place}")
    score = round(3 - 2.9 * place / COUNT, 2)
    words = "".join(prose(number, 24))
    return {
        "title": f"{query} ({place + 1})",
        "url": f"https://example.com/{number:x}",
        "summary": words,
        "rerank_score": score,
    }


def fetch(text: bytes, profile: str, seed: int) -> dict[str, Any]:
    """Return the response to a fetch. Raises :class:`Refused` for invalid parameters."""
    url = deserialise.body(text, FETCH, profile)["url"]
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _invalid(profile, "url must be an http or https address")
    title = f"Page of {parts.hostname}"
    return {"url": url, "title": title, "content": f"# {title}\n\n{''.join(prose(_number(f'{seed} {url}'), 120))}\n"}


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _invalid(profile: str, text: str) -> Refused:
    return invalid(profile, specs.limits(profile).range_status, text)
