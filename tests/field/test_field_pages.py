"""The pages of docs/field/ and what they are made of: versions from lock files, reviews of requirements that exist."""

import fnmatch
import importlib.util
import re
from pathlib import Path

import pytest

from echosounder import specs

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("field_matrix", HERE / "matrix.py")
matrix = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(matrix)

LOCKED = [row for rows in matrix.SOFTWARE.values() for row in rows if not row.version[0].startswith("/")]
NAMES = [name for rows in matrix.SOFTWARE.values() for row in rows for name in row.runs]


@pytest.mark.parametrize("row", LOCKED, ids=lambda row: row.runs[0])
def test_the_version_of_locked_software_is_found(row):
    assert re.fullmatch(r"\d+(\.\d+)+\S*", matrix.version(*row.version))


@pytest.mark.parametrize("name", NAMES)
def test_reviews_are_of_requirements_that_exist(name):
    known = [row.id for row in specs.requirements()]
    assert [glob for glob, sentence in matrix.reviews(name) if not fnmatch.filter(known, glob) or not sentence] == []


@pytest.mark.parametrize("kind", matrix.SOFTWARE)
def test_a_page_tells_all_of_its_software_and_nothing_of_the_machine(kind):
    page = matrix.PAGES / kind / "index.html"
    if not page.exists():
        pytest.skip(f"docs/field/{kind} is made by `make field`")
    text = page.read_text(encoding="utf-8")
    assert [name for row in matrix.SOFTWARE[kind] for name in row.runs if f"{name} " not in text] == []
    assert re.findall(r"(?:^|[\s\"'(>])/(?:work|root|home|tmp|Users)/\S*", text) == []


def test_a_run_that_did_not_finish_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(matrix, "RUNS", tmp_path)
    rows = matrix.SOFTWARE["proxies"][:1]
    assert matrix.missing(rows) == list(rows[0].runs)
