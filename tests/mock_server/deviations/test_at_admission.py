"""Refusing what should be let in, or may be."""


def refused(status, *words):
    return lambda wire: wire.status == status and all(word in wire.body for word in words)


ROWS = [
    ("param-unknown-rejected", "unknown member", refused(400, b"Extra inputs")),
    ("param-null-rejected", "null", refused(400, b"not be null")),
    ("stop-string-form", "stopped", refused(400, b"expected an array")),
    ("stop-empty-rejected", "no stops", refused(400, b"must not be empty")),
    ("logprobs-zero", "logprobs without alternatives", refused(500)),
    ("effort-without-thinking-crashes", "effort without thinking", refused(500)),
    ("tool-result-array-content-crashes", "history with parts", refused(500)),
    ("tool-history-null-content-rejected", "history", refused(400, b"expected a string")),
    ("tools-empty-array-rejected", "no tools", refused(400, b"too short")),
    (
        "tool-result-array-content-rejected",
        "history with parts",
        refused(400, b"invalid type: sequence, expected a string"),
    ),
    ("role-developer-rejected", "developer", lambda wire: wire.status == 400 and b"expected one of" not in wire.body),
    ("assistant-last-400", "assistant last", refused(400, b"prefix mode")),
    ("refuse", "chat", refused(429, b"rate_limit_error")),
    (
        "refuse:status=503,retry_after=7,after_ms=90",
        "FIM as stream",
        lambda wire: wire.header("retry-after") == "7" and wire.due[0] >= 0.09,
    ),
    ("auth-scheme-case", "bearer", refused(401, b"governor")),
    ("request-ct-charset-415", "charset", refused(415)),
    ("big-body-413", "large", refused(413, b"<html>")),
    ("fetch-metadata-refused", "chat by Node", refused(403)),
    ("prefix-beta-route", "beta", refused(404)),
    ("prefix-beta-route", "FIM", refused(404)),
    (
        "trailing-slash",
        "double slash",
        lambda wire: wire.status == 301 and wire.header("location") == "/chat/completions",
    ),
]


def test_on_the_wire(row, see):
    see(row)
