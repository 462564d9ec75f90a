"""Everything that a load run is told, as one frozen record that the parent checks and the workers read."""

import json
import re
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from echosounder import specs
from echosounder.load.client.tls import context
from echosounder.load.figures import slo
from echosounder.load.worker import shape
from echosounder.load.worker.channel import SHORTEST as SECRET
from echosounder.wire.access import DIRECT, Access, usable_key
from echosounder.wire.errors import UsageError
from echosounder.wire.formats import FORMATS
from echosounder.wire.settings import bounded, dump, load, setting
from echosounder.wire.target import Target, target
from echosounder.wire.visible import line

ARRIVALS = ("constant", "poisson", "trace")
MAX_SECONDS = 7 * 86400
GRACE = 60.0  # s that workers may need to write what they measured
MAX_TOKENS = 1_000_000
SHORTEST = 0.1  # s of sending
FILES = {"scenario": "the scenario's file", "prompts": "--prompts", "trace": "--trace"}
NOWHERE = "http://worker.invalid"  # the target of a worker that was given none
GONE = frozenset({"ca_file"})  # options of logs of 0.1.0 that no figure depends on
PORT: dict[str, Any] = {"low": 1, "high": 65535, "metavar": "PORT"}


@dataclass(frozen=True, slots=True)
class Options:
    """Each field is described once; what has a line of help is an option of ``echosounder load``. Times are in seconds.

    ``users`` alone is the closed loop, ``rate`` alone the open loop, both together a schedule on a bounded number of users.
    ``users`` and ``rate`` are levels over time as :func:`load.worker.shape.parse` reads them.
    ``budget_usd`` caps the ceilings of what is sent; ``prices`` are amounts per million tokens (hit, miss, output) where the
    price list does not know the model. ``sample_every`` keeps every n-th exchange whole, at most ``sample_limit`` per worker.
    """

    url: str
    scenario: str = "streaming"
    beta_url: str | None = None
    model: str | None = None
    profile: str = specs.DEFAULT_PROFILE
    api_key: str | None = setting(None, secret=True)
    access: Access = setting(DIRECT, secret=True)
    run_secret: str | None = setting(None, secret=True)
    users: str | None = setting(
        None,
        "Closed loop: so many at once, 8 by default; or levels over time: 10,20,40 or 5..50. For rate-limit: look for a cap up to so "
        "many, 256 by default. For capacity: find the most users, as in 1..64.",
    )
    rate: str | None = setting(
        None,
        "Open loop: so many requests a second, whatever the target does. For capacity: where to look, 1..256 by default.",
    )
    arrival: str = setting("constant", "When the requests of the open loop are due.", choices=ARRIVALS)
    trace: Path | None = setting(None, "JSON lines of offset, prompt_tokens and output_tokens, to replay to its end.")
    beyond: int | None = None  # requests of the trace that are due after the duration; found out when the run begins
    duration: float = setting(
        10.0,
        "How long to send, 30s or as long as the trace by default. For rate-limit and capacity: the longest it may take, 5m by default.",
        low=SHORTEST,
        high=MAX_SECONDS,
        unit="s",
        later=True,
    )
    warmup: float = setting(
        0.0,
        "Sent first, at the level the load begins with, and left out of the figures.",
        low=0,
        high=MAX_SECONDS,
        unit="s",
    )
    drain: float = setting(30.0, "How long streams in flight may take to end.", low=0, high=MAX_SECONDS, unit="s")
    prompt_tokens: str | None = setting(None, "Length of the prompts: 200, or 100-400.")
    output_tokens: str | None = setting(None, "Length of the answers asked for.")
    by_input_length: str | None = setting(
        None,
        "A sweep: the duration is shared between these lengths of prompt, as in 1k,4k,16k,64k (1k is 1,024 tokens).",
    )
    prompts: Path | None = setting(None, "Prompts from a file, one a line.")
    format: str | None = setting(
        None, "Wire format to ask in, where the scenario names none of its own.", choices=FORMATS
    )
    processes: int = setting(1, "Worker processes on this machine.", low=1, high=256)
    master: str | None = setting(
        None, "Wait here for workers elsewhere; a PORT alone: of the loopback interface.", metavar="HOST:PORT"
    )
    worker: str | None = setting(None, "Work for this master.", metavar="HOST:PORT")
    expect_workers: int = setting(0, "Workers from elsewhere that the master waits for.", low=0, high=10_000)
    web: int | None = setting(None, "Locust's web interface while running, our page at /echosounder.", **PORT)
    prometheus: int | None = setting(None, "Serve metrics for Prometheus while running.", **PORT)
    otel: bool = setting(False, "Export OpenTelemetry metrics while running, by the OTEL_* variables.")
    slo: tuple[str, ...] = setting((), "ttft_p95<500ms, failures<1%, goodput>20/s; may be repeated.")
    budget_usd: str | None = setting(None, "Never spend more than this.")
    budget_requests: int | None = setting(None, "Never send more requests than this.", low=1, high=1_000_000_000)
    prices: tuple[str, str, str] | None = setting(
        None, "USD per million tokens, where no price is known.", flag="--price", metavar="HIT,MISS,OUTPUT"
    )
    seed: int = setting(
        0,
        "Seed of everything that is drawn. Without it each load draws its own and tells it: a server that has cached the "
        "prompts of one run must not know those of the next.",
        later=True,
    )
    out: Path = Path("runs/load")
    connect_timeout: float = setting(10.0, flag="--timeout", low=0.05, high=3600, unit="s")
    idle_timeout: float = setting(120.0, flag="--timeout", low=0.05, high=MAX_SECONDS, unit="s")
    total_timeout: float = setting(1800.0, low=0.05, high=MAX_SECONDS, unit="s")
    flush: float = setting(1.0, low=0.05, high=60, unit="s")
    breaker: int = setting(20, low=1, high=1_000_000)
    sample_every: int = setting(20, low=1, high=1_000_000_000)
    sample_limit: int = setting(50, low=0, high=100_000)
    kernel_stamps: bool = True  # False takes stamps when bytes are read, as where the kernel gives none

    @property
    def target(self) -> Target:
        return target(self.url, self.model, self.beta_url, self.access)

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

    @property
    def longest(self) -> float:
        """Seconds that the run may take at most once it has begun: to send, to drain, and to write."""
        return self.seconds + self.drain + GRACE


