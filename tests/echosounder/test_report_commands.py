"""report, matrix, history, compare, init, doctor from the command line: what they print and return, for good runs and for bad input."""

import json
import shutil
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from echosounder.__main__ import run
from echosounder.cli.doctor import prices
from echosounder.mock_server.net.process import spawn
from echosounder.reports import FORMATS
from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.runlog import RunWriter

HEADER = Header(kind_of_run=RunKind.CHECK, started="2026-11-22T09:30:00+00:00", target=Aimed("http://h"))

SAMPLES = Path(str(files("echosounder.reports") / "samples"))
MS = 1_000_000


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-test-0123456789")


@pytest.fixture
def bad(tmp_path):
    """A real run of a target with four faults."""
    return shutil.copytree(SAMPLES / "check", tmp_path / "bad")


@pytest.fixture
def good(bad, tmp_path):
    """The same run, as if everything had held."""
    folder = shutil.copytree(bad, tmp_path / "good")
    change(folder, lambda report: [row.update(verdict="pass", findings=[]) for row in report["requirements"]])
    return folder


@pytest.fixture
def load(tmp_path):
    return load_run(tmp_path / "load")


def load_run(folder, ttft_ms=100, report=None):
    """A load run of 400 requests, a third of a second apart, whose first tokens come within 3 % of *ttft_ms*."""
    folder.mkdir()
    document = json.loads((SAMPLES / "load" / "report.json").read_text(encoding="utf-8")) | (report or {})
    (folder / "report.json").write_text(json.dumps(document), encoding="utf-8")
    with RunWriter(folder / "run.jsonl", HEADER) as log:
        for number in range(400):
            sent = 333 * MS * number
            first = sent + ttft_ms * MS * (100 + number % 4) // 100
            stamps = {"t_scheduled": sent, "t_sent": sent, "t_first_token": first, "t_closed": first + 50 * MS}
            log.write("sample", {"id": str(number), "gaps_us": [25_000, 25_000], **stamps})
    return folder


def change(folder, edit):
    path = folder / "report.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    edit(report)
    path.write_text(json.dumps(report), encoding="utf-8")


def rewrite(path, edit):
    path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8")


def complaint(capsys):
    """What went to stderr: one line, and nothing on stdout."""
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    return said.err


@pytest.mark.parametrize("format", FORMATS)
def test_report_renders_each_format_on_stdout_as_it_was_written(format, bad, capsys):
    assert run(["report", str(bad), "--format", format]) == 0
    names = {"html": "report.html", "junit": "junit.xml", "md": "summary.md", "badge": "badge.svg"}
    said = capsys.readouterr()
    assert said.err == ""
    if format in names:
        written = said.out.replace(str(bad / "run.jsonl"), "run.jsonl")  # where the log is now
        assert written == (bad / names[format]).read_text(encoding="utf-8")
    elif format == "json":
        assert json.loads(said.out) == json.loads((bad / "report.json").read_text(encoding="utf-8"))


def test_report_takes_the_log_for_the_folder(bad, capsys):
    assert run(["report", str(bad / "run.jsonl"), "--format", "md"]) == 0
    assert capsys.readouterr().out.startswith("# Conformance: ✗ deviates")


def test_matrix_writes_a_page_of_all_runs(bad, good, capsys):
    assert run(["matrix", str(good), f"other={bad}", "--out", "page", "--reference", "other"]) == 0
    assert capsys.readouterr().out == "page/index.html\n"
    page = Path("page/index.html").read_text(encoding="utf-8")
    assert "The reference is <b>other</b>" in page
    assert '<th scope="col">good</th><th scope="col">other</th>' in page


def test_matrix_shows_known_issues(bad):
    Path("issues.yaml").write_text(
        "- {requirement: 'stream.*', target: bad, link: 'https://bugs.invalid/7', note: seven}", encoding="utf-8"
    )
    assert run(["matrix", str(bad), "--issues", "issues.yaml", "--out", "page"]) == 0
    assert 'href="https://bugs.invalid/7">known: seven</a>' in Path("page/index.html").read_text(encoding="utf-8")


def test_history_writes_an_index_and_a_page(bad, good, load, capsys):
    assert run(["history", "."]) == 0
    assert capsys.readouterr().out == "history.html\n"
    page = Path("history.html").read_text(encoding="utf-8")
    assert "3 runs, 2 series" in page
    assert all(f">{name}</th>" in page for name in ("bad", "good", "load"))


