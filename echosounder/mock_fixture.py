"""A running mock as an object for tests of clients: its addresses, what it shall do wrong, its journal and its bill."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from echosounder.mock_server.net.process import spawn
from echosounder.specs import under
from echosounder.wire import formats
from echosounder.wire.errors import UsageError

KEY = "sk-echosounder-mock-fixture"
SETTLE_S = 1.0
"""How long a request may still be under way when the journal is read."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One request as the mock saw it. ``body`` is its JSON, None if it has none; ``sent`` the bytes written, as text; ``price`` in the
    account's currency, None if nothing was billed; ``deviations`` those that changed the answer; ``hung_up``: the client
    disconnected before the answer ended; ``arrived`` in seconds of the monotonic clock.
    """

    number: int
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    status: int
    sent: str
    usage: dict[str, Any] | None
    price: Decimal | None
    deviations: tuple[str, ...]
    hung_up: bool
    arrived: float
    raw: dict[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class MockBill:
    """The cost of all requests: ``total`` in the account's currency, ``requests`` billed, ``tokens`` in total."""

    total: Decimal
    requests: int
    tokens: int


class MockFixture:
    """``url`` is the root. ``openai_url`` and ``anthropic_url`` are the base URLs for SDKs; ``key`` is a valid key."""

    def __init__(self, url: str) -> None:
        self.url, self.key = url, KEY
        self._http = httpx.Client(base_url=f"{url}/__mock/", trust_env=False, timeout=10.0)
        self._standing: tuple[str, ...] = ()

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        return f"{self.url}/anthropic"

    @property
    def journal(self) -> list[JournalEntry]:
        """The requests since the last reset, in the order of arrival; waits for those that are about to end."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            found = self._get("journal", bodies=1, open=1)["entries"]
            if not any(each.get("open") for each in found) or time.monotonic() > deadline:
                return sorted(map(_entry, found), key=lambda entry: entry.number)
            time.sleep(0.01)

    @property
    def bill(self) -> MockBill:
        """The total cost of the requests of :attr:`journal`."""
        billed = [entry for entry in self.journal if entry.price is not None]
        tokens = sum(map(_tokens, billed))
        return MockBill(sum((entry.price or Decimal(0) for entry in billed), Decimal(0)), len(billed), tokens)

    @contextmanager
    def deviate(self, *deviations: str) -> Iterator[None]:
        """Within the block every request is answered with these faults or legal variants, in addition to those of enclosing blocks.

        Raises :class:`UsageError` for a name, parameter or selector that does not exist.
        """
        before = self._standing
        self.behave((*before, *deviations))
        try:
            yield
        finally:
            self.behave(before)

    def reset(self) -> None:
        """Honest behavior, an empty journal, and new accounts, limits and caches."""
        self._post("reset", what="all")
        self._standing = ()

    def advance(self, seconds: float) -> None:
        """Advances the mock's time of day, which determines prices; pacing is not affected."""
        self._post("clock", advance_s=seconds)

    def close(self) -> None:
        self._http.close()

    def behave(self, deviations: tuple[str, ...]) -> None:
        """From now on every request is answered with exactly these deviations."""
        self._post("deviate", deviate=list(deviations))
        self._standing = deviations

    def _get(self, name: str, **query: int) -> Any:
        return _checked(self._http.get(name, params=query))

    def _post(self, name: str, **body: Any) -> Any:
        return _checked(self._http.post(name, json=body))


@contextmanager
def mock_fixture(**settings: Any) -> Iterator[MockFixture]:
    """A mock in a separate process until the block ends. Settings are those of ``echosounder mock``."""
    with spawn(**{"seed": 0, "ttft_ms": 1.0, "itl_ms": 0.5, **settings}) as running:
        mock = MockFixture(running.url)
        try:
            yield mock
        finally:
            mock.close()


def _tokens(entry: JournalEntry) -> int:
    usage = formats.named(under(entry.path.partition("?")[0])).usage(entry.usage)
    return 0 if usage is None else (usage.prompt or 0) + (usage.completion or 0)


def _checked(response: httpx.Response) -> Any:
    if response.status_code == 400:
        raise UsageError(response.json()["error"])
    response.raise_for_status()
    return response.json()


def _entry(record: dict[str, Any]) -> JournalEntry:
    price = record["price"]
    return JournalEntry(
        number=record["number"],
        method=record["method"],
        path=record["path"],
        headers=record.get("headers", {}),
        body=_json(record.get("body", "")),
        status=record["status"],
        sent=record.get("sent") or "",
        usage=record["usage"],
        price=None if price is None else Decimal(price),
        deviations=tuple(each["name"] for each in record["deviations"] if each["applied"]),
        hung_up=record["closed"] is not None,
        arrived=record["arrived"] / 1e9,
        raw=record,
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
