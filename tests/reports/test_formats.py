"""What others read keeps to what they take: JUnit, SARIF and the shields endpoint, by the rules that their readers publish."""

import json
import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import msgspec
import pytest

from echosounder import reports
from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.runlog import Run

HEADER = Header(kind_of_run=RunKind.CHECK, started="2026-11-22T09:30:00+00:00", target=Aimed("http://h"))

MULTITOOL = Path(__file__).parents[2] / ".field/reports/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"

# element: (required attributes, other attributes, children); junit-10.xsd of Jenkins' xUnit plugin, the strictest reader.
OUTCOME = (set(), {"type", "message"}, set())
JUNIT = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package", "file", "url"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": ({"name"}, {"time", "classname"}, {"skipped", "error", "failure", "system-out", "system-err"}),
    "failure": OUTCOME,
    "error": OUTCOME,
    "skipped": OUTCOME,
    "system-out": (set(), set(), set()),
}

SHIELDS = {
    "type": "object",
    "required": ["schemaVersion", "label", "message"],
    "additionalProperties": False,
    "properties": {
        "schemaVersion": {"const": 1},
        "label": {"type": "string"},
        "message": {"type": "string", "minLength": 1},
        "color": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
        "labelColor": {"type": "string"},
        "isError": {"type": "boolean"},
        "cacheSeconds": {"type": "integer", "minimum": 300},
    },
}

# What GitHub's code scanning asks for beyond the schema of SARIF 2.1.0, as far as it concerns what is written here.
GITHUB = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "properties": {
        "$schema": {"pattern": "sarif-schema-2\\.1\\.0\\.json$"},
        "version": {"const": "2.1.0"},
        "runs": {
            "maxItems": 20,
            "items": {
                "required": ["tool", "results"],
                "properties": {
                    "tool": {"properties": {"driver": {"properties": {"rules": {"items": {"$ref": "#/$defs/rule"}}}}}},
                    "results": {"maxItems": 5_000, "items": {"$ref": "#/$defs/result"}},
                },
            },
        },
    },
    "$defs": {
        "text": {"required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}},
        "short": {"required": ["text"], "properties": {"text": {"type": "string", "maxLength": 1024}}},
        "rule": {
            "required": ["id", "shortDescription", "fullDescription", "help"],
            "properties": {
                "id": {"maxLength": 255},
                "shortDescription": {"$ref": "#/$defs/short"},
                "fullDescription": {"$ref": "#/$defs/short"},
                "help": {"$ref": "#/$defs/text"},
            },
        },
        "result": {
            "required": ["ruleId", "ruleIndex", "message", "locations", "partialFingerprints", "level"],
            "properties": {
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": {"$ref": "#/$defs/text"},
                "locations": {"minItems": 1, "maxItems": 10, "items": {"$ref": "#/$defs/location"}},
            },
        },
        "location": {
            "required": ["physicalLocation"],
            "properties": {
                "physicalLocation": {
                    "required": ["artifactLocation", "region"],
                    "properties": {
                        "artifactLocation": {"required": ["uri"]},
                        "region": {"required": ["startLine"], "properties": {"startLine": {"minimum": 1}}},
                    },
                }
            },
        },
    },
}


@pytest.fixture(params=["check_report", "hostile_report", "load_report"])
def report(request):
    return request.getfixturevalue(request.param)


def test_junit_has_only_what_the_strictest_reader_takes(report):
    for node in ET.fromstring(reports.render("junit", report)).iter():
        required, others, children = JUNIT[node.tag]
        assert required <= set(node.attrib) <= required | others, ET.tostring(node)
        assert {child.tag for child in node} <= children, ET.tostring(node)


def test_the_badge_is_an_answer_of_a_shields_endpoint(report):
    jsonschema.Draft202012Validator(SHIELDS).validate(json.loads(reports.render("shields", report)))


@pytest.mark.parametrize("name", ["check_report", "hostile_report"])
def test_sarif_has_what_code_scanning_asks_for(request, name):
    document = json.loads(reports.render("sarif", request.getfixturevalue(name)))
    jsonschema.Draft202012Validator(GITHUB).validate(document)


def judged(document, folder):
    """What the validator of the standard's editors says of schema, semantics and GitHub's rules: ids of errors and warnings."""
    if not MULTITOOL.exists():
        pytest.skip("needs SARIF Multitool: make .field/reports/ready")
    MULTITOOL.chmod(0o755)
    (folder / "in.sarif").write_text(document, encoding="utf-8")
    options = ["--rule-kind", "Sarif;Ghas", "--level", "Error;Warning", "--log", "ForceOverwrite", "--quiet"]
    command = [MULTITOOL, "validate", folder / "in.sarif", "--output", folder / "out.sarif", *options]
    subprocess.run(command, env=os.environ | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}, check=True, timeout=60)
    (run,) = json.loads((folder / "out.sarif").read_text(encoding="utf-8-sig"))["runs"]
    return sorted(result["ruleId"] for result in run["results"])


# A validator that gave up would be silent: the one warning, that the tool has no home page, shows that it read everything.
NO_HOME_PAGE = "SARIF2005"


@pytest.mark.field
@pytest.mark.parametrize("name", ["check_report", "hostile_report"])
def test_the_official_validator_takes_our_sarif(request, name, tmp_path):
    report, run = request.getfixturevalue(name), Run(msgspec.structs.replace(HEADER, version="0.1.0"))
    assert judged(reports.render("sarif", report, run), tmp_path) == [NO_HOME_PAGE]


@pytest.mark.field
def test_the_official_validator_sees_a_broken_one(check_report, tmp_path):
    document = json.loads(reports.render("sarif", check_report))
    document["runs"][0]["results"][0]["ruleIndex"] = 500
    del document["runs"][0]["results"][1]["message"]
    assert "JSON1002" in judged(json.dumps(document), tmp_path)
