"""A closed loop that meets a limiter: it rests as told, no longer than its patience, and says what that cost."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from echosounder.load.client.call import ActiveCall, Job
from echosounder.load.engine import run
from echosounder.load.options import Options
from echosounder.load.worker.dispatcher import Dispatcher
from echosounder.load.worker.limited import MARGIN, SECOND, LimitedUsers
from echosounder.load.worker.shape import parse
from echosounder.mock_server.net.process import spawn

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
END = 10**9 * SECOND
TOLD = [
    (429, (("Retry-After", "3"),), b"", 3.0),
    (503, (("Retry-After", "Mon, 30 Nov 2026 12:00:07 GMT"),), b"", 7.0),
    (429, (), b'{"error": {"message": "Rate limit reached. Please try again in 1.5s"}}', 1.5),
    (429, (), b'{"retry_after": 4}', 4.0),
    (429, (("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s")), b"", 360.0),
    (429, (("RateLimit", '"default";r=0;t=30'),), b"", 30.0),
    (429, (), b"", None),
    (429, (), b"\xff not JSON", None),
    (200, (("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "2s")), b"", 2.0),
    (200, (("x-ratelimit-remaining-requests", "1"), ("x-ratelimit-reset-requests", "2s")), b"", None),
    (200, (("Retry-After", "3"),), b"", None),
    (500, (("Retry-After", "3"),), b"", None),
]


def ended(status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> ActiveCall:
    call = ActiveCall("0-0", Job("short", "/chat/completions", b"{}", True, 1, 1), 0, 0)
    head = f"HTTP/1.1 {status} x\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    call.framing.feed(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    call.body.append(body)
    return call


@pytest.mark.parametrize(("status", "headers", "body", "seconds"), TOLD)
def test_users_rest_for_as_long_as_they_are_told(status, headers, body, seconds) -> None:
    users = LimitedUsers(600.0, now=lambda: NOON)
    until = users.heard(ended(status, headers, body), 5 * SECOND, END)
    assert until == (None if seconds is None else round((5 + seconds + MARGIN) * SECOND))
    assert users.facts["turned_away"] == (status in {429, 503})


def test_rests_at_the_same_time_count_once_and_patience_bounds_their_sum() -> None:
    users = LimitedUsers(10.0, now=lambda: NOON)
    refusal = ended(429, (("Retry-After", "4"),), b"")
    assert users.heard(refusal, 0, END)
    assert users.heard(refusal, 1 * SECOND, END)  # until a second later
    assert users.heard(refusal, 1 * SECOND, END) is None
    assert users.facts == {"turned_away": 3, "rested_s": round(5 + MARGIN, 3), "impatient": False}
    assert users.heard(ended(429, (("Retry-After", "1000000000"),), b""), 20 * SECOND, END) is None
    assert users.facts["rested_s"] == round(5 + MARGIN, 3)
    assert users.facts["impatient"]


def test_nobody_rests_beyond_the_end() -> None:
    users = LimitedUsers(600.0, now=lambda: NOON)
    assert users.heard(ended(429, (("Retry-After", "60"),), b""), 4 * SECOND, 5 * SECOND) == 5 * SECOND
    assert users.facts["rested_s"] == 1.0


def test_nobody_begins_before_the_time_and_an_open_loop_goes_on() -> None:
    closed = Dispatcher(0, 1, None, parse("2", 10.0))
    closed.begin(0)
    closed.hold(3 * SECOND)
    assert closed.take(2 * SECOND) is None
    assert closed.take(3 * SECOND) is not None
    opened = Dispatcher(0, 1, iter([(0, 0)]), None)
    opened.begin(0)
    opened.hold(3 * SECOND)
    opened.fall_due(SECOND, 10 * SECOND)
    assert opened.take(SECOND) is not None


def test_an_honest_limiter_turns_few_away_from_users_who_rest(tmp_path: Path) -> None:
    refused = {}
    with spawn(limit=("fixed:count=4,window_s=1,retry_after=seconds",), ttft_ms=1, itl_ms=1) as mock:
        for patience in (0.0, 600.0):
            options = Options(
                url=mock.url,
                model="deepseek-v4-flash",
                api_key="sk-limited-00000000",
                users="3",
                duration=2.5,
                output_tokens="2",
                sample_limit=0,
                patience=patience,
                out=tmp_path / str(patience),
            )
            (tmp_path / str(patience)).mkdir()
            report = run(replace(options)).report
            refused[patience] = report["counts"]["rejected"], report["limited"]
    (many, hasty), (few, rested) = refused[0.0], refused[600.0]
    assert many >= 2 * few > 0
    assert (hasty["rested_s"], hasty["over"]) == (0.0, True)
    assert rested["turned_away"] == few
    assert 0.5 < rested["rested_s"] <= 2.5
    assert not rested["over"]
