"""``baseline write`` and what is left out: the whole way, and every output that tells of it."""

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from echosounder.__main__ import run

SAMPLE = Path(__file__).parents[2] / "reports" / "samples" / "check"


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """A run that deviates, and a folder for the baseline."""
    shutil.copytree(SAMPLE, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert run(["score", "run"]) == 1
    return tmp_path


def outputs(folder):
    cases = ET.parse(folder / "junit.xml").getroot()
    return (
        json.loads((folder / "report.json").read_text(encoding="utf-8"))["verdict"],
        int(cases.get("failures")) + int(cases.get("errors")),
        (folder / "summary.md").read_text(encoding="utf-8").partition("\n")[0],
    )


def test_what_was_written_makes_every_output_green(broken, capsys):
    assert run(["baseline", "write", "run", "--reason", "issue 7"]) in {0, None}
    assert run(["score", "run", "--baseline", "baseline.toml"]) == 0
    verdict, red, headline = outputs(broken / "run")
    assert (verdict, red) == ("conforms", 0)
    assert re.fullmatch(r"# Conformance: ✓ conforms, \d+ accepted", headline)
    capsys.readouterr()
    assert run(["baseline", "write", "run"]) in {0, None}
    assert "0 entries added" in capsys.readouterr().out
    assert run(["matrix", "run"]) in {0, None}
    page = next(broken.glob("**/index.html")).read_text(encoding="utf-8")
    assert "accepted: issue 7" in page


def test_another_breach_of_a_requirement_that_is_accepted_in_part_is_red_and_named_first(broken):
    run(["baseline", "write", "run", "--reason", "issue 7"])
    file = broken / "baseline.toml"
    tables = file.read_text(encoding="utf-8").removeprefix("\n[[accepted]]\n").split("\n[[accepted]]\n")
    named = [each.splitlines()[0] for each in tables]
    twice = next(place for place, each in enumerate(named) if named.count(each) > 1)
    file.write_text(
        "\n[[accepted]]\n" + "\n[[accepted]]\n".join(tables[:twice] + tables[twice + 1 :]), encoding="utf-8"
    )
    code = run(["score", "run", "--baseline", "baseline.toml", "--only", named[twice].split('"')[1]])
    report = json.loads((broken / "run/report.json").read_text(encoding="utf-8"))
    [row] = report["requirements"]
    marks = ["accepted" in each for each in row["findings"]]
    assert (code, "accepted" in row, marks) == (1, False, sorted(marks))
    assert (marks[0], marks[-1]) == (False, True)
    assert "Accepted by the baseline: issue 7" in (broken / "run/report.html").read_text(encoding="utf-8")
    assert "accepted by the baseline: issue 7" in (broken / "run/junit.xml").read_text(encoding="utf-8")
    assert outputs(broken / "run")[1] == 2  # the run, and the requirement


def test_an_entry_past_its_date_and_one_that_is_stale_are_named_with_their_reasons(broken, capsys):
    text = '[[accepted]]\nid = "{}"\nreason = "{}"\nexpires = {}\n'
    row = next(
        r
        for r in json.loads((broken / "run/report.json").read_text(encoding="utf-8"))["requirements"]
        if r["verdict"] == "pass"
    )
    entries = text.format(row["id"], "not so", "2999-12-31") + text.format("*", "too old", "2020-01-01")
    Path("b.toml").write_text(entries, encoding="utf-8")
    assert run(["score", "run", "--baseline", "b.toml"]) == 1
    said = capsys.readouterr().err
    for told in (f"{row['id']} passes, but is accepted as broken (not so)", "accepts * no longer (too old)"):
        assert told in said
        assert told.replace("*", "\\*") in (broken / "run/summary.md").read_text(encoding="utf-8")
        assert told in (broken / "run/report.html").read_text(encoding="utf-8")
        assert told in (broken / "run/junit.xml").read_text(encoding="utf-8")


def judged(folder):
    return [row["id"] for row in json.loads((folder / "report.json").read_text(encoding="utf-8"))["requirements"]]


def test_a_log_is_judged_on_what_is_chosen(broken):
    every = judged(broken / "run")
    run(["score", "run", "--exclude", "usage.*", "--exclude", "stream.role-once"])
    assert judged(broken / "run") == [id for id in every if not id.startswith("usage.") and id != "stream.role-once"]
    run(["score", "run", "--features", "tools", "--exclude", "tools.strict-*"])
    chosen = judged(broken / "run")
    assert 0 < len(chosen) < len(every)
    assert not any(id.startswith("tools.strict") for id in chosen)


@pytest.mark.parametrize("command", [["check"], ["plan"], ["score", "run"]])
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["--exclude", "usage.total-is-sums"],
            "--exclude 'usage.total-is-sums' matches no requirement, did you mean usage.total-is-sum",
        ),
        (["--features", "tool"], "--features 'tool' is not a feature, did you mean tools"),
        (["--features", "balance", "--exclude", "*"], "leave no requirement to judge"),
    ],
)
def test_a_wrong_name_is_one_line_with_near_names(command, options, told, broken, capsys):
    capsys.readouterr()
    assert run([*command, *options]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_a_plan_leaves_out_the_probes_of_what_is_not_asked(capsys):
    def probes(*options):
        run(["plan", "--json", *options])
        return {each["id"] for each in json.loads(capsys.readouterr().out)["probes"]}

    every = probes()
    assert "fim.basic" in probes("--features", "fim") < every
    assert probes("--exclude", "fim.*") == every - {"fim.off-beta"}
