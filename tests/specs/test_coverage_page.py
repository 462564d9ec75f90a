"""The generated pages are true: they say what the catalogue and the checks say today."""

from itertools import pairwise

import pytest

from echosounder import specs
from echosounder.judgement.judged import judged_ids
from echosounder.judgement.passive import listens
from echosounder.specs.catalogue import coverage, state
from echosounder.specs.coverage import ROOT, coverage_page, pages


@pytest.mark.parametrize("page", [path.relative_to(ROOT).as_posix() for path in pages()])
def test_pages_are_up_to_date(page):
    assert (ROOT / page).read_text(encoding="utf-8") == pages(judged_ids(), listens())[ROOT / page], (
        f"{page} is out of date: run `make docs`"
    )


def test_every_requirement_is_in_one_state():
    rows = specs.requirements()
    ids = {row.id for row in rows[::2]}
    everything = coverage(ids)[-1]
    assert (
        everything.total == len(rows) == everything.tested + everything.load + everything.untested + everything.excluded
    )
    assert everything.tested == len({row.id for row in rows if row.id in ids and not row.excluded})
    assert {state(row, ids) for row in rows} == {"tested", "load", "untested", "excluded"}


def test_nothing_is_untested_without_a_reason():
    assert [row.id for row in specs.requirements() if state(row, judged_ids()) == "untested"] == []


def test_a_new_check_changes_the_page():
    row = next(row for row in specs.requirements() if not row.excluded)
    assert coverage_page(set()) != coverage_page({row.id})


def test_reasons_and_rows_are_on_the_page():
    page = coverage_page(set())
    assert all(f"`{row.id}`" in page for row in specs.requirements())
    assert all(row.excluded in page for row in specs.requirements() if row.excluded)
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert all(one != other for one, other in pairwise(headings))
    assert len(set(headings)) == len(headings)


def test_what_can_be_judged_by_listening_is_on_the_page():
    page = coverage_page(judged_ids(), listens())
    marked = {line.split("`")[1] for line in page.splitlines() if line.endswith(", passive |")}
    assert marked == listens()
    everything = next(line for line in page.splitlines() if line.startswith("| all |"))
    assert int(everything.split("|")[4]) == len(listens())
