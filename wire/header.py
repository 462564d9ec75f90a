"""The first record of a run log: kind, target, time and options of the run. One record for every kind.

    {"kind": "header", "schema": "echosounder/run/2", "kind_of_run": "check", "started": "2026-11-30T13:00:11+00:00",
     "target": {"url": "http://127.0.0.1:8000", "model": "deepseek-v4-flash", ...}, "suite": "standard", ...}

Schema 1 had two dialects of it, told apart by ``kind_of_run`` and ``command``. :func:`header_from` translates them, and nothing else
has to know that they existed.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from echosounder.wire.errors import LogError

SCHEMA = "echosounder/run/2"
READABLE = ("echosounder/run/1", SCHEMA)


class RunKind(StrEnum):
    """Which command made the log. ``report`` is the kind of its report.json: ``check`` or ``load``."""

    CHECK = "check"
    PROXY = "proxy"  # check --proxy
    CLIENT = "client"
    COMPARISON = "comparison"  # one side of compare --live
    LOAD = "load"
    RATE_LIMIT = "rate-limit"
    CACHE_PRICING = "cache-pricing"
    LISTEN = "listen"  # traffic that passed through us
    RECORDING = "recording"  # traffic that others recorded

    @property
    def report(self) -> str:
        return "load" if self in _LOADS else "check"


_LOADS = frozenset({RunKind.LOAD, RunKind.RATE_LIMIT, RunKind.CACHE_PRICING})


class ClockReading(msgspec.Struct, frozen=True):
    """One instant on both clocks of the machine that wrote the log: seconds since 1970, and monotonic ns."""

    unix: float
    monotonic_ns: int

    @property
    def started(self) -> str:
        """Start time of a run with this clock, in the form of :class:`Header`."""
        return datetime.fromtimestamp(self.unix, UTC).isoformat(timespec="seconds")


class Aimed(msgspec.Struct, frozen=True):
    """The target. ``model`` is None if it was unknown when the run began; ``position`` is ``server``, ``proxy`` or ``client``;
    ``access`` is the network access, as :class:`wire.access.Access` shows it; ``keyed``: whether requests carried an API key;
    ``seal`` is :meth:`wire.target.Target.seal` of target and key.
    """

    url: str
    model: str | None = None
    beta_url: str | None = None
    position: str = "server"
    access: dict[str, Any] = {}
    keyed: bool = True
    seal: str = ""


USUAL = ("chat", "fim")
"""The wire formats of a plan that names none, and of a log that names none: it is older than the others."""


class Checking(msgspec.Struct, frozen=True):
    """Settings of a check. ``formats`` are the wire formats of its requests. ``catalogue`` and ``spec`` are digests of the requirements
    and of the profile's document; ``upstream`` is the address of the mock behind a proxy; ``prices`` were given: USD per million
    tokens, hit, miss, output.
    """

    policy: str
    suite: str
    only: tuple[str, ...] = ()
    repeat: int = 1
    catalogue: str = ""
    spec: str = ""
    upstream: str | None = None
    prices: tuple[str, str, str] | None = None
    formats: tuple[str, ...] = USUAL


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """``started`` is ISO 8601, UTC, to the second. ``check`` is set for kinds that send a suite, ``scenario`` for kinds that load.

    ``version`` is that of Echosounder, ``versions`` those of its platform and dependencies. Fields that schema 1 did not record are
    None or empty.
    """

    kind_of_run: RunKind
    started: str
    target: Aimed
    profile: str = ""
    seed: int | None = None
    version: str | None = None
    versions: dict[str, str] = {}
    clock: ClockReading | None = None
    check: Checking | None = None
    scenario: str = ""

    @property
    def checking(self) -> Checking:
        """The settings of the check. Raises :class:`LogError` for a run that did not send a suite and cannot be judged like one."""
        if self.check is None:
            raise LogError(f"the log is of a {self.kind_of_run} run, which has no suite to judge")
        return self.check

    @property
    def instant(self) -> ClockReading:
        """The time of day of a stamp. Raises :class:`LogError` if the log does not relate its stamps to the time of day."""
        if self.clock is None:
            raise LogError(f"the log of the {self.kind_of_run} run records no clock, so its stamps have no date")
        return self.clock

    def record(self) -> dict[str, Any]:
        """A JSON object that :func:`header_from` converts back into an equal header. It is flat: members of ``check`` are at the top
        level.
        """
        members = {name: value for name, value in msgspec.to_builtins(self).items() if name != "check"}
        return {"schema": SCHEMA, **members, **(msgspec.to_builtins(self.check) if self.check else {})}


def header_from(record: dict[str, Any]) -> Header:
    """Header from data of any supported schema. Raises :class:`LogError` with the place of the member that does not fit."""
    try:
        current = record if record.get("schema") == SCHEMA else _from_1(record)
        asked = {name: current[name] for name in Checking.__struct_fields__ if name in current}
        header = msgspec.convert(current | {"check": asked if "suite" in asked else None}, Header)
        datetime.fromisoformat(header.started)
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError) as error:
        raise LogError(f"a record is not of schema {record.get('schema')} (header: {error})") from None
    return header


def _from_1(record: dict[str, Any]) -> dict[str, Any]:
    """A header of schema 1 as one of schema 2. ``command`` was of loads, ``kind_of_run`` of checks of every position."""
    target, scenario = record.get("target"), str(record.get("scenario", ""))
    started = record.get("started") or msgspec.convert(record.get("clock"), ClockReading).started
    proxied = isinstance(target, dict) and target.get("position") == "proxy"
    check = RunKind.PROXY if proxied else RunKind.CHECK
    load = scenario if scenario in _LOADS else RunKind.LOAD
    return {**record, "started": started, "kind_of_run": load if record.get("command") == RunKind.LOAD else check}
