"""`echosounder score` on what others recorded: a report beside its own log, the documented code, one line where it cannot."""

import json

import pytest

from echosounder.__main__ import run

STREAM = 'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"deepseek-flash","choices":[]}\n\n'


def har(tmp_path, *answers):
    def entry(text):
        asked = {"model": "deepseek-flash", "messages": [{"role": "user", "content": "secret words"}], "stream": True}
        head = [
            {"name": "User-Agent", "value": "app/3"},
            {"name": "Authorization", "value": "Bearer sk-har-0123456789"},
        ]
        request = {
            "method": "POST",
            "url": "https://h/v1/chat/completions",
            "headers": head,
            "postData": {"text": json.dumps(asked)},
        }
        answered = [{"name": "content-type", "value": "text/event-stream"}]
        return {
            "request": request,
            "response": {"status": 200, "statusText": "", "headers": answered, "content": {"text": text}},
        }

    path = tmp_path / "a.har"
    path.write_text(json.dumps({"log": {"entries": [entry(text) for text in answers]}}), encoding="utf-8")
    return path


def scored(path, out, *more):
    code = run(["score", str(path), "--out", str(out), *more])
    return code, json.loads((out / "report.json").read_text(encoding="utf-8"))


def test_a_har_is_judged_and_what_it_does_not_hold_is_inconclusive(tmp_path, breaches):
    code, report = scored(har(tmp_path, STREAM, STREAM), tmp_path / "out")
    verdicts = {row["id"]: row["verdict"] for row in report["requirements"]}
    assert code == 1
    assert verdicts["stream.choices-present"] == "fail"
    assert verdicts["stream.complete"] == verdicts["stream.ends-with-done"] == verdicts["stream.utf8"] == "inconclusive"
    assert report["traffic"]["requests"] == 2
    assert report["traffic"]["groups"][0]["client"] == "app/3"
    assert report["traffic"]["groups"][0]["latency"] == {}
    assert breaches(tmp_path / "out" / "run.jsonl") == []
    assert "sk-har" not in (tmp_path / "out" / "run.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(("bodies", "held"), [("none", False), ("findings", True), ("all", True)])
def test_bodies_are_kept_as_asked(tmp_path, bodies, held):
    _, report = scored(har(tmp_path, STREAM), tmp_path / "out", "--bodies", bodies)
    assert ("secret words" in (tmp_path / "out" / "run.jsonl").read_text(encoding="utf-8")) == held
    findings = [finding for row in report["requirements"] for finding in row["findings"]]
    assert findings
    assert any(finding["excerpt"] for finding in findings) == held


def test_a_recording_that_was_cut_is_judged_until_there_and_is_not_taken_for_whole(tmp_path):
    path = har(tmp_path, "data: [DONE]\n\n", "data: [DONE]\n\n")
    path.write_text(path.read_text(encoding="utf-8")[:-200], encoding="utf-8")
    code, report = scored(path, tmp_path / "out")
    assert "it was cut" in report["reason"]
    assert (code, report["traffic"]["requests"]) == (1 if report["verdict"] == "deviates" else 3, 1)


def test_its_own_log_is_judged_again_alike(tmp_path):
    code, before = scored(har(tmp_path, STREAM, STREAM), tmp_path / "out")
    assert run(["score", str(tmp_path / "out")]) == code
    after = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert after["requirements"] == before["requirements"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.har", ""), ("a.yaml", "- 1"), ("a.bin", "x"), ("folder", None), ("run.jsonl", '{"kind":"header"}\n')],
)
def test_what_is_no_recording_is_one_line_and_two(tmp_path, capsys, name, text):
    path = tmp_path / name
    path.mkdir() if text is None else path.write_text(text, encoding="utf-8")
    assert run(["score", str(path), "--out", str(tmp_path / "out")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def without(record, name):
    return {each: value for each, value in record.items() if each != name}


@pytest.mark.parametrize(
    "change",
    [
        lambda one: [one | {"set": 99}],
        lambda one: [one | {"set": "x"}],
        lambda one: [without(one, "client")],
        lambda one: [one | {"t_sent": "soon"}],
        lambda one: [{"kind": "judged", "set": one["set"], "results": ["no.such-requirement=pass"]}, one],
        lambda one: [{"kind": "judged", "set": one["set"], "results": ["stream.complete=perfect"]}, one],
        lambda one: [one | {"findings": [{"x": 1}]}],
        lambda one: [{"kind": "exchange", "id": 7}],
        lambda one: [{"kind": "exchange", "notes": 7}],
    ],
)
def test_a_log_of_somebody_else_may_be_anything(tmp_path, capsys, change):
    scored(har(tmp_path, STREAM), tmp_path / "out", "--bodies", "none")
    log = tmp_path / "out" / "run.jsonl"
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    changed = [each for line in lines for each in (change(line) if line["kind"] == "sample" else [line])]
    log.write_text("".join(json.dumps(line) + "\n" for line in changed), encoding="utf-8")
    capsys.readouterr()
    assert run(["score", str(tmp_path / "out")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_what_was_carried_over_is_held_to_be_counts(tmp_path, capsys):
    scored(har(tmp_path, STREAM), tmp_path / "out")
    log = tmp_path / "out" / "run.jsonl"
    header, *others = log.read_text(encoding="utf-8").splitlines()
    carried = {"kind": "carried", "rates": {"counts": [["stream.complete", "", "", 1]], "undecided": {}}, "counts": {}}
    log.write_text("\n".join([header, json.dumps(carried), *others]) + "\n", encoding="utf-8")
    assert run(["score", str(tmp_path / "out")]) == 2
