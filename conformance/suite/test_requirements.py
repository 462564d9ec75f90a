"""One item per requirement. The work is done by the engine; see :mod:`conformance.pytest_front`."""

from __future__ import annotations

import pytest

from echosounder import specs
from echosounder.conformance.pytest_front import FRONT, Front, settle


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    front: Front | None = metafunc.config.pluginmanager.get_plugin(FRONT)
    ids = front.requirements if front else []
    metafunc.parametrize("requirement", ids, ids=ids)


def test_requirement(requirement: str, request: pytest.FixtureRequest) -> None:
    front = request.config.pluginmanager.get_plugin(FRONT)
    assert isinstance(front, Front)
    result, level = front.result(requirement), specs.requirement(requirement).level
    shown = [("requirement", requirement), ("level", level), ("verdict", str(result.verdict) if result else "none")]
    request.node.user_properties.extend(shown)
    settle(result, level, front.outcome.report["baseline"]["accepted"].get(requirement))
