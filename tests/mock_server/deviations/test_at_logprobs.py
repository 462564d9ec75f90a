"""Log probabilities that are lost, misshapen, or too few."""


def entries(wire):
    return [entry for choice in wire.choices for entry in (choice["logprobs"] or {}).get("content") or ()]


def values(wire):
    return [entry["logprob"] for entry in entries(wire)]


ROWS = [
    ("logprobs-dropped-in-stream", "logprobs as stream", lambda wire: not entries(wire) and bool(wire.text)),
    (
        "logprobs-wrong-shape",
        "logprobs",
        lambda wire: wire.choices[0]["logprobs"].get("tokens", [])[:2] == ["one", " two"],
    ),
    ("logprobs-wrong-shape", "logprobs as stream", lambda wire: wire.choices[1]["logprobs"].get("tokens") == ["one"]),
    (
        "logprobs-wrong-shape",
        "FIM with logprobs",
        lambda wire: len(wire.choices[0]["logprobs"].get("content", "")) == 6,
    ),
    (
        "thought-logprobs-legacy",
        "logprobs of a thought",
        lambda wire: "token_logprobs" in wire.choices[0]["logprobs"]["reasoning_content"],
    ),
    ("logprobs-count-vs-usage", "logprobs", lambda wire: len(entries(wire)) == 4),
    ("logprobs-count-vs-usage", "logprobs as stream", lambda wire: len(entries(wire)) == 4),
    ("logprobs-neg-inf", "logprobs", lambda wire: wire.body.count(b'"logprob":-Infinity') == 1),
    ("logprobs-neg-inf", "logprobs as stream", lambda wire: wire.body.count(b'"logprob":-Infinity') == 6),
    ("logprobs-neg-inf", "FIM with logprobs", lambda wire: b'"token_logprobs":[-Infinity,' in wire.body),
    ("logprobs-positive", "logprobs", lambda wire: min(values(wire)) > 0),
    ("logprobs-bytes-wrong", "logprobs", lambda wire: entries(wire)[0]["bytes"] == [111, 0, 110, 0, 101, 0]),
    (
        "logprobs-bytes-as-code-points",
        "logprobs of CJK",
        lambda wire: [each["bytes"] for each in entries(wire)] == [[ord(each["token"][0])] for each in entries(wire)],
    ),
    ("logprobs-too-narrow", "logprobs", lambda wire: all(len(each["top_logprobs"]) == 1 for each in entries(wire))),
    (
        "logprobs-too-wide",
        "logprobs as stream",
        lambda wire: all(len(each["top_logprobs"]) == 4 for each in entries(wire)),
    ),
    (
        "fim-logprobs-too-wide",
        "FIM with logprobs",
        lambda wire: len(wire.choices[0]["logprobs"]["top_logprobs"][0]) > 4,
    ),
    (
        "logprobs-unordered",
        "logprobs",
        lambda wire: all(
            each["top_logprobs"][0]["logprob"] < each["top_logprobs"][-1]["logprob"] for each in entries(wire)
        ),
    ),
]


def test_on_the_wire(row, see):
    see(row)
