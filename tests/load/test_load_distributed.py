"""Workers elsewhere: a master that waits for them, samples that reach it, clocks that differ."""

import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.load.demands import checked
from echosounder.load.engine import LoadResult, run
from echosounder.load.figures.tally import Tally
from echosounder.load.options import NOWHERE, Options
from echosounder.load.sample import Sample
from echosounder.load.worker.budget import share
from echosounder.mock_server.net.process import spawn
from echosounder.wire.errors import UsageError
from echosounder.wire.runlog import read
from echosounder.wire.stream import StreamEnd

SECOND = 1_000_000_000
SECRET = "a secret of this run alone"


def test_a_master_and_its_workers(tmp_path: Path) -> None:
    """Each worker keeps its own share; the master has all of it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    shares: list[LoadResult] = []

    def work(number: int) -> None:
        shares.append(
            run(
                Options(
                    url=mock.url,
                    run_secret=SECRET,
                    worker=address,
                    out=tmp_path / str(number),
                    flush=0.2,
                    api_key="sk-test-000000000",
                )
            )
        )

    workers = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    with spawn(ttft_ms=5, itl_ms=1) as mock:
        for worker in workers:
            worker.start()
        options = Options(
            url=mock.url,
            master=address,
            expect_workers=2,
            rate="30",
            duration=1.0,
            out=tmp_path / "master",
            flush=0.2,
            run_secret=SECRET,
        )
        outcome = run(replace(options, api_key="sk-test-000000000"))
        for worker in workers:
            worker.join(20)
    assert outcome.report["workers"] == 2
    assert outcome.report["counts"]["completed"] == 30
    ids = {sample["id"] for sample in read(outcome.log).samples}
    assert ids == {f"{index % 2}-{index}" for index in range(30)}
    assert sorted(share.report["counts"]["sent"] for share in shares) == [15, 15]


def test_machines_of_the_same_name_are_told_apart_by_when_they_were_started() -> None:
    tally = Tally()
    for worker, boot in enumerate(("3f1", "9c2", "3f1")):
        record = {"kind": "worker", "worker": worker, "host": "node", "boot": boot, "begin": 5 * SECOND}
        tally.enter([{**record, "wall_offset": (1000 + 100 * (boot == "9c2")) * SECOND}])
    assert tally.shifts == {1: 100 * SECOND}


def test_stamps_of_another_machine_are_moved_to_the_first_ones_clock() -> None:
    """Two machines that both sent at the same time; the clock of the second one started 100 s later."""
    tally = Tally()
    tally.enter([{"kind": "worker", "worker": 0, "host": "a", "begin": 500 * SECOND, "wall_offset": 1000 * SECOND}])
    tally.enter([{"kind": "worker", "worker": 1, "host": "b", "begin": 400 * SECOND, "wall_offset": 1100 * SECOND}])
    sample = Sample(
        "1-1",
        "chat",
        "measured",
        StreamEnd.DONE,
        401 * SECOND,
        401 * SECOND,
        t_sent=401 * SECOND,
        t_closed=402 * SECOND,
    )
    (moved,) = tally.enter([sample])
    assert isinstance(moved, Sample)
    assert (moved.t_scheduled, moved.t_closed) == (501 * SECOND, 502 * SECOND)
    tally.enter([{"kind": "end", "worker": 1, "at": 410 * SECOND, "stopped_sending": 409 * SECOND}])
    assert tally.ended == {1: 509 * SECOND}
    assert tally.workers[1]["begin"] == 500 * SECOND
    assert tally.passed.between(502 * SECOND, 503 * SECOND).answers == 1


@given(st.integers(0, 10_000), st.integers(1, 64))
def test_the_workers_share_out_a_number_of_requests_to_the_last(total: int, workers: int) -> None:
    shares = [share(total, worker, workers) for worker in range(workers)]
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1


def test_a_worker_whose_share_is_spent_stops_nobody_else(tmp_path: Path) -> None:
    """Three requests for two workers: one has two, the other one."""
    with spawn(ttft_ms=200, itl_ms=1) as mock:
        options = Options(url=mock.url, users="2", processes=2, budget_requests=3, duration=5.0, flush=0.2)
        outcome = run(replace(options, out=tmp_path, api_key="sk-test-000000000"))
    counts = outcome.report["counts"]
    assert (counts["sent"], counts["completed"]) == (3, 3)
    assert [stop["kind"] for stop in outcome.report["stopped"]] == ["budget"], "said once"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"master": "nowhere"}, "write HOST:PORT"),
        ({"master": "h:70000"}, "write HOST:PORT"),
        ({"master": "h:1", "worker": "h:1"}, "not both"),
        ({"master": "h:1"}, "needs --expect-workers"),
        ({"worker": "h:1", "run_secret": SECRET, "url": NOWHERE}, "needs the same URL"),
        ({"users": "3", "rate": "20", "processes": 4}, "give --users 4 or more"),
    ],
)
def test_addresses_and_shares_that_cannot_be_used(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        checked(replace(Options(url="http://x"), **change))
