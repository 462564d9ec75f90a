"""Locust's side: one carrier user per worker, which runs a session, and the messages between master and workers.

Started by :mod:`load.engine` as ``locust -f load/worker/locustfile.py``. The options come as a file named by ECHOSOUNDER_LOAD_OPTIONS,
secrets by the descriptor ECHOSOUNDER_LOAD_WHISPERED, the order to stop as the end of standard input: it ends when the parent
closes it, and also when the parent dies.
"""

import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from gevent.queue import Queue
from locust import User, events, task
from locust.rpc import zmqrpc
from locust.runners import MasterRunner, WorkerRunner

from echosounder.load.demands import placed
from echosounder.load.options import told, whole
from echosounder.load.sample import Sample
from echosounder.load.watch import page
from echosounder.load.watch.snapshot import FILE
from echosounder.load.worker.assembly import part, session
from echosounder.load.worker.breaker import Trip
from echosounder.load.worker.channel import lock
from echosounder.load.worker.inbox import Inbox
from echosounder.load.worker.machine import boot
from echosounder.load.worker.recorder import UNWRITTEN
from echosounder.load.worker.session import Session
from echosounder.wire.errors import EchosounderError, UsageError
from echosounder.wire.guard import guarded


def whispered() -> str:
    """The secrets that the parent passed on."""
    with os.fdopen(int(os.environ["ECHOSOUNDER_LOAD_WHISPERED"]), encoding="utf-8") as pipe:
        return pipe.read()


OPTIONS = whole(json.loads(Path(os.environ["ECHOSOUNDER_LOAD_OPTIONS"]).read_text(encoding="utf-8")), whispered())
lock(zmqrpc.BaseSocket, OPTIONS.run_secret or "")
GO, HERE, LINES, OVER, STOP = (f"echosounder-{word}" for word in ("go", "here", "lines", "over", "stop"))
AHEAD = 200_000_000  # ns between the start message and the start, long enough for the message to reach every worker


class Place:
    """This process's part in the run: its worker number, begin, and end."""

    def __init__(self) -> None:
        self.runner: Any = None
        self.web_ui: Any = None
        self.options = OPTIONS
        self.begin: int | None = None
        self.go, self.over = Event(), Event()
        self.session: Session | None = None
        self.taken = self.stopped = self.failing = self.leaving = False
        # On the master: workers that are done, workers that died, and all processes.
        self.finished: set[str] = set()
        self.lost: set[str] = set()
        self.pids: dict[str, int] = {}
        self.inboxes: dict[str, Inbox] = {}

    def begin_once(self) -> None:
        """Start the session, which outlives the carrier: Locust may kill it. A second carrier (of a dead worker) starts nothing."""
        if not self.taken:
            self.taken = True
            gevent.spawn(self._run)

    def _run(self) -> None:
        self.go.wait()
        if not self.stopped:
            try:
                self._carry()
            except Exception as error:
                traceback.print_exc()
                say(mistake(error))
        self.over.set()
        broken = self.session is not None and self.session.broken
        if broken:
            self.runner.environment.process_exit_code = UNWRITTEN
        if isinstance(self.runner, WorkerRunner):
            self.runner.send_message(OVER, {"broken": broken})
        else:
            self.quit()

    def quit(self) -> None:
        """End this process; with a web page, Locust would wait for it."""
        self.leaving = True
        self.runner.quit()
        if self.web_ui is not None:
            self.web_ui.stop()

    def stop(self) -> None:
        self.stopped = True
        if isinstance(self.runner, MasterRunner):
            self.runner.send_message(STOP, {})
        if self.session is not None:
            self.session.stop()
        self.go.set()

    def _carry(self) -> None:
        index = max(self.runner.worker_index, 0) if isinstance(self.runner, WorkerRunner) else 0
        lines: Queue | None = Queue() if OPTIONS.worker else None
        shipping = gevent.spawn(self._ship, index, lines) if lines is not None else None
        try:
            self.session = session(
                self.options, index, gevent.get_hub().loop, observe, self.over.set, lines and lines.put_nowait
            )
        except (OSError, EchosounderError) as error:
            say(f"the worker cannot begin: {error}")
            return
        hub = gevent.get_hub()
        hub.handle_error = partial(self._broke, hub.handle_error)
        gc.collect()
        gc.freeze()
        gc.disable()  # garbage collection would pause every stream
        self.session.start(self.begin or time.monotonic_ns())
        self.over.wait()
        gc.enable()
        if lines is not None and shipping is not None:
            lines.put_nowait(b"")
            shipping.join()

    def _broke(self, report: Callable[..., None], context: Any, kind: Any, error: Any, trace: Any) -> None:
        """Handle an exception in the loop: one in the session's callbacks is a bug, after which its figures would be incomplete."""
        report(context, kind, error, trace)
        if self.session is None or isinstance(context, gevent.Greenlet) or not isinstance(error, Exception):
            return
        if self.failing:  # the session cannot even be stopped
            self.over.set()
        self.failing = True
        self.session.trip(Trip("worker", mistake(error)))

    def _ship(self, index: int, lines: Queue) -> None:
        """Send appended data to the master on another machine. Not called from the loop's callbacks, because sending may block."""
        while data := lines.get():
            self.runner.send_message(LINES, {"worker": index, "lines": data})


def mistake(error: Exception) -> str:
    return f"the worker broke: {type(error).__name__}: {error}"


def say(sentence: str) -> None:
    """Report to the parent, which shows the last such line if no worker starts."""
    print(f"echosounder: {sentence}", file=sys.stderr, flush=True)


PLACE = Place()
fire: Callable[..., None] = events.request.fire


