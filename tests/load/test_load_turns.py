"""What keeps a busy client's own stamps true: sockets are read between two portions of work, and nothing is done for the first time."""

import itertools
import mmap
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
import pytest
from gevent.event import Event

from echosounder.load.client.call import Job
from echosounder.load.client.turns import GATHER, PORTION, Turns
from echosounder.load.worker.rehearsal import rehearse
from echosounder.load.worker.vitals import resident_kb

PIECES = 30
LONG = 3 * PORTION  # each piece of work uses up a portion by itself


@pytest.fixture
def turns() -> Turns:
    return Turns(gevent.get_hub().loop)


def working(done: list[str], name: str, then: Callable[[], Any] = lambda: None) -> Callable[[], None]:
    def work() -> None:
        until = time.monotonic_ns() + LONG
        while time.monotonic_ns() < until:
            pass
        done.append(name)
        then()

    return work


def finish(turns: Turns) -> None:
    """Until everything that was asked for is done."""
    over = Event()
    turns.later(over.set)
    assert over.wait(60)


def test_a_socket_is_read_between_two_pieces_of_work(turns: Turns) -> None:
    near, far = socket.socketpair()
    done: list[str] = []
    watcher = gevent.get_hub().loop.io(near.fileno(), 1)

    def readable() -> None:
        near.recv(9)
        done.append("read")

    watcher.start(readable)
    for number in range(PIECES):
        turns.later(working(done, f"piece {number}", (lambda: far.send(b"x")) if number == 5 else (lambda: None)))
    finish(turns)
    watcher.stop()
    watcher.close()
    near.close()
    far.close()
    assert done.index("read") in (6, 7)
    assert [name for name in done if name != "read"] == [f"piece {number}" for number in range(PIECES)]


def test_requests_go_out_together_and_none_waits_for_the_end_of_the_work(turns: Turns) -> None:
    done: list[str] = []
    request = partial(turns.last, lambda: done.append("request"))
    for _ in range(PIECES):
        turns.later(working(done, "piece", request))
    finish(turns)
    gevent.sleep(0)
    sent = [place for place, name in enumerate(done) if name == "request"]
    assert len(sent) == PIECES
    assert any(b == a + 1 for a, b in itertools.pairwise(sent)), "every request went out by itself"
    assert sent[0] <= GATHER // LONG + 3, "the first request waited for more than others could gather"


def test_a_request_with_nothing_before_it_goes_at_once(turns: Turns) -> None:
    sent = Event()
    turns.last(sent.set)
    begun = gevent.get_hub().loop.iteration
    assert sent.wait(60)
    assert gevent.get_hub().loop.iteration - begun < 10


def test_the_loop_sleeps_when_nothing_is_left(turns: Turns) -> None:
    finish(turns)
    begun = gevent.get_hub().loop.iteration
    gevent.sleep(0.1)
    assert gevent.get_hub().loop.iteration - begun < 50


GROWN = """
from echosounder.load.client.client import make_room
size = lambda: next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("FDSize"))
before = size(); make_room(); print(before, size())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the size of the table is in /proc")
def test_the_table_of_descriptors_has_grown_before_the_run() -> None:
    """It never shrinks; each doubling while connections are opened would stop every stream for 10 to 20 ms."""
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)){GROWN}"
    said = subprocess.run(
        [sys.executable, "-c", limited], capture_output=True, encoding="utf-8", timeout=90, check=True
    )
    before, after = map(int, said.stdout.split())
    assert before < 4096 <= after


def test_the_rehearsal_reads_a_whole_answer() -> None:
    """All that is done about an answer is done once: its sample is that of a stream of two tokens with usage and end."""
    seen = rehearse(lambda index: Job("chat", "/x", b"{}", format="chat"), lambda job: b"")
    assert (seen.end, seen.failure, seen.token_events, seen.finish) == ("done", "", 2, "stop")
    assert seen.usage is not None
    assert seen.usage.completion == 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is the most so far")
def test_memory_is_what_is_in_use_now() -> None:
    """The most so far would be that of the process which started us, and would never fall."""
    piece = b"x" * 1_000_000
    before = resident_kb()
    with mmap.mmap(-1, 50 * len(piece)) as held:  # pages of its own, whatever the process has lying about
        for _ in range(50):
            held.write(piece)
        assert resident_kb() - before > 40_000
    assert resident_kb() - before < 10_000
