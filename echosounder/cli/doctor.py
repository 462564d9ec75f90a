"""``echosounder doctor``: check whether this machine, key and target are fit for a run."""

import os
import platform
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated

import typer
from rich.text import Text

import echosounder
from echosounder import specs
from echosounder.cli import options, printed
from echosounder.cli.duration import duration
from echosounder.cli.network import STRAIGHT, Network, networked
from echosounder.conformance.ask import Send
from echosounder.conformance.http_sender import Bounds, HttpSender
from echosounder.wire.target import Target
from echosounder.wire.visible import line

LIBRARIES = ("httpx", "openapi-core", "hypothesis", "locust", "gevent", "pytest")
MARKS = {"ok": "[green]ok[/]  ", "note": "[yellow]note[/]", "bad": "[red]BAD[/] "}


@dataclass(frozen=True, slots=True)
class Symptom:
    """The result of one check. ``state``: ok, note (a run works with limitations) or bad (a run would fail)."""

    state: str
    what: str


@networked
def doctor(
    url: options.Url = None,
    api_key_env: options.KeyEnv = options.DEFAULT_KEY_ENV,
    timeout: Annotated[
        float, typer.Option(parser=duration(0.1), metavar="DURATION", help="Maximum time to wait for the target.")
    ] = 5.0,
    network: Network = STRAIGHT,
) -> int:
    """Check versions, clock, timers, ports, key and target; exit 3 if a run would fail."""
    console, bad = printed.console(soft_wrap=True), False
    for symptom in examine(network.target(url) if url else None, api_key_env, timeout):
        console.print(Text.from_markup(MARKS[symptom.state]) + Text(f"  {line(symptom.what, 500)}"))
        bad |= symptom.state == "bad"
    return 3 if bad else 0


def examine(aim: Target | None, key_env: str, timeout: float) -> Iterator[Symptom]:
    """Run every check, cheap ones first. Only one request is sent, ``GET /models``."""
    yield Symptom(
        "ok", f"echosounder {echosounder.__version__}, Python {platform.python_version()} on {platform.system()}"
    )
    yield Symptom("ok", ", ".join(f"{name} {version(name)}" for name in LIBRARIES))
    yield from _machine()
    yield from prices(datetime.now(UTC))
    yield _key(key_env)
    if aim:
        yield _reach(aim, key_env, timeout)


def prices(at: datetime) -> Iterator[Symptom]:
    """A note on estimated prices. Budgets hold nevertheless, because they use the highest prices of a day."""
    guessed = (specs.caution(model, at) for name in specs.PROFILES for model in specs.models(name))
    for said in dict.fromkeys(filter(None, guessed)):
        yield Symptom("note", f"prices: {said}")


def _machine() -> Iterator[Symptom]:
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    yield Symptom(
        "ok" if load < cores / 2 else "note",
        f"{cores} cores, load {load:.1f}" + (": timing will suffer" if load >= cores / 2 else ""),
    )
    yield Symptom("ok", f"monotonic clock: resolution {time.get_clock_info('monotonic').resolution * 1e9:.0f} ns")
    late = _lateness()
    yield Symptom("ok" if late < 1 else "note", f"timers: a sleep of 1 ms ends {late:.2f} ms late (median of 50)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield Symptom("ok", f"a free loopback port is available ({probe.getsockname()[1]})")
    timer = hasattr(os, "timerfd_create") or sys.platform == "linux"
    yield Symptom(
        "ok" if timer else "note",
        "timerfd: " + ("the mock paces to the microsecond" if timer else "absent, the mock paces to about 1 ms"),
    )


def _lateness() -> float:
    def once() -> float:
        start = time.perf_counter()
        time.sleep(0.001)
        return (time.perf_counter() - start) * 1000 - 1

    return sorted(once() for _ in range(50))[25]


def _key(name: str) -> Symptom:
    if options.api_key(name):
        return Symptom("ok", f"{name} holds a key")
    return Symptom("note", f"{name} is empty: fine for the bundled mock, and for a target that needs no key")


def _reach(aim: Target, key_env: str, timeout: float) -> Symptom:
    """Send a request to the target in the same way as a check would."""
    key = options.api_key(key_env)
    with HttpSender(aim, key, Bounds(connect_s=timeout, idle_s=timeout)) as runner:
        answer = runner.send(Send("GET", "/models", headers=()), "1", "doctor")
    if answer.status is None:
        return Symptom("bad", f"{aim.shown} does not answer: {answer.error}")
    state = "ok" if answer.status == 200 else "bad" if answer.status in {401, 403} else "note"
    took = ((answer.t_headers or answer.t_closed or 0) - (answer.t_sent or 0)) / 1e6
    hint = f"; {key_env} is empty" if state == "bad" and not key else ""
    return Symptom(state, f"{aim.shown} answers GET /models with {answer.status} in {took:.0f} ms{hint}")
