"""Logs as they are found: whole, cut, old, empty, enormous."""

import pytest

from echosounder.reports import source
from echosounder.wire.errors import LogError
from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.runlog import RunWriter, read

HEADER = Header(kind_of_run=RunKind.CHECK, started="2026-11-22T09:30:00+00:00", target=Aimed("http://h"))


@pytest.fixture
def log(tmp_path, make_stream):
    with RunWriter(tmp_path / "run.jsonl", HEADER) as writer:
        for number in range(5):
            writer.exchange(make_stream(f"e{number}", ["a", "b"]))
        writer.write("sample", {"id": "s1", "t_scheduled": 1, "gaps_us": [5, 6], "error": "x" * 1_000})
    return tmp_path / "run.jsonl"


def test_only_what_the_report_points_at_is_kept(log, make_check, make_requirement, make_finding):
    rows = [
        make_requirement(
            "a.b", "MUST", "fail", [make_finding("m", "e3"), make_finding("m", "e1"), make_finding("m", "")]
        )
    ]
    run = source.read(log.parent, make_check(rows))
    whole = read(log)
    assert run.exchanges == tuple(whole.exchanges[i] for i in (1, 3))
    assert (run.header, run.footer) == (whole.header, whole.footer)
    assert [list(sample["gaps_us"]) for sample in run.samples] == [[5, 6]]
    assert "error" not in run.samples[0]


def test_a_log_whose_last_line_was_cut_is_read_and_unfinished(log, check_report):
    log.write_bytes(log.read_bytes()[:-20])
    assert source.read(log, check_report).footer is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("<html>\n", "not JSON"),
        (
            '{"kind":"header","schema":"echosounder/run/0"}\n',
            "is not a run log of schema echosounder/run/1 or echosounder/run/2",
        ),
        ('{"schema":"echosounder/run/1"}\n', "not a run record"),
        (
            '{"kind":"header","schema":"echosounder/run/1"}\n{"kind":"exchange","id":"e1"}\n',
            "a record is not of schema",
        ),
    ],
)
def test_what_is_no_log_is_said_in_one_line(tmp_path, check_report, content, says):
    (tmp_path / "run.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(LogError, match=says) as caught:
        source.read(tmp_path, check_report)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_log_is_said_in_one_line(tmp_path):
    with pytest.raises(LogError, match="cannot read"):
        source.read(tmp_path / "nothing")
