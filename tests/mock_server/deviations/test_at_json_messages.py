"""Deviations of Messages: each changes what its format says where it can, and no other format."""

import pytest

from echosounder.mock_server.deviations import all_deviations
from tests.mock_server.deviations.formats import applies_only_to, leaves_documents, names

NAMES = names(".at_json_messages")


def test_there_are_enough() -> None:
    legal = [each.legal for each in all_deviations() if each.name.startswith("messages-")]
    assert legal.count(False) >= 25
    assert legal.count(True) >= 5


@pytest.mark.parametrize("name", NAMES)
def test_each_applies_to_its_format_and_only_there(name: str) -> None:
    applies_only_to("messages", name)


@pytest.mark.parametrize("name", NAMES)
def test_streams_stay_streams_of_documents(name: str) -> None:
    leaves_documents("messages", name)