class Carrier(User):
    """Locust's user: it carries a whole session, because a user and a greenlet per stream cannot keep time."""

    @task
    def carry(self) -> None:
        PLACE.begin_once()
        PLACE.over.wait()
        gevent.sleep(3600)


def observe(sample: Sample) -> None:
    """Add every request to Locust's own statistics, but only if they are displayed: it costs as much as reading a short stream."""
    if PLACE.options.web is None:
        return
    began, ended = sample.t_sent or sample.t_dispatched, sample.t_closed or sample.t_dispatched
    error = RuntimeError(sample.failure) if sample.failure else None
    fire(
        request_type="POST",
        name=sample.name,
        response_time=(ended - began) / 1e6,
        response_length=sample.bytes,
        exception=error,
        context={},
    )


def on_init(environment: Any, runner: Any, web_ui: Any = None, **_: Any) -> None:
    PLACE.runner, PLACE.web_ui = runner, web_ui
    if web_ui is not None:
        web_ui.app.wsgi_app = guarded(web_ui.app.wsgi_app)
        page.add(web_ui.app, OPTIONS.out / "parts" / FILE)
    for message, listener in MESSAGES.items():
        runner.register_message(message, listener)
    if isinstance(runner, MasterRunner):
        gevent.spawn(quit_when_over, runner)
    elif not isinstance(runner, WorkerRunner):  # a worker quits when the master says so
        PLACE.go.set()
    gevent.spawn(watch_parent)


def on_stopping(**_: Any) -> None:
    """Called for Locust's stop button, and at its own end."""
    if not (PLACE.stopped or PLACE.leaving or PLACE.over.is_set() or isinstance(PLACE.runner, WorkerRunner)):
        write_down("stopped", {"why": "interrupted", "reason": "stopped by the user, on the web page"})
    PLACE.stop()


def on_spawned(user_count: int, **_: Any) -> None:
    if isinstance(PLACE.runner, MasterRunner) and not PLACE.go.is_set():
        PLACE.go.set()
        PLACE.runner.send_message(GO, {"begin": time.monotonic_ns() + AHEAD, "boot": boot(), "options": told(OPTIONS)})


def on_go(environment: Any, msg: Any, **_: Any) -> None:
    PLACE.runner.send_message(HERE, {"pid": os.getpid()})
    same_clock = msg.data["boot"] == boot()
    PLACE.begin = int(msg.data["begin"]) if same_clock else time.monotonic_ns() + AHEAD
    if OPTIONS.worker:  # the master's options apply, as far as this machine allows them
        try:
            PLACE.options = placed(whole(msg.data["options"]), OPTIONS)
        except (UsageError, ValueError, TypeError, KeyError) as error:
            say(f"the worker refuses its master's options: {error}")
            PLACE.stopped = True
    PLACE.go.set()


def on_here(environment: Any, msg: Any, **_: Any) -> None:
    PLACE.pids[msg.node_id] = int(msg.data["pid"])


def on_lines(environment: Any, msg: Any, **_: Any) -> None:
    number = PLACE.runner.get_worker_index(msg.node_id)
    inbox = PLACE.inboxes.setdefault(msg.node_id, Inbox(number))
    before, good = inbox.refused, inbox.take(msg.data.get("lines") if isinstance(msg.data, dict) else None)
    if inbox.refused and not before:
        reason = f"worker {number} sent lines that are not records of its load; they are left out"
        write_down("stopped", {"why": "worker", "reason": reason})
    with part(OPTIONS.out, number).open("ab") as file:
        file.write(good)


def on_stop(environment: Any, msg: Any, **_: Any) -> None:
    PLACE.stop()


def on_over(environment: Any, msg: Any, **_: Any) -> None:
    PLACE.finished.add(msg.node_id)
    if msg.data["broken"]:
        environment.process_exit_code = UNWRITTEN


def quit_when_over(runner: Any) -> None:
    """End the master when every live worker has reported that it is done and has written its samples."""
    while not (PLACE.go.is_set() and all_over(runner)):
        gevent.sleep(0.1)
    PLACE.quit()


def all_over(runner: Any) -> bool:
    gone = [client.id in PLACE.finished or lost(runner, client) for client in list(runner.clients.values())]
    return all(gone)  # all were checked


def lost(runner: Any, client: Any) -> bool:
    """Whether the worker is gone without having reported that it is done. The parent is notified once."""
    gone: bool = client.state == "missing" or died(PLACE.pids.get(client.id))
    if gone and client.id not in PLACE.lost:
        PLACE.lost.add(client.id)
        write_down("lost", {"dead": runner.get_worker_index(client.id)})
    return gone


def write_down(kind: str, record: dict[str, Any]) -> None:
    """Write data that only the master has to the file from which the parent reads the workers' records."""
    with (OPTIONS.out / "parts" / "worker-master.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"kind": kind, **record}, separators=(",", ":")) + "\n")


def died(pid: int | None) -> bool:
    """Whether a worker on this machine has exited. Locust takes seconds to notice a killed worker; gevent has already reaped it."""
    if pid is None or OPTIONS.master:  # a process id is only valid on this machine
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def watch_parent() -> None:
    """Stop when standard input ends: the parent closes it to stop the run, and it closes if the parent dies."""
    gevent.get_hub().wait(gevent.get_hub().loop.io(0, 1))
    PLACE.stop()


MESSAGES = {GO: on_go, HERE: on_here, LINES: on_lines, OVER: on_over, STOP: on_stop}
HOOKS: Any = events
HOOKS.init.add_listener(on_init)
HOOKS.spawning_complete.add_listener(on_spawned)
HOOKS.test_stopping.add_listener(on_stopping)
