"""What is said wrongly of tokens in Responses and Messages: each changes its own format where it can, and no other."""

import pytest

from tests.mock_server.deviations.formats import applies_only_to, leaves_documents, names

NAMES = names(".at_json_formats_usage")


@pytest.mark.parametrize("name", NAMES)
def test_each_applies_to_its_format_and_only_there(name: str) -> None:
    applies_only_to(name.partition("-")[0], name)


@pytest.mark.parametrize("name", NAMES)
def test_streams_stay_streams_of_documents(name: str) -> None:
    leaves_documents(name.partition("-")[0], name)
