"""The whole path on a real socket: the honest mock conforms."""

from conformance.engine import Options, check
from conformance.probe import Suite
from wire.target import target


def test_the_honest_mock_conforms(mock, tmp_path):
    outcome = check(Options(target(mock.url), tmp_path, api_key="sk-test-0123456789", suite=Suite.SMOKE))
    assert (outcome.exit_code, outcome.stopped) == (0, None)
    assert {result.verdict for result in outcome.results} <= {"pass", "not-applicable"}