def test_history_leaves_out_what_it_cannot_read_and_says_so(good, bad, capsys):
    rewrite(bad / "run.jsonl", lambda text: "<html>\n" + text)
    assert run(["history", "."]) == 0
    said = capsys.readouterr()
    assert said.err.startswith("left out: bad/run.jsonl:1: not JSON")
    assert "1 run, 1 series" in Path("history.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("before", "after", "code", "says"),
    [
        ("bad", "bad", 0, "= EQUAL"),
        ("bad", "good", 0, "▲ BETTER"),
        ("good", "bad", 1, "▼ WORSE"),
        ("load", "load", 0, "= EQUAL"),
        ("load", "slow", 1, "▼ WORSE"),
        ("slow", "load", 0, "▲ BETTER"),
    ],
)
def test_compare_ends_with_the_code_of_what_it_says(before, after, code, says, bad, good, load, tmp_path, capsys):
    load_run(tmp_path / "slow", ttft_ms=115)
    assert run(["compare", before, after]) == code
    assert capsys.readouterr().out.startswith(says)


@pytest.mark.parametrize("format", ["--json", "--markdown"])
def test_compare_speaks_to_machines_and_job_summaries(format, good, bad, capsys):
    assert run(["compare", str(good), str(bad), format]) == 1
    said = capsys.readouterr().out
    if format == "--json":
        assert json.loads(said)["verdict"] == "worse"
    else:
        assert said.startswith("# Comparison: ▼ worse")


def test_compare_shows_what_flaps(good, bad, capsys):
    assert run(["compare", str(good), str(good), "--also-after", str(bad)]) == 0
    assert "↕ flapping" in capsys.readouterr().out


def test_compare_takes_what_mixed_catalogues_share_when_asked(good, bad, capsys):
    change(good, lambda report: report["requirements"].pop())
    assert run(["compare", str(good), str(bad)]) == 2
    assert "1 requirements are not in all of the runs" in complaint(capsys)
    assert run(["compare", str(good), str(bad), "--common"]) == 1


