"""One mock for the tests that change nothing in it, and a client for it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from echosounder.mock_server.net.process import RunningMock, spawn

KEY = "sk-test-0000000000"


@pytest.fixture(scope="session")
def mock() -> Iterator[RunningMock]:
    with spawn(seed=1, ttft_ms=1, itl_ms=0.1) as running:
        yield running


@pytest.fixture(scope="session")
def client(mock: RunningMock) -> Iterator[httpx.Client]:
    with _connect(mock) as made:
        yield made


@pytest.fixture(scope="session")
def connect() -> Callable[..., httpx.Client]:
    """``connect(running, key)`` makes a client."""
    return _connect


def _connect(running: RunningMock, key: str = KEY) -> httpx.Client:
    return httpx.Client(base_url=running.url, headers={"authorization": f"Bearer {key}"}, timeout=20)


@pytest.fixture(scope="session")
def of_profile() -> Iterator[Callable[[str], httpx.Client]]:
    """A client of a mock of the given profile; started once, stopped at the end."""
    with ExitStack() as stack:
        known: dict[str, httpx.Client] = {}

        def get(profile: str) -> httpx.Client:
            if profile not in known:
                running = stack.enter_context(spawn(profile=profile, seed=1, ttft_ms=0, itl_ms=0))
                known[profile] = stack.enter_context(_connect(running))
            return known[profile]

        yield get
