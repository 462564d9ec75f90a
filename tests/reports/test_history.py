"""An index of runs that can be thrown away: what it knows, what it leaves out, and the page made of it."""

import json
import sqlite3

import pytest

from echosounder import reports
from echosounder.reports import history
from echosounder.wire.errors import LogError, UsageError
from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.runlog import RunWriter


@pytest.fixture
def folder(tmp_path, check_report, load_report):
    root = tmp_path / "runs"
    for day in (1, 2, 3):
        when = {"started": f"2026-11-0{day}T10:00:00+00:00"}
        put(
            root / f"check{day}", check_report | when | {"counts": {"pass": 10 * day, "fail": 5 - day, "untestable": 1}}
        )
        put(root / "deep" / f"load{day}", load_report | when)
    return root


def put(run, report, footer=True):
    run.mkdir(parents=True)
    target = Aimed(report["target"]["url"], report["target"]["model"])
    with RunWriter(run / "run.jsonl", Header(kind_of_run=RunKind.CHECK, started=report["started"], target=target)):
        pass
    if not footer:
        lines = (run / "run.jsonl").read_text(encoding="utf-8").splitlines()
        (run / "run.jsonl").write_text(lines[0] + "\n", encoding="utf-8")
    else:
        (run / "report.json").write_text(reports.render("json", report), encoding="utf-8")


@pytest.fixture
def database(tmp_path):
    return tmp_path / "state" / "history.sqlite"


def test_every_run_below_the_folder_is_entered_oldest_first(folder, database):
    assert history.index(folder, database) == []
    found = history.entries(database)
    assert [one.path for one in found] == ["check1", "deep/load1", "check2", "deep/load2", "check3", "deep/load3"]
    assert [(one.passed, one.broken) for one in found if one.kind == "check"] == [(10, 5), (20, 4), (30, 3)]
    assert {(round(one.ttft_p50_ms), one.verdict) for one in found if one.kind == "load"} == {(245, "degraded")}


def test_the_index_is_a_function_of_the_folder(folder, database, tmp_path):
    history.index(folder, database)
    first = history.entries(database)
    history.index(folder, database)
    assert history.entries(database) == first
    database.unlink()
    history.index(folder, database)
    assert history.entries(database) == first


def test_an_index_of_another_schema_is_made_anew(folder, database):
    database.parent.mkdir()
    with sqlite3.connect(database) as old:
        old.execute("CREATE TABLE runs (path, something)")
        old.execute("INSERT INTO runs VALUES ('x', 'y')")
    history.index(folder, database)
    assert len(history.entries(database)) == 6


def test_unfinished_and_unreadable_runs_are_named(folder, database, check_report):
    put(folder / "cut", check_report, footer=False)
    put(folder / "old", check_report)
    (folder / "old" / "report.json").write_text(
        json.dumps(check_report | {"schema": "echosounder/check/0"}), encoding="utf-8"
    )
    put(folder / "bare", check_report)
    (folder / "bare" / "report.json").unlink()
    history.index(folder, database)
    assert {one.path: one.verdict for one in history.entries(database)}.items() >= {
        ("cut", "unfinished"),
        ("old", "unread"),
        ("bare", "unread"),
    }


def test_a_broken_log_is_complained_about_and_the_others_entered(folder, database):
    (folder / "check2" / "run.jsonl").write_text("<html>\n", encoding="utf-8")
    (folder / "deep" / "load1" / "run.jsonl").write_text("", encoding="utf-8")
    complaints = history.index(folder, database)
    assert len(complaints) == 2
    assert "not JSON" in complaints[0]
    assert "is empty" in complaints[1]
    assert len(history.entries(database)) == 4


def test_an_empty_log_alone_is_a_log_error(tmp_path):
    (tmp_path / "run.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(LogError, match="is empty"):
        history.entry(tmp_path, tmp_path)


def test_what_holds_no_run_or_no_index_is_a_usage_error(tmp_path, database, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no run below"):
        history.index(tmp_path / "empty", database)
    (tmp_path / "text").write_text("no database, but long enough to be looked at by SQLite" * 100, encoding="utf-8")
    with pytest.raises(UsageError, match="is not an index of runs"):
        history.index(folder, tmp_path / "text")
    with pytest.raises(UsageError, match="index a folder"):
        history.render([])


def test_the_page_has_a_trend_for_each_target_and_kind(folder, database):
    history.index(folder, database)
    html = history.render(history.entries(database))
    assert html.count("<svg") == 2
    assert html.count("<h2") == 2
    assert "2026-11-03 10:00 UTC" in html


def test_runs_under_another_load_are_another_series(folder, database, load_report):
    load = {"users": "64", "rate": None, "arrival": None}
    put(folder / "more", load_report | {"started": "2026-11-04T10:00:00+00:00", "load": load})
    history.index(folder, database)
    settings = {one.setting for one in history.entries(database) if one.kind == "load"}
    assert len(settings) == 2
    assert f"{load_report['scenario']}, 64 users" in settings
    assert "64 users" in history.render(history.entries(database))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:40489", "http://127.0.0.1 (any port)"),
        ("http://localhost:51000/v1", "http://localhost/v1 (any port)"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("https://api.example.org:40489", "https://api.example.org:40489"),
    ],
)
def test_a_port_that_the_kernel_chose_does_not_tell_targets_apart(folder, database, check_report, url, target):
    put(folder / "one", check_report | {"target": check_report["target"] | {"url": url}})
    history.index(folder, database)
    assert [one.target for one in history.entries(database) if one.path == "one"] == [target]


def test_hostile_names_stay_text_and_can_be_stored(folder, database, hostile_report):
    put(folder / "evil", hostile_report)
    history.index(folder, database)
    html = history.render(history.entries(database))
    assert html.count("<script") == 1
    assert "<img" not in html
