"""One mock for all tests of this folder: without delays, so that a run takes as long as the harness does."""

import pytest

from echosounder.mock_server.net.process import spawn


@pytest.fixture(scope="session")
def mock():
    with spawn(ttft_ms=0.0, itl_ms=0.0) as running:
        yield running
