"""Differences of two documents, each as a client would notice it."""

import copy

import pytest

from echosounder import specs
from echosounder.specs.drift import Kind, drift, shape

CHATTING = "POST /chat/completions"
OURS = {
    "paths": {
        "/chat/completions": {
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ask"}}}},
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}},
                    "400": {},
                },
            }
        },
        "/models": {"get": {"responses": {"200": {}}}},
    },
    "components": {
        "schemas": {
            "Ask": {
                "required": ["model"],
                "properties": {
                    "model": {"type": "string"},
                    "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 4},
                    "effort": {"enum": ["low", "high"]},
                    "stop": {
                        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": 4}]
                    },
                },
            },
            "Answer": {"allOf": [{"required": ["id"]}, {"properties": {"id": {"type": "string"}}}]},
        }
    },
}
ASK = ("components", "schemas", "Ask")
EFFORT = (*ASK, "properties", "effort", "enum")
N = (*ASK, "properties", "n")
REQUEST, ANSWER = "POST /chat/completions, request", "POST /chat/completions, answer"
# where to change it, the new value (... takes it out), what is said
CHANGES = [
    (("paths", "/models"), ..., (Kind.REMOVED, "GET /models", "the operation is gone")),
    (("paths", "/files"), {"get": {}}, (Kind.ADDED, "GET /files", "the operation is new")),
    (("paths", "/chat/completions", "post", "responses", "400"), ..., (Kind.REMOVED, CHATTING, "status 400 is not described")),
    (("paths", "/chat/completions", "post", "responses", "402"), {}, (Kind.ADDED, CHATTING, "status 402 is described")),
    ((*ASK, "properties", "n"), ..., (Kind.REMOVED, REQUEST, "n is gone")),
    ((*ASK, "properties", "seed"), {}, (Kind.ADDED, REQUEST, "seed is new")),
    ((*ASK, "required"), [], (Kind.WIDENED, REQUEST, "model may be left out")),
    ((*ASK, "required"), ["model", "n"], (Kind.NARROWED, REQUEST, "n must be there")),
    (EFFORT, ["low"], (Kind.NARROWED, REQUEST, "effort has no value 'high'")),
    (EFFORT, ["low", "high", "max"], (Kind.WIDENED, REQUEST, "effort has the further value 'max'")),
    ((*N, "maximum"), 3, (Kind.NARROWED, REQUEST, "n has maximum 3, not 4")),
    ((*N, "maximum"), ..., (Kind.WIDENED, REQUEST, "n has maximum none, not 4")),
    ((*N, "minimum"), 2, (Kind.NARROWED, REQUEST, "n has minimum 2, not 1")),
    ((*N, "minimum"), 0, (Kind.WIDENED, REQUEST, "n has minimum 0, not 1")),
    ((*N, "type"), "integer", (Kind.NARROWED, REQUEST, "n may no longer be null")),
    ((*ASK, "properties", "model", "type"), ["string", "null"], (Kind.WIDENED, REQUEST, "model may also be null")),
    ((*ASK, "properties", "model", "enum"), ["a"], (Kind.NARROWED, REQUEST, "model is one of 'a'")),
    (("components", "schemas", "Answer", "allOf", 0, "required"), [], (Kind.WIDENED, ANSWER, "id may be left out")),
]  # fmt: skip


def changed(path, value):
    document = copy.deepcopy(OURS)
    *way, last = path
    node = document
    for key in way:
        node = node[key]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return document


@pytest.mark.parametrize(("path", "value", "expected"), CHANGES)
def test_a_change_is_told_once(path, value, expected):
    found = drift(OURS, changed(path, value))
    assert [(each.kind, each.where, each.says) for each in found] == [expected]
    assert [each.contradicts for each in found] == [expected[0] is not Kind.ADDED]


@pytest.mark.parametrize("profile", specs.PROFILES)
def test_a_document_does_not_differ_from_itself(profile):
    assert drift(specs.document(profile), specs.document(profile)) == []


def test_another_spelling_is_no_difference():
    """``nullable`` of 3.0, a base in the path, a reference in the place of what it leads to."""
    other = copy.deepcopy(OURS)
    other["paths"]["/v1/models"] = other["paths"].pop("/models")
    ask = other["components"]["schemas"]["Ask"]
    ask["properties"]["n"] |= {"type": "integer", "nullable": True}
    other["paths"]["/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"] = ask
    assert drift(OURS, other) == []


def test_a_schema_that_holds_itself_ends():
    tree = {"components": {"schemas": {"Tree": {"properties": {"child": {"$ref": "#/components/schemas/Tree"}}}}}}
    assert "child" in shape(tree, {"$ref": "#/components/schemas/Tree"}).members


def test_what_november_brought():
    said = {f"{each.kind} {each.says}" for each in drift(specs.document("2026-08"), specs.document("2026-11"))}
    assert said >= {
        "widened reasoning_effort has the further value 'ultra'",
        "widened tools[].function.name has maxLength 128, not 64",
        "widened choices[].finish_reason has the further value 'aborted'",
        "narrowed usage.prompt_tokens_details must be there",
        "added data[].context_window is new",
    }
