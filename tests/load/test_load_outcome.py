"""What happened to the requests of a run: the verdict beside the measurement's."""

import pytest

from echosounder.load.figures.analysis import exit_code
from echosounder.load.figures.outcome import judge

EVENTS = {"token_events": 1000, "token_reads": 990}
ROWS = {
    "all well": (100, {}, EVENTS, "served", []),
    "one of many was cut": (1000, {"reset": 1}, EVENTS, "impaired", ["1 of 1000 requests (0.1%) did not end properly"]),
    "a quarter idles out": (40, {"idle-timeout": 10}, EVENTS, "broken", ["10 of 40 requests (25.0%) did not", "idle-timeout"]),
    "every stream is cut": (8, {"chunk-truncated": 8}, EVENTS, "broken", ["8 of 8 requests (100.0%)", "load.streams-complete"]),
    "the drain waits in vain": (10, {"not-finished": 1}, EVENTS, "broken", ["1 not-finished"]),
    "[DONE] and not one token": (50, {"no-token": 50}, EVENTS, "broken", ["ended without a token"]),
    "most are turned away": (100, {"http-429": 57}, EVENTS, "broken", ["57 of 100 requests (57.0%) were refused for lack of capacity"]),
    "some are turned away": (100, {"http-429": 3, "http-503": 2}, EVENTS, "impaired", ["3 http-429, 2 http-503"]),
    "the server fails": (100, {"http-500": 2, "reset": 1}, EVENTS, "broken", ["2 http-500", "1 reset"]),
    "our own machine had no room": (100, {"client-limit": 5}, EVENTS, "served", []),
    "events share reads": (10, {}, {**EVENTS, "token_reads": 30}, "impaired", ["97% of 1000 events", "30 pieces, 250 ms apart"]),
    "too few events to say so": (1, {}, {"token_events": 60, "token_reads": 2}, "served", []),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "failures", "stream", "verdict", "said"), ROWS.values(), ids=ROWS)
def test_what_happened_to_the_requests(sent, failures, stream, verdict, said):
    found = judge(sent, failures, stream, 250.0)
    assert found["verdict"] == verdict
    assert [text for text in said if not any(text in reason for reason in found["reasons"])] == []
    assert bool(found["reasons"]) is (verdict != "served")


@pytest.mark.parametrize(("verdict", "code"), [("served", 0), ("impaired", 0), ("broken", 1)])
def test_requests_that_were_badly_served_are_no_green_run(verdict, code):
    made = {
        "stopped": [],
        "counts": {"sent": 5, "completed": 4},
        "measurement": {"verdict": "valid"},
        "slo": [],
        "outcome": {"verdict": verdict, "reasons": []},
    }
    assert exit_code(made) == code
    assert exit_code({**made, "measurement": {"verdict": "invalid"}}) == 4
