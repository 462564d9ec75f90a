"""Errors under another status, another media type, or without a body."""

ROWS = [
    ("error-200-nonstream", "bad", lambda wire: wire.status == 200 and "error" in wire.json),
    (
        "status-500-validation",
        "malformed",
        lambda wire: wire.status == 500 and wire.error["type"] == "invalid_request_error",
    ),
    ("every-path-served", "nowhere", lambda wire: wire.status == 200 and b"Welcome" in wire.body),
    ("wrong-method-404", "wrong method", lambda wire: wire.status == 404),
    (
        "body-before-key",
        "bad key and body",
        lambda wire: wire.status == 400 and wire.body.startswith(b"Failed to parse"),
    ),
    ("status-422", "malformed", lambda wire: wire.status == 422),
    (
        "status-402-remapped",
        "no money",
        lambda wire: wire.status == 429 and wire.error["message"] == "Insufficient Balance",
    ),
    ("status-402-remapped:to=500", "no money", lambda wire: wire.status == 500),
    (
        "error-200-sse-first",
        "bad stream",
        lambda wire: (
            wire.status == 200
            and "error" in wire.chunks[0]
            and wire.header("content-type", "").startswith("text/event")
        ),
    ),
    ("error-html", "bad", lambda wire: wire.body.startswith(b"<html>") and b"400 Bad Request" in wire.body),
    (
        "status-empty-body",
        "bad",
        lambda wire: wire.status == 400 and wire.body == b"" and wire.header("content-length") == "0",
    ),
    ("empty-200", "chat", lambda wire: wire.status == 200 and wire.body.isspace()),
    (
        "deepseek-error-octet-stream",
        "malformed",
        lambda wire: wire.header("content-type") == "application/octet-stream",
    ),
    ("error-json-type", "bad", lambda wire: wire.header("content-type") == "application/json"),
    (
        "auth-error-json",
        "no key",
        lambda wire: wire.status == 401 and wire.body.startswith(b'{"error":{"message":"Auth'),
    ),
    ("error-in-plain-text", "bad", lambda wire: wire.header("content-type") == "text/plain; charset=utf-8"),
    (
        "done-on-nonstream",
        "chat",
        lambda wire: (
            wire.body.endswith(b"}\ndata: [DONE]\n\n")
            and wire.header("content-type", "").startswith("text/event-stream")
        ),
    ),
    (
        "idle-timeout-cut:seconds=0.2",
        "stream",
        lambda wire: wire.status == 504 and b"<html>" in wire.body and wire.due[0] >= 0.2,
    ),
]


def test_on_the_wire(row, see):
    see(row)
