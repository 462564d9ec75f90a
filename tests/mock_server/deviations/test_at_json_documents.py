"""Answers of the other endpoints in another shape."""


def account(wire):
    return wire.json["balance_infos"][0]


ROWS = [
    (
        "fim-chat-object",
        "FIM",
        lambda wire: wire.json["object"] == "chat.completion" and bool(wire.messages[0]["content"]),
    ),
    ("fim-chat-object", "FIM as stream", lambda wire: wire.chunks[0]["object"] == "chat.completion.chunk"),
    ("models-shape", "models", lambda wire: isinstance(wire.json, list)),
    ("models-shape:shape=models", "models", lambda wire: wire.json.keys() == {"models"}),
    ("models-shape:shape=empty", "models", lambda wire: wire.json["data"] == []),
    ("models-shape:shape=numbers", "models", lambda wire: wire.json["data"][0]["id"] == 0),
    ("models-incomplete", "models", lambda wire: [model["id"] for model in wire.json["data"]] == ["house-model"]),
    ("models-bare", "models", lambda wire: set(wire.json["data"][0]) == {"id", "object", "owned_by"}),
    ("models-doubled", "models", lambda wire: len(wire.json["data"]) == 4),
    ("balance-unavailable", "balance", lambda wire: wire.json["is_available"] is False),
    ("balance-frozen", "balance", lambda wire: account(wire)["total_balance"] == "110.00"),
    ("balance-in-exponents", "balance", lambda wire: "E+0" in account(wire)["total_balance"]),
    (
        "models-created-in-milliseconds",
        "models",
        lambda wire: {each.get("created") for each in wire.json["data"]} == {1722 * 10**9},
    ),
    ("balance-numbers", "balance", lambda wire: isinstance(account(wire)["total_balance"], float)),
    (
        "balance-sum-mismatch",
        "balance",
        lambda wire: account(wire)["total_balance"] == account(wire)["topped_up_balance"],
    ),
    ("balance-unknown-currency", "balance", lambda wire: account(wire)["currency"] == "CREDITS"),
]


def test_on_the_wire(row, see):
    see(row)
