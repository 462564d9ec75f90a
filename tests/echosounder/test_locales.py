"""In a locale that knows nothing but ASCII, what is piped is UTF-8, and no program ends for a character."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0"}
REPORT = Path(__file__).parents[2] / "reports" / "samples" / "check" / "report.json"


@pytest.mark.parametrize(
    ("words", "shows"),
    [
        (["echosounder", "mock", "--help"], "╭─ Options"),
        (["echosounder", "report", str(REPORT.parent)], "✗"),
        (["echosounder", "report", str(REPORT.parent), "--format", "md"], "✗"),
        (["echosounder.reports", "md"], "✗"),
        (["echosounder.mock_server", "--help"], "usage"),
    ],
    ids=["help", "terminal", "Markdown", "filter", "help of the mock"],
)
def test_what_is_piped_is_utf_8(words, shows):
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, env=os.environ | ASCII, stdin=REPORT.open("rb"), capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert shows in done.stdout.decode("utf-8")


def test_a_terminal_of_that_locale_gets_escapes():
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "echosounder.reports", "md"]
    with REPORT.open("rb") as report, os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(command, env=os.environ | ASCII, stdin=report, stdout=theirs)
        os.close(theirs)
        shown = terminal.read(4096)
        process.kill()
        process.wait()
    assert b"\\u2717" in shown
