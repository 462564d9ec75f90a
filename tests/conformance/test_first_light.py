"""The whole path on a real socket: the honest mock conforms."""

import pytest

from conformance.engine import Options, check
from conformance.probe import Suite
from mock_server.process import spawn
from wire.target import target


@pytest.fixture(scope="module")
def mock():
    with spawn() as running:
        yield running


def test_the_honest_mock_conforms(mock, tmp_path):
    outcome = check(Options(target(mock.url), tmp_path, api_key="sk-test-0123456789", suite=Suite.SMOKE))
    assert (outcome.exit_code, outcome.stopped) == (0, None)
    assert {result.verdict for result in outcome.results} <= {"pass", "not-applicable"}
