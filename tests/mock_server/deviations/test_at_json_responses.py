"""Deviations of Responses: each changes what its format says where it can, and no other format."""

import pytest

from echosounder.mock_server.deviations import all_deviations
from tests.mock_server.deviations.formats import applies_only_to, leaves_documents, names

NAMES = names(".at_json_responses")


def test_there_are_enough() -> None:
    legal = [each.legal for each in all_deviations() if each.name.startswith("responses-")]
    assert legal.count(False) >= 25
    assert legal.count(True) >= 6


@pytest.mark.parametrize("name", NAMES)
def test_each_applies_to_its_format_and_only_there(name: str) -> None:
    applies_only_to("responses", name)


@pytest.mark.parametrize("name", NAMES)
def test_streams_stay_streams_of_documents(name: str) -> None:
    leaves_documents("responses", name)
