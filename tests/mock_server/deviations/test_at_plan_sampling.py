"""Another answer to the same request at a high temperature, and the same one at others."""

SIX = "one two three four five six"
ROWS = [
    ("sampling-model", "hot", lambda wire: wire.text != SIX and len(wire.text.split()) > 3),
]


def test_on_the_wire(row, see):
    see(row)
