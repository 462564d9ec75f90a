"""The committed samples are what this version makes of their runs; `reports/samples/README.md` says how to make them anew."""

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from echosounder import reports
from echosounder.reports import source

SAMPLES = Path(str(files("echosounder.reports") / "samples"))
# Places of the machine that made a sample: they have no business in it.
HERE_ONLY = (str(Path(__file__).parents[2]), str(Path.home()) + "/", tempfile.gettempdir() + "/")


def report(name):
    return json.loads((SAMPLES / name / "report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["check", "load"])
def test_the_report_of_a_real_run_is_valid(name):
    jsonschema.Draft202012Validator(reports.schema(name)).validate(report(name))


@pytest.mark.parametrize("name", ["check", "load"])
@pytest.mark.parametrize("format", [name for name in reports.FILES if name != "html"])
def test_each_file_is_what_the_report_gives(name, format):
    assert (SAMPLES / name / reports.FILES[format]).read_text(encoding="utf-8") == reports.render(format, report(name))


def test_the_page_is_what_the_run_gives():
    run = replace(source.read(SAMPLES / "check", report("check")), place="run.jsonl")
    assert (SAMPLES / "check" / "report.html").read_text(encoding="utf-8") == reports.render(
        "html", report("check"), run
    )


def test_the_samples_say_nothing_about_the_machine_that_made_them():
    for path in SAMPLES.rglob("*"):
        if path.suffix in {".json", ".jsonl", ".html", ".md", ".xml", ".svg"}:
            assert not [place for place in HERE_ONLY if place in path.read_text(encoding="utf-8")], path


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "says"),
    [
        (["md"], None, 0, "# Conformance: "),
        (["pdf"], None, 2, "no format 'pdf'"),
        ([], None, 2, "give one format"),
        (["md"], "<html>", 2, "give one format"),
        (["md"], "[]", 2, "give one format"),
        (["md"], "{}", 2, "of schema None"),
    ],
)
def test_reports_is_a_filter_too(arguments, stdin, code, says):
    text = (SAMPLES / "check" / "report.json").read_text(encoding="utf-8") if stdin is None else stdin
    done = subprocess.run(
        [sys.executable, "-m", "echosounder.reports", *arguments],
        input=text,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
