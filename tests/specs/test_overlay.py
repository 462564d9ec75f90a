"""The overlay applier: a table of actions, and the line of each mistake."""

import pytest

from echosounder.specs import SpecError, overlay
from echosounder.specs.lines import YamlFile
from echosounder.specs.vendors import overlay_file

DOCUMENT = {"a": {"b": [1, 2, 3], "c": {"d": 1}}, "x/y": {"e": {"k": 1}, "f": {"k": 2}}, "list": [{"n": 1}, {"n": 2}]}
# target, action, expected part of the result, path to that part
ACTIONS = [
    ("$.a.c", {"update": {"e": 2}}, {"d": 1, "e": 2}, ("a", "c")),
    ("$.a.c", {"update": {"d": 5}}, {"d": 5}, ("a", "c")),
    ("$.a.b", {"update": 4}, [1, 2, 3, 4], ("a", "b")),
    ("$.a", {"update": {"b": [4, 5]}}, [1, 2, 3, 4, 5], ("a", "b")),
    ("$.a.b[1]", {"remove": True}, [1, 3], ("a", "b")),
    ("$.a.b[*]", {"remove": True}, [], ("a", "b")),
    ("$['x/y'].e", {"remove": True}, {"f": {"k": 2}}, ("x/y",)),
    ("$['x/y']['e','f']", {"update": {"k": 9}}, {"e": {"k": 9}, "f": {"k": 9}}, ("x/y",)),
    ("$['x/y'][*]", {"update": {"m": 0}}, {"e": {"k": 1, "m": 0}, "f": {"k": 2, "m": 0}}, ("x/y",)),
    ("$.list[*].n", {"remove": True}, [{}, {}], ("list",)),
    ("$", {"update": {"new": 1}}, 1, ("new",)),
]
MISTAKES = [
    ("$.a.z", "matches nothing"),
    ("$.a.b[3]", "matches nothing"),
    ("$['x/y']['e','z']", r"target \$\['x/y'\]\['z'\] matches nothing"),
    ("$.a..b", "cannot read target"),
    ("$.list[?(@.n==1)]", "cannot read target"),
    ("a.b", "cannot read target"),
]


def made(action):
    return YamlFile("profiles/made.yaml", {"actions": [action]}, {("actions", 0, "target"): 7})


@pytest.mark.parametrize(("target", "action", "expected", "path"), ACTIONS)
def test_actions(target, action, expected, path):
    before = repr(DOCUMENT)
    result = overlay.apply(DOCUMENT, made({"target": target, **action}))
    for key in path:
        result = result[key]
    assert result == expected
    assert repr(DOCUMENT) == before, "the base document must stay as it is"


@pytest.mark.parametrize(("target", "message"), MISTAKES)
def test_mistakes_name_their_line(target, message):
    with pytest.raises(SpecError, match=f"^specs/profiles/made.yaml:7: .*{message}"):
        overlay.apply(DOCUMENT, made({"target": target, "remove": True}))


@pytest.mark.parametrize("name", ["2024-07", "openai"])
def test_our_overlays_keep_to_overlay_1_0(name):
    file = overlay_file(name).value
    assert file["overlay"] == "1.0.0"
    assert file["info"].keys() >= {"title", "version"}
    assert all(("update" in action) != ("remove" in action) for action in file["actions"])
