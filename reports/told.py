"""A finding for people: expected and got, at the faulty field, and the remedy."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_EXPECTED = re.compile(r"^(?P<got>.*), (?:but )?expected (?P<expected>.*)$", re.DOTALL)


def lines(message: str) -> Iterator[tuple[str, str]]:
    """``("expected", …)`` and ``("got", …)`` of a message that has both; else ``("found", the message)``."""
    if found := _EXPECTED.match(message):
        yield from (("expected", found["expected"]), ("got", found["got"]))
    else:
        yield "found", message


def directives(remedy: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return list((remedy or {}).get("proxies", ()))


def remedy(found: Mapping[str, Any] | None) -> str:
    """Changes to make in the server and, if a proxy can be the cause, the directive of each proxy; empty if none is known."""
    if not found:
        return ""
    proxies = " · ".join(f"{each['proxy']}: {each['directive'].rstrip(';')}" for each in found.get("proxies", ()))
    return str(found["server"]) + (f" Behind a proxy: {proxies}" if proxies else "")
