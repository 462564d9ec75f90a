"""Errors whose body is of another shape, and errors within a stream."""


def codes(wire):
    return [chunk["error"]["type"] for chunk in wire.chunks if "error" in chunk]


ROWS = [
    ("error-flat", "bad", lambda wire: wire.json.keys() == {"object", "message", "type", "param", "code"}),
    (
        "error-string",
        "bad",
        lambda wire: wire.json["error"] == "Invalid temperature value, the valid range of temperature is [0, 2]",
    ),
    ("error-code-int", "malformed", lambda wire: wire.error["code"] == 400),
    ("error-param-nonstring", "malformed", lambda wire: wire.error["param"] == {"input": "hello"}),
    ("error-leak-internals", "bad", lambda wire: '\n  File "/usr/lib/' in wire.error["message"]),
    ("choices-null-200", "chat", lambda wire: wire.status == 200 and wire.json["choices"] is None),
    ("choices-null-200", "FIM", lambda wire: wire.status == 200 and wire.json["choices"] is None),
    ("done-after-error", "stream", lambda wire: codes(wire) == ["internal_error"] and wire.data[-1] == "[DONE]"),
    ("error-event-midstream", "stream", lambda wire: codes(wire) == ["internal_error"] and wire.data[-1] != "[DONE]"),
    ("error-midstream-wrong-class", "FIM as stream", lambda wire: codes(wire) == ["invalid_request_error"]),
    ("error-bare-close", "stream", lambda wire: len(wire.data) == 4 and not wire.finishes and not wire.broken),
    ("error-bare-close:after=1", "FIM as stream", lambda wire: len(wire.data) == 1 and not wire.broken),
]


def test_on_the_wire(row, see):
    see(row)