def told(options: Options) -> dict[str, Any]:
    """As JSON values for the workers and the log; no secret is in it, in the URL neither."""
    return dump(options) | {"url": options.target.shown}


def secrets(options: Options) -> str:
    """What :func:`told` leaves out, as JSON for a worker of ours and nobody else."""
    return json.dumps(
        {
            "url": options.url,
            "api_key": options.api_key,
            "access": options.access.record(),
            "run_secret": options.run_secret,
        }
    )


def whole(values: dict[str, Any], left_out: str | None = None) -> Options:
    """What :func:`told` gave, and what :func:`secrets` did. Raises ``ValueError`` for values of another version."""
    kept = {name: value for name, value in values.items() if name not in GONE}
    return load(Options, kept, **json.loads(left_out or "{}"))


def placed(options: Options, here: Options) -> Options:
    """A master's options on a machine whose own are *here*: target, secrets, files, folder and the way to the target are this machine's.

    Raises :class:`UsageError` where the master asks for a target or for files that this machine was not started with.
    """
    _demand(
        options.url == here.target.shown,
        f"the master loads {line(options.url)}, and this worker was started for {here.target.shown}; start both with the same URL",
    )
    for name in FILES:
        _demand(
            bool(_file(options, name)) == bool(_file(here, name)),
            f"the master and this worker do not agree about {FILES[name]}: give it to both, each a copy of its own",
        )
    files = {name: getattr(here, name) for name in FILES if _file(here, name)}
    own = {name: getattr(here, name) for name in ("url", "beta_url", "api_key", "access", "run_secret", "out")}
    asked = checked(replace(options, run_secret=here.run_secret))
    return replace(asked, **own, **files, master=None, worker=here.worker, web=None, prometheus=None, otel=False)


