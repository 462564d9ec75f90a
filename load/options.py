"""Everything that a load run is told, as one frozen record that the parent checks and the workers read."""

import json
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, get_args

from echosounder.load.client.tls import context
from echosounder.load.figures import slo
from echosounder.load.worker import shape
from echosounder.wire.errors import UsageError
from echosounder.wire.target import Target, target

ARRIVALS = ("constant", "poisson", "trace")
MAX_SECONDS = 7 * 86400
SHORTEST = 0.1  # s of sending


@dataclass(frozen=True, slots=True)
class Options:
    """``users`` alone is the closed loop, ``rate`` alone the open loop, both together a schedule on a bounded number of users.

    ``users`` and ``rate`` are levels over time as :func:`load.worker.shape.parse` reads them. Times are in seconds.
    ``budget_usd`` caps the ceilings of what is sent; ``prices`` are amounts per million tokens (hit, miss, output) where the
    price list does not know the model. ``sample_every`` keeps every n-th exchange whole, at most ``sample_limit`` per worker.
    """

    url: str
    scenario: str = "streaming"
    beta_url: str | None = None
    model: str | None = None
    profile: str = "2026-08"
    api_key: str | None = field(default=None, repr=False)
    users: str | None = None
    rate: str | None = None
    arrival: str = "constant"
    trace: Path | None = None
    beyond: int | None = None  # requests of the trace that are due after the duration; found out when the run begins
    duration: float = 10.0
    warmup: float = 0.0
    drain: float = 30.0
    processes: int = 1
    master: str | None = None  # HOST:PORT to listen on for workers on other machines
    worker: str | None = None  # HOST:PORT of the master to work for
    expect_workers: int = 0  # workers from elsewhere that the master waits for
    web: int | None = None  # port of Locust's web interface, with our page at /echosounder
    prometheus: int | None = None  # port to serve metrics on
    otel: bool = False  # export OpenTelemetry metrics
    slo: tuple[str, ...] = ()
    budget_usd: str | None = None
    budget_requests: int | None = None
    prices: tuple[str, str, str] | None = None
    seed: int = 0
    out: Path = Path("runs/load")
    prompts: Path | None = None
    prompt_tokens: str | None = None
    output_tokens: str | None = None
    connect_timeout: float = 10.0
    idle_timeout: float = 120.0
    total_timeout: float = 1800.0
    flush: float = 1.0
    breaker: int = 20
    sample_every: int = 20
    sample_limit: int = 50
    ca_file: Path | None = None
    kernel_stamps: bool = True  # False takes stamps when bytes are read, as where the kernel gives none

    @property
    def target(self) -> Target:
        return target(self.url, self.model, self.beta_url)

    @property
    def budget(self) -> Decimal | None:
        return None if self.budget_usd is None else Decimal(self.budget_usd)

    @property
    def workers(self) -> int:
        return self.expect_workers or self.processes

    @property
    def seconds(self) -> float:
        """Of sending, warm-up included."""
        return self.warmup + self.duration

    def dump(self) -> str:
        """As JSON for the workers; never the key."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "api_key"}
        return json.dumps(values, default=str)


def load(text: str, api_key: str | None) -> Options:
    """What :meth:`Options.dump` wrote, with the key again."""
    values: dict[str, Any] = json.loads(text)
    for each in fields(Options):
        if values.get(each.name) is not None and Path in {each.type, *get_args(each.type)}:
            values[each.name] = Path(values[each.name])
        if isinstance(values.get(each.name), list):
            values[each.name] = tuple(values[each.name])
    return Options(**values, api_key=api_key)


def checked(options: Options) -> Options:
    """The options with the default load filled in. Raises :class:`UsageError` for what cannot work."""
    options = options if options.users or options.rate or options.trace else replace(options, users="8")
    if options.arrival == "trace" or options.trace:
        options = replace(options, arrival="trace")
        _demand(options.trace is not None, "--arrival trace needs --trace FILE")
        _demand(options.rate is None, "a trace says when requests are due: give no --rate with it")
    _demand(options.arrival in ARRIVALS, f"unknown arrivals {options.arrival!r}; choose from {', '.join(ARRIVALS)}")
    for name, low, high in _RANGES:
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            named = _FLAGS.get(name, f"--{name.replace('_', '-')}")
            unit = " s" if isinstance(value, float) else ""
            raise UsageError(f"{named} must be between {low:g} and {high:g}{unit}, not {value:g}{unit}")
    for level in (options.users, options.rate):
        if level is not None:
            shape.parse(level, options.duration, options.warmup)
    if options.users and (options.rate or options.trace):  # a worker without a user could send nothing of its share
        users = shape.parse(options.users, options.duration, options.warmup).peak
        _demand(
            users >= options.workers,
            f"{options.workers} workers share the schedule, so each needs a user: give --users {options.workers} or more",
        )
    for expression in options.slo:
        slo.parse(expression)
    _places(options)
    _amounts(options)
    _authorities(options)
    assert options.target
    return options


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("duration", SHORTEST, MAX_SECONDS),
    ("warmup", 0, MAX_SECONDS),
    ("drain", 0, MAX_SECONDS),
    ("processes", 1, 256),
    ("expect_workers", 0, 10_000),
    ("web", 1, 65535),
    ("prometheus", 1, 65535),
    ("budget_requests", 1, 1_000_000_000),
    ("connect_timeout", 0.05, 3600),
    ("idle_timeout", 0.05, MAX_SECONDS),
    ("total_timeout", 0.05, MAX_SECONDS),
    ("flush", 0.05, 60),
    ("breaker", 1, 1_000_000),
    ("sample_every", 1, 1_000_000_000),
    ("sample_limit", 0, 100_000),
)
_FLAGS = {"connect_timeout": "--timeout", "idle_timeout": "--timeout"}  # the others go by their own names


def _places(options: Options) -> None:
    """Who works where: a process is a master, a worker of one, or neither."""
    for address in (options.master, options.worker):
        if address is not None:
            host, _, port = address.rpartition(":")
            _demand(
                bool(host) and port.isdecimal() and 0 < int(port) < 65536,
                f"cannot read the address {address!r}; write HOST:PORT",
            )
    _demand(options.master is None or options.worker is None, "one process is --master or --worker, not both")
    _demand(
        options.master is None or options.expect_workers > 0,
        "--master needs --expect-workers N: how many there will be",
    )
    _demand(
        options.master is not None or options.expect_workers == 0,
        "--expect-workers is how many a --master waits for; give --master HOST:PORT, or --processes N for workers here",
    )
    _demand(
        options.processes == 1 or (options.master is None and options.worker is None),
        "--processes is for workers of one machine: a --master sends nothing itself, and a --worker is one process",
    )


def _authorities(options: Options) -> None:
    if options.ca_file is not None:
        try:
            context(str(options.ca_file))
        except OSError as error:
            said = error.strerror or " ".join(str(error).split())
            raise UsageError(f"cannot read certificates from --ca-file {options.ca_file}: {said}") from None


def _amounts(options: Options) -> None:
    for text in (options.budget_usd, *(options.prices or ())):
        try:
            amount = Decimal(0) if text is None else Decimal(text)
        except InvalidOperation:
            raise UsageError(f"not an amount of money: {text!r}; write it like 0.25") from None
        _demand(amount.is_finite() and amount >= 0, f"an amount of money cannot be {text}")
    _demand(
        options.prices is None or len(options.prices) == 3, "prices are three amounts: cache hit, cache miss, output"
    )


def _demand(holds: bool, message: str) -> None:
    if not holds:
        raise UsageError(message)
