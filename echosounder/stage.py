"""The mocks at which clients are judged. The runner knows their addresses only; that they are ours is arranged here."""

from collections.abc import Iterator
from contextlib import contextmanager

from echosounder.conformance.client.player import Stage
from echosounder.mock_server.net.process import spawn

CLOCK = "2026-11-15T12:00:00Z"
"""The mock's, frozen: the same requests bring the same bytes in every scenario."""


def stage(profile: str, seed: int) -> Stage:
    """Mocks for a run: one per scenario, equal except for their deviations."""

    @contextmanager
    def mock(deviations: str) -> Iterator[str]:
        with spawn(
            profile=profile, seed=seed, clock=CLOCK, deviate=tuple(filter(None, deviations.split(";")))
        ) as running:
            yield running.url

    return mock
