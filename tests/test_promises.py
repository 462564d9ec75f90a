"""Each sentence of docs/promises.md stands on its page, and the test that it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| \[?(?P<page>[\w./-]+)\]?(?:\([^)]+\))? \| (?P<sentence>.*) \| `(?P<test>[^`]+)` \|$", re.M)
ROWS = [match.groupdict() for match in ROW.finditer((ROOT / "docs/promises.md").read_text(encoding="utf-8"))]


def _words(text):
    return " ".join(text.split())


def test_there_are_promises_of_every_page_for_a_reader():
    assert {row["page"] for row in ROWS} >= {
        "README.md",
        *(f"docs/{n}.md" for n in ("clone", "proxy", "paid", "sdk", "listen", "load", "limits")),
    }


@pytest.mark.parametrize("row", ROWS, ids=[row["sentence"][:40] for row in ROWS])
def test_the_page_says_so_and_a_test_holds_it(row):
    assert row["sentence"] in _words((ROOT / row["page"]).read_text(encoding="utf-8"))
    path, _, name = row["test"].partition("::")
    assert (ROOT / path).exists()
    assert not name or re.search(rf"^\s*(async )?def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.M)
