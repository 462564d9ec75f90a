"""The command: files and addresses, exit codes, and bad documents in one line."""

import json

import pytest
import yaml

from echosounder import specs
from echosounder.__main__ import run


def written(tmp_path, document, name="their.json"):
    file = tmp_path / name
    file.write_text(json.dumps(document) if name.endswith("json") else yaml.safe_dump(document), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("name", ["their.json", "their.yaml"])
def test_our_own_document_does_not_contradict_us(tmp_path, capsys, name):
    assert run(["spec-diff", written(tmp_path, specs.document(), name)]) == 0
    assert capsys.readouterr().out.startswith("0 differences")


def test_json_that_is_no_yaml_is_read(tmp_path, capsys):
    """An emoji as two surrogates, as Python's json writes it."""
    theirs = specs.document() | {"info": {"title": "\N{WHALE}", "version": "1"}}
    (tmp_path / "their.json").write_text(json.dumps(theirs), encoding="utf-8")
    assert "\\ud83d" in (tmp_path / "their.json").read_text(encoding="utf-8")
    assert run(["spec-diff", str(tmp_path / "their.json")]) == 0


def test_another_date_contradicts(tmp_path, capsys):
    assert run(["spec-diff", written(tmp_path, specs.document("2026-08")), "--profile", "2026-11", "--json"]) == 1
    assert {"narrowed", "removed"} <= {each["kind"] for each in json.loads(capsys.readouterr().out)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "is neither JSON nor YAML"),
        (b"\xff", "is neither JSON nor YAML"),
        (b"[]", "is not an OpenAPI document"),
        (b'{"paths": {"/models": 7}}', "is not a valid OpenAPI document"),
    ],
)
def test_a_bad_document_is_told_in_one_line(tmp_path, capsys, text, said):
    (tmp_path / "x").write_bytes(text)
    assert run(["spec-diff", str(tmp_path / "x")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line


def test_what_cannot_be_reached_is_told_in_one_line(tmp_path, capsys):
    assert run(["spec-diff", str(tmp_path / "nothing")]) == 2
    assert run(["spec-diff", "http://127.0.0.1:9/openapi.json"]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 2
