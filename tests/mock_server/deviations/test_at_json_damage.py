"""Arguments and texts that are damaged on their way."""

import ast
import json
from urllib.parse import unquote

FORMS = 'Hi <É&">\n€ 1'


def calls(wire):
    """The arguments of each call, put together."""
    found = {}
    for call in wire.calls:
        found[call.get("index")] = found.get(call.get("index"), "") + call["function"]["arguments"]
    return [found[index] for index in sorted(found)]


def each(check):
    return lambda wire: len(calls(wire)) == 2 and all(map(check, calls(wire)))


def city(text):
    return json.loads(text)["city"]


ROWS = [
    ("arguments-retyped", "row", lambda wire: json.loads(calls(wire)[0]) == {"zip": 1, "no": None}),
    ("arguments-encoded-twice", "calls", each(lambda text: text[:2] == '"{' and city(json.loads(text)))),
    ("arguments-encoded-twice", "calls as stream", each(lambda text: text[:2] == '"{' and city(json.loads(text)))),
    ("arguments-in-python", "calls", each(lambda text: "'" in text and ast.literal_eval(text)["city"])),
    ("arguments-in-python", "calls as stream", each(lambda text: "'" in text and ast.literal_eval(text)["city"])),
    ("arguments-brace-lost", "calls", each(lambda text: text[-1] != "}" and city(text + "}"))),
    ("arguments-brace-lost", "calls as stream", each(lambda text: text[-1] != "}" and city(text + "}"))),
    ("streamed-arguments-opened-twice", "calls as stream", each(lambda text: text[:2] == "{}" and city(text[2:]))),
    (
        "streamed-arguments-twice",
        "calls as stream",
        each(lambda text: text[: len(text) // 2] == text[len(text) // 2 :]),
    ),
    ("streamed-arguments-head-lost", "calls as stream", each(lambda text: text[0] != "{" and text[-1] == "}")),
    ("streamed-arguments-lost", "calls as stream", lambda wire: calls(wire) == ["{}", "{}"]),
    ("pieces-lost-in-streams", "stream", lambda wire: 0 < len(wire.text) < len("one two three four five six")),
    ("pieces-doubled-in-streams", "stream", lambda wire: wire.text.count("two") + wire.text.count("three") > 2),
    ("non-ascii-lost", "CJK", lambda wire: wire.text.strip() == ""),
    ("non-ascii-lost", "CJK stream", lambda wire: wire.text.isascii()),
    ("non-ascii-as-question-marks", "CJK", lambda wire: set(wire.text) == {"?", " "}),
    ("non-ascii-as-question-marks", "CJK stream", lambda wire: set(wire.text) == {"?", " "}),
    ("text-escaped-as-html", "forms", lambda wire: "&lt;É&amp;&quot;" in wire.text),
    ("text-escaped-as-html", "forms as stream", lambda wire: "&lt;É&amp;&quot;" in wire.text),
    ("text-escaped-twice", "forms", lambda wire: wire.text == json.dumps(FORMS)[1:-1]),
    ("text-escaped-twice", "forms as stream", lambda wire: wire.text == json.dumps(FORMS)[1:-1]),
    ("text-percent-encoded", "forms as stream", lambda wire: unquote(wire.text) == FORMS and "%C3%89" in wire.text),
    ("text-read-as-latin-1", "forms", lambda wire: wire.text == str(FORMS.encode(), "latin-1")),
    ("text-in-latin-1", "forms", lambda wire: wire.text == FORMS.replace("€", "?")),
    ("text-decomposed", "forms", lambda wire: wire.text == FORMS.replace("É", "E\u0301")),
    ("text-without-accents", "forms", lambda wire: wire.text == FORMS.replace("É", "E")),
    ("text-in-lower-case", "forms as stream", lambda wire: wire.text == FORMS.lower()),
    ("text-without-blanks", "forms as stream", lambda wire: wire.text == FORMS.replace(" ", "")),
    ("text-without-line-feeds", "forms as stream", lambda wire: wire.text == FORMS.replace("\n", "")),
    ("words-lost", "chat", lambda wire: wire.text == "one two four five"),
    ("words-lost", "stream", lambda wire: wire.text == "one two four five"),
]


def test_on_the_wire(row, see):
    see(row)
