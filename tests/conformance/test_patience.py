"""What is turned away is sent again when the target says so, within patience, and it is said what that cost."""

from datetime import UTC, datetime

import pytest

from echosounder.conformance.check_run import check
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.patience import MARGIN, MOST_TRIES, STRIKES, Patience
from echosounder.judgement.setting import Suite
from echosounder.mock_server.net.process import spawn
from echosounder.wire.exchange import Exchange, Request
from echosounder.wire.target import target

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ASKED = Request("POST", "/chat/completions", "http://127.0.0.1/chat/completions")


def answer(status, **headers):
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Exchange("1", "chat.plain", ASKED, status=status, headers=pairs)


def patience(seconds=None):
    slept = []
    return Patience(seconds, slept.append, lambda: NOW), slept


TOLD = [
    ({"retry_after": "3"}, 3),
    ({"retry_after": "0.5"}, 0.5),
    ({"retry_after": "0"}, 0),
    ({"retry_after": "-1"}, 0),
    ({"retry_after": str(int(NOW.timestamp()) + 7)}, 7),
    ({"retry_after": "Mon, 30 Nov 2026 12:00:09 GMT"}, 9),
    ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "4s"}, 4),
    ({"ratelimit": '"default";r=0;t=5'}, 5),
]


@pytest.mark.parametrize(("headers", "seconds"), TOLD)
def test_it_waits_as_told(headers, seconds):
    mine, slept = patience()
    assert mine.again(answer(429, **headers), 0)
    assert slept == [pytest.approx(seconds + MARGIN)]
    assert mine.record()["requests"] == 1


@pytest.mark.parametrize("said", ["86400", "99999999999999", "Tue, 01 Dec 2026 12:00:00 GMT"])
def test_no_target_says_how_long_we_wait(said):
    mine, slept = patience(60.0)
    assert not mine.again(answer(429, retry_after=said), 0)
    assert slept == []
    assert mine.record()["over"]


def test_patience_is_of_the_whole_run():
    mine, slept = patience(10.0)
    assert [mine.again(answer(429, retry_after="4"), 0) for _ in range(4)] == [True, True, False, False]
    assert sum(slept) <= 10


def test_without_a_hint_it_tries_a_few_times_and_then_never_again():
    mine, slept = patience()
    assert not mine.again(answer(503), 0)  # nothing was ever served: there is nothing to wait for
    mine.again(answer(200), 0)
    tries = 0
    while mine.again(answer(503), tries):
        tries += 1
    assert 0 < tries == len(slept)
    assert not mine.again(answer(503), 0)


def test_a_request_that_is_refused_for_ever_is_not_a_limiter():
    mine, _ = patience()
    for _ in range(STRIKES):
        assert [mine.again(answer(429, retry_after="1"), tries) for tries in range(MOST_TRIES + 1)][-1] is False
    assert not mine.again(answer(429, retry_after="1"), 0)


def test_it_paces_itself_by_what_is_announced():
    mine, slept = patience()
    assert not mine.again(answer(200, x_ratelimit_remaining="3", x_ratelimit_reset="9"), 0)
    assert slept == []
    assert not mine.again(answer(200, x_ratelimit_remaining="0", x_ratelimit_reset="9"), 0)
    assert slept == [9 + MARGIN]
    assert mine.record()["requests"] == 0


@pytest.fixture(scope="module")
def limited():
    """Three requests in each second."""
    with spawn(limit=("fixed:count=3,window_s=1,retry_after=seconds",)) as mock:
        yield mock


def options(limited, folder, **changed):
    return CheckOptions(
        target(limited.url), folder, "sk-patience", suite=Suite.named("smoke"), only=("chat.*",), **changed
    )


def test_an_honest_limiter_makes_nothing_inconclusive_and_it_is_said_what_it_cost(limited, tmp_path):
    found = check(options(limited, tmp_path)).report
    turned_away = [row for row in found["requirements"] if "429" in (row.get("note") or "")]
    assert turned_away == []
    assert found["waited"]["requests"] > 0
    assert not found["waited"]["over"]
    assert all(not row["unserved"] for row in found["served"])


@pytest.mark.field
@pytest.mark.parametrize("told", ["seconds", "date", "absent"])
def test_twenty_requests_in_three_seconds_cost_time_and_no_verdict(told, tmp_path):
    """The whole standard suite, against the same target without a limiter."""
    found = {}
    for limit in ("none", f"fixed:count=20,window_s=3,retry_after={told}"):
        (tmp_path / limit[:4]).mkdir()
        with spawn(limit=(limit,)) as mock:
            made = CheckOptions(target(mock.url), tmp_path / limit[:4], "sk-patience", suite=Suite.named("standard"))
            found[limit[:4]] = check(made).report
    verdicts = {name: {row["id"]: row["verdict"] for row in report["requirements"]} for name, report in found.items()}
    differ = {row for row, verdict in verdicts["fixe"].items() if verdict != verdicts["none"][row]}
    assert len(differ) <= 3, differ
    waited = found["fixe"]["waited"]
    assert waited["requests"] > 0
    assert not waited["over"]
    assert found["none"].get("waited") is None