def cut(folder):
    """The end of the log is lost, in the middle of a line, as if the disk had filled up while it was copied."""
    content = (folder / "run.jsonl").read_bytes()
    (folder / "run.jsonl").write_bytes(content[: 3 * len(content) // 4])


def test_of_a_log_that_was_cut_report_says_so_and_shows_what_is_there(bad, capsys):
    cut(bad)
    assert run(["report", str(bad), "--format", "html"]) == 0
    said = capsys.readouterr()
    assert (
        said.err
        == "bad: the log has no footer: it was truncated, and exchanges named in the report may be missing\n".replace(
            "bad", str(bad), 1
        )
    )
    assert "stream.ends-with-done" in said.out


def test_of_a_log_that_was_cut_compare_decides_nothing(load, tmp_path, capsys):
    cut(shutil.copytree(load, tmp_path / "cut"))
    assert run(["compare", "load", "cut"]) == 3
    assert "the log of the second run has no footer" in capsys.readouterr().out


def no_log(folder):
    (folder / "run.jsonl").unlink()


def no_report(folder):
    (folder / "report.json").unlink()


def emptied(folder):
    for path in folder.iterdir():
        path.unlink()


def old_report(folder):
    change(folder, lambda report: report.update(schema="echosounder/check/0"))


def broken_report(folder):
    change(folder, lambda report: report["requirements"][0].pop("findings"))


def list_for_report(folder):
    (folder / "report.json").write_text("[]", encoding="utf-8")


def half_a_report(folder):
    rewrite(folder / "report.json", lambda text: text[:200])


def binary_report(folder):
    (folder / "report.json").write_bytes(b"\xff\xfe\x00")


def old_log(folder):
    rewrite(folder / "run.jsonl", lambda text: text.replace("echosounder/run/1", "echosounder/run/0", 1))


def page_for_log(folder):
    (folder / "run.jsonl").write_text("<html>\n</html>\n", encoding="utf-8")


def empty_log(folder):
    (folder / "run.jsonl").write_text("", encoding="utf-8")


# What was done to the run, and what each of the three commands must say of it.
BROKEN_RUNS = [
    (shutil.rmtree, "there is no run"),
    (emptied, "has no report.json; make it with `echosounder score"),
    (no_report, "has no report.json; make it with `echosounder score"),
    (no_log, "cannot read"),
    (empty_log, "is empty"),
    (old_report, "of schema 'echosounder/check/0'"),
    (broken_report, "broken at requirements/0 ('findings' is a required property)"),
    (list_for_report, "the report is not a JSON object"),
    (half_a_report, "report.json: "),
    (binary_report, "report.json: 'utf-8' codec"),
    (old_log, "is not a run log of schema echosounder/run/1 or echosounder/run/2"),
    (page_for_log, "run.jsonl:1: not JSON"),
]


@pytest.mark.parametrize(
    "command",
    [["report", "bad"], ["matrix", "good", "bad"], ["compare", "good", "bad"], ["compare", "bad", "good"]],
    ids=" ".join,
)
@pytest.mark.parametrize(("breaks", "says"), BROKEN_RUNS, ids=[breaks.__name__ for breaks, _ in BROKEN_RUNS])
def test_a_run_that_cannot_be_read_is_one_line_and_exit_2(breaks, says, command, good, bad, capsys):
    breaks(bad)
    assert run(command) == 2
    assert says in complaint(capsys)
    assert not Path("matrix").exists()


@pytest.mark.parametrize("command", ["report", "matrix", "compare"])
def test_a_file_that_is_no_log_is_not_taken_for_the_one_beside_it(command, bad, capsys):
    more = [str(bad)] if command == "compare" else []
    assert run([command, str(bad / "summary.md"), *more]) == 2
    assert "summary.md is not a run; give the run's folder, or the run.jsonl in it" in complaint(capsys)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["report"], "Missing argument 'RUN'; see `echosounder report --help`"),
        (["report", "bad", "--format", "pdf"], "no format 'pdf'; there are html, junit"),
        (["report", "load", "--format", "sarif"], "use junit for its objectives"),
        (["report", "load", "--samples", "x.txt"], "cannot export samples as '.txt'; choose .csv or .jsonl"),
        (["report", "bad", "--samples", "x.csv"], "has no samples: only load runs have them"),
        (["matrix"], "Missing argument 'RUN...'; see"),
        (["matrix", "load"], "load is a load run; a matrix is made of check runs"),
        (["matrix", "bad", "bad"], "two runs go by the name 'bad'; name them apart: NAME=FOLDER"),
        (["matrix", "bad", "--reference", "nobody"], "no run named 'nobody'; there are bad"),
        (["matrix", "bad", "--issues", "none.yaml"], "cannot read none.yaml: No such file or directory"),
        (["matrix", "bad", "--issues", "bad/summary.md"], "is not a list of known issues"),
        (["matrix", "bad", "--out", "bad/summary.md"], "cannot write into bad/summary.md"),
        (["history", "nowhere"], "there is no folder nowhere"),
        (["history", "hollow"], "no run below hollow"),
        (["history", ".", "--out", "bad"], "cannot write bad: Is a directory"),
        (["compare", "bad"], "Missing argument 'after'; see"),
        (["compare", "bad", "load"], "a check report can be compared with check reports only"),
        (["compare", "load", "bad"], "a load report can be compared with a load report only"),
        (["compare", "load", "load", "--threshold", "99"], "Invalid value for '--threshold'"),
        (["compare", "load", "load", "--also-after", "load"], "compared two at a time"),
        (["init", "bad"], "bad exists already"),
        (["init", "nowhere/echosounder.toml"], "cannot write nowhere/echosounder.toml: No such file or directory"),
        (["doctor", "ftp://host"], "not an http(s) URL"),
        (["doctor", "--timeout", "soon"], "Invalid value for '--timeout'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_are_one_line_and_exit_2(arguments, says, bad, load, capsys):
    Path("hollow").mkdir()
    assert run(arguments) == 2
    assert says in complaint(capsys)


def test_init_overwrites_only_when_told_to(capsys):
    Path("mine.toml").write_text("kept", encoding="utf-8")
    assert run(["init", "mine.toml"]) == 2
    assert Path("mine.toml").read_text(encoding="utf-8") == "kept"
    assert run(["init", "mine.toml", "--force"]) == 0
    assert Path("mine.toml").read_text(encoding="utf-8").startswith("# Settings of Echosounder")


def test_doctor_finds_a_fit_machine_and_target(capsys):
    with spawn() as mock:
        assert run(["doctor", mock.url]) == 0
    said = capsys.readouterr().out
    assert "DEEPSEEK_API_KEY holds a key" in said
    assert f"{mock.url} answers GET /models with 200" in said
    assert "sk-test" not in said


@pytest.mark.parametrize(
    ("url", "key", "says"),
    [
        ("http://127.0.0.1:1", "sk-test-0123456789", "does not answer"),
        ("http://target.invalid", None, "DEEPSEEK_API_KEY is empty: fine for the bundled mock"),
    ],
)
def test_doctor_ends_with_3_where_a_run_would_fail(url, key, says, monkeypatch, capsys):
    if key is None:
        monkeypatch.delenv("DEEPSEEK_API_KEY")
    assert run(["doctor", url, "--timeout", "1"]) == 3
    assert says in capsys.readouterr().out


def test_doctor_calls_a_refused_key_bad(monkeypatch, capsys):
    monkeypatch.delenv("DEEPSEEK_API_KEY")
    with spawn() as mock:
        assert run(["doctor", mock.url]) == 3
    assert "BAD" in capsys.readouterr().out


def test_prices_of_years_whose_holidays_nobody_knows_yet_are_a_word_of_doctor_alone():
    def said(year):
        return [symptom.what for symptom in prices(datetime(year, 3, 1, tzinfo=UTC))]

    assert said(2026) == []
    assert any("public holidays of 2090 are not known" in what for what in said(2090))
