"""Fixtures for tests of clients. pytest imports this in every run where Echosounder is installed: it imports nothing of ours until asked.

def test_a_cut_stream_is_an_error(echosounder_mock):
    with echosounder_mock.deviate("stream-cut:after=3"), pytest.raises(APIConnectionError):
        ask(base_url=echosounder_mock.openai_url, api_key=echosounder_mock.key)
    assert len(echosounder_mock.journal) == 1  # and it was not sent, and paid for, again
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from echosounder.mock_fixture import MockFixture


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "command of a client, judged as `echosounder client` judges it; nothing happens without it"
    parser.getgroup("echosounder").addoption("--echo-client", metavar="COMMAND", help=about)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--echo-client"):
        from echosounder.client_front import start

        start(config)


@pytest.fixture(scope="session")
def echosounder_mock_settings() -> dict[str, Any]:
    """Settings of the mock, as ``echosounder mock`` has them (``{"profile": "2026-11", "itl_ms": 20}``); override it in conftest.py."""
    return {}


@pytest.fixture(scope="session")
def echosounder_mock_session(echosounder_mock_settings: dict[str, Any]) -> Iterator[MockFixture]:
    """The mock of the session, in the state left by earlier tests: journal, accounts, caches and limits are kept."""
    from echosounder.mock_fixture import mock_fixture

    with mock_fixture(**echosounder_mock_settings) as mock:
        yield mock


@pytest.fixture
def echosounder_mock(echosounder_mock_session: MockFixture, request: pytest.FixtureRequest) -> MockFixture:
    """The mock of the session, honest and with an empty journal. Parametrized (``indirect=True``), it applies that deviation."""
    echosounder_mock_session.reset()
    fault = getattr(request, "param", "")
    if fault:
        echosounder_mock_session.behave((fault,))
    return echosounder_mock_session
