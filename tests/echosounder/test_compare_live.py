"""`compare --live` from the command line: what it prints, writes and returns, for two targets and for what is none."""

import json
from importlib.resources import files

import jsonschema
import pytest

from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn
from echosounder.reports.differences import to_html, to_markdown

KEY = "sk-live-0123456789"
NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def reference():
    with spawn(seed=1) as mock:
        yield mock.url


@pytest.fixture(scope="module")
def odd():
    with spawn(seed=2, deviate=("usage-missing",)) as mock:
        yield mock.url


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    monkeypatch.setenv("REFUSED", "no-key-of-theirs")


def test_a_difference_is_told_written_and_is_exit_code_1(reference, odd, tmp_path, capsys, breaches):
    assert run(["compare", "--live", reference, odd, "--times", "1", "--out", "out"]) == 1
    said = capsys.readouterr().out
    assert "body /usage is absent, the reference has object" in said
    report = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    schema = json.loads(
        (files("echosounder.reports") / "schemas/differences-1.schema.json").read_text(encoding="utf-8")
    )
    jsonschema.validate(report, schema)
    assert (tmp_path / "out/summary.md").read_text(encoding="utf-8") == to_markdown(report)
    assert (tmp_path / "out/report.html").read_text(encoding="utf-8") == to_html(report)
    assert "body /usage" in to_html(report)
    assert breaches(tmp_path / "out/candidate/run.jsonl") == []
    assert run(["score", "out/candidate"]) == 1, "each side's log is that of a check"
    assert KEY not in (tmp_path / "out/reference/run.jsonl").read_text(encoding="utf-8")


def test_no_difference_is_exit_code_0_and_json_is_alone_on_stdout(reference, capsys):
    assert run(["compare", "--live", reference, reference, "--times", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["differences"]) == ("equal", [])
    assert report["reference"]["requests"] == report["candidate"]["requests"] > 5


BAD = {
    "candidate unreachable": (["{url}", NOBODY], 3, "the candidate: no connection to http://127.0.0.1:1"),
    "reference unreachable": ([NOBODY, "{url}"], 3, "the reference: no connection to http://127.0.0.1:1"),
    "candidate refuses": (
        ["{url}", "{url}", "--api-key-env", "REFUSED", "--reference-key-env", "DEEPSEEK_API_KEY"],
        3,
        "check the variable REFUSED",
    ),
    "reference refuses": (["{url}", "{url}", "--reference-key-env", "REFUSED"], 3, "check the variable REFUSED"),
    "no URL": (["{url}", "runs/x"], 2, "not an http(s) URL: 'runs/x'"),
    "one target": (["{url}"], 2, "Missing argument"),
    "no profile": (["{url}", "{url}", "--profile", "1999"], 2, "1999"),
    "never": (["{url}", "{url}", "--times", "0"], 2, "--times"),
    "budget": (["{url}", "{url}", "--budget-requests", "2"], 3, "the reference: the budget of 2 requests is spent"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_compared_is_one_line(name, reference, capsys):
    arguments, code, words = BAD[name]
    assert run(["compare", "--live", *(word.format(url=reference) for word in arguments)]) == code
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert words in said.err


def test_targets_without_live_are_told_about_it(reference, capsys):
    assert run(["compare", reference, reference]) == 2
    assert "add --live" in capsys.readouterr().err


def test_the_probes_of_the_proxy_position_are_listed(capsys):
    assert run(["list", "probes", "--feature", "proxy"]) == 0
    assert "proxy.faults" in capsys.readouterr().out
