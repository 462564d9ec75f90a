"""Numbers of documents from outside."""

import pytest

from echosounder.wire import outside


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", "9" * 19, "-" + "9" * 5000, "[9007199254740992]"])
def test_a_document_has_no_number_that_nobody_can_compute_with(text: str) -> None:
    with pytest.raises(ValueError, match="is no number that a report holds"):
        outside.document(text)


def test_numbers_of_a_document_keep_their_types() -> None:
    assert repr(outside.document("[1, 1.0, -9007199254740991, 1e300, true, null]")) == (
        "[1, 1.0, -9007199254740991, 1e+300, True, None]"
    )