def _file(options: Options, name: str) -> Path | None:
    """The file that an option names, if it names one."""
    value = getattr(options, name)
    return (
        Path(value) if value is not None and (name != "scenario" or Path(value).suffix in {".yaml", ".yml"}) else None
    )


def checked(options: Options) -> Options:
    """The options with the default load filled in. Raises :class:`UsageError` for what cannot work."""
    _demand(find_spec("locust") is not None, "a load needs the extra: pip install 'echosounder[load]'")
    options = options if options.users or options.rate or options.trace else replace(options, users="8")
    if options.arrival == "trace" or options.trace:
        options = replace(options, arrival="trace")
        _demand(options.trace is not None, "--arrival trace needs --trace FILE")
        _demand(options.rate is None, "a trace says when requests are due: give no --rate with it")
    _demand(options.arrival in ARRIVALS, f"unknown arrivals {options.arrival!r}; choose from {', '.join(ARRIVALS)}")
    bounded(options)
    for level in (options.users, options.rate):
        if level is not None:
            shape.parse(level, options.duration, options.warmup)
    if options.users and (options.rate or options.trace):  # a worker without a user could send nothing of its share
        users = shape.parse(options.users, options.duration, options.warmup).peak
        _demand(
            users >= options.workers,
            f"{options.workers} workers share the schedule, so each needs a user: give --users {options.workers} or more",
        )
    _swept(options)
    for expression in options.slo:
        slo.parse(expression)
    usable_key(options.api_key, "the API key")
    if options.master is not None and options.master.isdecimal():
        options = replace(options, master=f"127.0.0.1:{options.master}")
    _places(options)
    _amounts(options)
    _reachable(options)
    return options


def sworn(options: Options) -> None:
    """Raises :class:`UsageError` where master or worker has no secret of the run, without which anyone could join."""
    _demand(
        (options.master is None and options.worker is None) or len(options.run_secret or "") >= SECRET,
        f"a master and its workers know each other by a secret of the run: put one of {SECRET} characters or more into the variable "
        "ECHOSOUNDER_RUN_SECRET of each of them, or into a file that ECHOSOUNDER_RUN_SECRET_FILE names",
    )


def input_lengths(options: Options) -> list[tuple[str, int]]:
    """The lengths of a sweep as they were written, and in tokens. Raises :class:`UsageError`."""
    return [(text, _tokens(text)) for text in (options.by_input_length or "").replace(" ", "").lower().split(",")]


def _tokens(text: str) -> int:
    match = re.fullmatch(r"(\d{1,7})(k?)", text)
    tokens = int(match[1]) * (1024 if match[2] else 1) if match else 0
    _demand(0 < tokens <= MAX_TOKENS, f"cannot read the length of prompt {text!r}; write --by-input-length 1k,4k,16k")
    return tokens


def _swept(options: Options) -> None:
    if options.by_input_length is None:
        return
    input_lengths(options)
    for name, given in (
        ("--prompt-tokens", options.prompt_tokens),
        ("--prompts", options.prompts),
        ("--trace", options.trace),
    ):
        _demand(not given, f"--by-input-length says how long prompts are: give no {name} with it")
    for level in (options.rate, options.users):
        if level is not None:
            parts = shape.parse(level, options.duration).segments
            _demand(
                len(parts) == 1 and parts[0].start == parts[0].end,
                f"--by-input-length sweeps at one load: write one number, not {level!r}",
            )


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
    _demand(
        options.worker is None or options.url != NOWHERE,
        "--worker needs the URL that it may load, the same that its master has: it loads no other",
    )


def _reachable(options: Options) -> None:
    """Raises where the URL or a file of certificates is of no use, before a worker finds out."""
    if options.target.secure or options.access != DIRECT:
        context(options.access)


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
