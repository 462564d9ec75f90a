"""Which request that arrived upstream is the one that was sent: by its marker, and by its time only where there is one choice."""

import base64

import pytest

from echosounder.conformance.ask import Send
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.proxy.probes import MARKER
from echosounder.conformance.proxy.sender import PairSender
from echosounder.wire.target import target

MARKED = Send("POST", "/chat/completions", f'{{"user":"{MARKER}"}}'.encode())
PLAIN = Send("GET", "/models")
MINE, OTHER = b"es0123456789", b"esabcdefabcd"


class Journal:
    def count(self):
        return 0


def arrived(number, body=b"{}", method="POST"):
    return {"number": number, "method": method, "body_b64": base64.b64encode(body).decode()}


ARRIVALS = {
    "its marker among strangers": (MARKED, [arrived(1), arrived(2, MINE)], [2]),
    "its marker twice: sent again by the proxy": (MARKED, [arrived(1, MINE), arrived(2, MINE)], [1, 2]),
    "a marker that got lost, and one request": (MARKED, [arrived(1)], [1]),
    "a marker that got lost, and two requests that may be it": (MARKED, [arrived(1), arrived(2)], []),
    "a marker that got lost, and one of another": (MARKED, [arrived(1), arrived(2, OTHER)], [1]),
    "a marker that got lost, and one by another method": (MARKED, [arrived(1), arrived(2, method="GET")], [1]),
    "nothing but that of another": (MARKED, [arrived(1, OTHER)], []),
    "no marker in it: all that came meanwhile": (PLAIN, [arrived(1, b"", "GET"), arrived(2, b"", "GET")], [1, 2]),
}


@pytest.mark.parametrize("name", ARRIVALS)
def test_what_arrived_is_paired_with_what_was_sent(name):
    send, records, paired = ARRIVALS[name]
    sender = PairSender(target("http://127.0.0.1:9"), "sk-x", Bounds(), Journal(), "salt")
    sender._markers = {MINE: None, OTHER: None}
    assert [record["number"] for record in sender._mine(records, send, MINE)] == paired
