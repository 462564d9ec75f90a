"""A log that lacks what the workers had written, wherever the kill came: the report is that of all of it."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echosounder.load.figures.tally import Tally
from echosounder.load.log import Log, claim
from echosounder.load.options import Options
from echosounder.load.parts import entered
from echosounder.load.recovery import recover
from echosounder.load.sample import Sample, encoded
from echosounder.wire.errors import CannotJudge, LogError, UsageError
from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.settings import dump
from echosounder.wire.stream import StreamEnd

HEADER = Header(kind_of_run=RunKind.LOAD, started="2026-01-01", target=Aimed("http://h"))

SECOND = 1_000_000_000
OPTIONS = Options(
    url="http://x", model="deepseek-v4-flash", api_key="sk-secret", rate="10", expect_workers=2, master="h:1"
)
HOSTS = ("here", "there")
CLOCKS = (500 * SECOND, 80 * SECOND)  # what the clocks of the two machines say when the run begins


def line(kind: str, **members: Any) -> str:
    return json.dumps({"kind": kind, **members}, separators=(",", ":"))


def written(worker: int, requests: int) -> list[str]:
    """What a worker writes: itself, a request a tenth of a second and a tick after every third, and its end."""
    begin = CLOCKS[worker]
    lines = [line("worker", worker=worker, host=HOSTS[worker], boot=HOSTS[worker], begin=begin, wall_offset=-begin)]
    for number in range(requests):
        due = begin + number * SECOND // 10
        sample = Sample(
            f"{worker}-{number}",
            "chat",
            "measured",
            StreamEnd.DONE,
            due,
            due,
            status=200,
            t_sent=due,
            t_first_token=due + 20_000_000 + number * 1_000_000,
            t_closed=due + 80_000_000,
        )
        lines.append(encoded(sample).decode())
        if number % 3 == 2:
            counts = {"scheduled": number + 1, "completed": number + 1, "in_flight": 0}
            lines.append(tick(worker, due + 80_000_000, counts))
    return [*lines, line("end", worker=worker, at=begin + 9 * SECOND, stopped_sending=begin + 8 * SECOND)]


def tick(worker: int, at: int, counts: dict[str, int]) -> str:
    none = {"skipped": 0, "unsent": 0, "failed": 0, "lag_us": {}, "delay_us": {}}
    return line("tick", worker=worker, at=at, cpu=0.1, kernel=1, user=0, **none, **counts)


PARTS = (written(0, 20), written(1, 14))


def run_of(folder: Path, merged: tuple[int, int], more: tuple[str, ...] = ()) -> Path:
    """A run's folder: the log has the first so many lines of each worker, the workers' files have all."""
    (folder / "parts").mkdir(parents=True)
    for worker, lines in enumerate(PARTS):
        (folder / "parts" / f"worker-{worker}.jsonl").write_text("\n".join([*lines, '{"kind":"sam']), encoding="utf-8")
    tally = Tally()
    head = [
        line("header", schema="echosounder/run/1", command="load", started="2026-01-01", target={"url": "http://h"}),
        line("options", machine="another", options=dump(OPTIONS)),
    ]
    rows = [entered(list(lines[:count]), tally) for lines, count in zip(PARTS, merged, strict=True)]
    (folder / "run.jsonl").write_text("\n".join([*head, *rows[0], *rows[1], *more, ""]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[str]]:
    folder = run_of(tmp_path_factory.mktemp("whole") / "run", (len(PARTS[0]), len(PARTS[1])))
    return recover(folder)[1].report, sorted((folder / "run.jsonl").read_text(encoding="utf-8").splitlines())


def test_stamps_of_the_other_machine_are_on_the_first_ones_clock(whole: tuple[dict[str, Any], list[str]]) -> None:
    report, lines = whole
    assert report["counts"]["sent"] == report["counts"]["completed"] == 34
    assert report["duration_s"] == 8.0 + OPTIONS.warmup
    scheduled = [json.loads(line)["t_scheduled"] for line in lines if '"sample"' in line]
    assert all(CLOCKS[0] <= at < CLOCKS[0] + 2 * SECOND for at in scheduled)


@given(st.integers(0, len(PARTS[0])), st.integers(0, len(PARTS[1])), st.integers(0, 400))
@settings(max_examples=40, deadline=None)
def test_wherever_the_merging_was_cut_nothing_is_lost_and_nothing_counts_twice(
    whole: tuple[dict[str, Any], list[str]], first: int, second: int, bytes_lost: int
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = run_of(Path(temporary) / "run", (first, second if first else 0))
        log = folder / "run.jsonl"
        content, head = log.read_bytes(), 2
        kept = max(len(content) - bytes_lost, len(b"".join(content.splitlines(keepends=True)[:head])))
        log.write_bytes(content[:kept])
        assert recover(folder)[1].report == whole[0]
        assert sorted(log.read_text(encoding="utf-8").splitlines()) == whole[1]
        assert recover(folder)[1].report == whole[0], "and again"


def test_an_interruption_before_everything_was_merged_is_mended_too(
    tmp_path: Path, whole: tuple[dict[str, Any], list[str]]
) -> None:
    """A second Ctrl-C: there is a footer, but it does not say what stopped the run."""
    folder = run_of(tmp_path / "run", (9, 4), (line("footer", interrupted="KeyboardInterrupt"),))
    assert recover(folder)[1].report == whole[0]


def test_a_finished_run_keeps_what_its_footer_says_and_takes_nothing_from_elsewhere(tmp_path: Path) -> None:
    stop = {"kind": "budget", "reason": "the budget is spent", "worker": 0}
    folder = run_of(tmp_path / "run", (9, 4), (line("footer", stopped=[stop]),))
    before = (folder / "run.jsonl").read_text(encoding="utf-8")
    report = recover(folder)[1].report
    assert report["stopped"] == [stop]
    assert "did not finish" not in str(report["measurement"])
    assert (folder / "run.jsonl").read_text(encoding="utf-8") == before


def test_the_options_come_back_without_the_key(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", (9, 4))
    options, outcome = recover(folder)
    assert (options.rate, options.model, options.api_key, options.out) == ("10", OPTIONS.model, None, folder)
    assert outcome.exit_code == 3
    assert "sk-secret" not in (folder / "run.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('"options":{', '"options":{"colour":"red",'), "not of this version"),
        (('"kind":"sample"', '"kind":"sample","gaps_us":7'), "a record is not of a load run"),
        (('"kind":"options"', '"kind":"opinions"'), "does not record its options"),
    ],
)
def test_a_log_of_another_kind_is_named(change: tuple[str, str], says: str, tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", (9, 4))
    (folder / "run.jsonl").write_text(
        (folder / "run.jsonl").read_text(encoding="utf-8").replace(*change), encoding="utf-8"
    )
    with pytest.raises(LogError, match=says):
        recover(folder)


def test_two_runs_do_not_write_into_one_folder(tmp_path: Path) -> None:
    with Log(tmp_path / "run.jsonl", HEADER) as log:
        log.append([line("sample", id="0-1")])
        with pytest.raises(UsageError, match=r"another run is writing into .*; give another folder"):
            Log(tmp_path / "run.jsonl", HEADER)
    assert '"0-1"' in (tmp_path / "run.jsonl").read_text(encoding="utf-8")
    with Log(tmp_path / "run.jsonl", HEADER):
        pass


def test_a_log_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    with Log(tmp_path / "run.jsonl", HEADER), pytest.raises(CannotJudge, match="still going on"):
        recover(tmp_path)
    folder = run_of(tmp_path / "run", (9, 4))
    with (folder / "parts" / "worker-1.jsonl").open("ab") as file:
        claim(file)
        with pytest.raises(CannotJudge, match="still going on"):
            recover(folder)
    recover(folder)
