"""All options of a load run, as one frozen record that the parent checks and the workers read."""

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from echosounder import specs
from echosounder.wire.access import DIRECT, Access
from echosounder.wire.formats import FORMATS
from echosounder.wire.settings import dump, load, setting
from echosounder.wire.target import Target, target

ARRIVALS = ("constant", "poisson", "trace")
MAX_SECONDS = 7 * 86400
GRACE = 60.0  # s allowed for workers to write their samples
MAX_TOKENS = 1_000_000
SHORTEST = 0.1  # s of sending by default
NOWHERE = "http://worker.invalid"  # target of a worker without a URL
GONE = frozenset({"ca_file"})  # options in logs of 0.1.0 that do not affect figures
PORT: dict[str, Any] = {"low": 1, "high": 65535, "metavar": "PORT"}


@dataclass(frozen=True, slots=True)
class Options:
    """Each field is described once; a field with a help text is an option of ``echosounder load``. Times are in seconds.

    ``users`` alone is the closed loop, ``rate`` alone the open loop, both together a schedule on a bounded number of users. ``users``
    and ``rate`` are levels over time as :func:`load.worker.shape.parse` reads them. ``budget_usd`` caps the ceilings of all requests;
    ``prices`` are amounts per million tokens (hit, miss, output) for a model that the price list does not have. ``sample_every`` keeps
    every n-th exchange whole, at most ``sample_limit`` per worker.
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
        "Closed loop: N users at a time, 8 by default; or levels over time: 10,20,40 or 5..50. For rate-limit: look for a cap of at "
        "most N users, 256 by default. For capacity: find the most users, as in 1..64.",
    )
    rate: str | None = setting(
        None,
        "Open loop: requests per second, whatever the target does. For capacity: where to look, 1..256 by default.",
    )
    arrival: str = setting("constant", "When the requests of the open loop are due.", choices=ARRIVALS)
    trace: Path | None = setting(None, "File of JSON lines with offset, prompt_tokens and output_tokens to replay.")
    beyond: int | None = None  # requests of the trace due after the duration; set at the start
    duration: float = setting(
        10.0,
        "How long to send; by default 30s, or the length of the trace. For rate-limit and capacity: the maximum duration, 5m by default.",
        low=SHORTEST,
        high=MAX_SECONDS,
        unit="s",
        later=True,
    )
    warmup: float = setting(
        0.0,
        "Duration of a warm-up at the first level of the load, excluded from the figures.",
        low=0,
        high=MAX_SECONDS,
        unit="s",
    )
    drain: float = setting(
        30.0, "How long to wait at the end for streams in flight.", low=0, high=MAX_SECONDS, unit="s"
    )
    patience: float = setting(
        600.0,
        "Closed loop: maximum total time that users rest because a limiter told them to; 0 disables resting.",
        low=0,
        high=MAX_SECONDS,
        unit="s",
    )
    prompt_tokens: str | None = setting(None, "Length of prompts in tokens: 200, or a range such as 100-400.")
    output_tokens: str | None = setting(None, "Length of answers to request, in tokens.")
    by_input_length: str | None = setting(
        None,
        "Sweep over prompt lengths such as 1k,4k,16k,64k (1k is 1,024 tokens), which share the duration.",
    )
    prompts: Path | None = setting(None, "File of prompts, one per line.")
    session_header: str | None = setting(
        None,
        "Header that names the session of a request, such as X-Session-ID, for routers that keep a session on one server.",
        metavar="NAME",
    )
    format: str | None = setting(None, "Wire format of requests, for scenarios that do not name one.", choices=FORMATS)
    processes: int = setting(1, "Worker processes on this machine.", low=1, high=256)
    master: str | None = setting(
        None,
        "Address on which to wait for remote workers; a port alone means the loopback interface.",
        metavar="HOST:PORT",
    )
    worker: str | None = setting(None, "Address of the master to work for.", metavar="HOST:PORT")
    expect_workers: int = setting(0, "Number of remote workers that the master waits for.", low=0, high=10_000)
    web: int | None = setting(
        None, "Port for Locust's web interface during the run; the live page is at /echosounder.", **PORT
    )
    prometheus: int | None = setting(None, "Port on which to serve Prometheus metrics during the run.", **PORT)
    otel: bool = setting(False, "Export OpenTelemetry metrics during the run, configured by the OTEL_* variables.")
    slo: tuple[str, ...] = setting(
        (), "Objective such as ttft_p95<500ms, failures<1% or goodput>20/s; may be repeated."
    )
    budget_usd: str | None = setting(None, "Spending cap in USD.")
    budget_requests: int | None = setting(None, "Maximum number of requests.", low=1, high=1_000_000_000)
    prices: tuple[str, str, str] | None = setting(
        None,
        "Prices in USD per million tokens, for a model without a known price.",
        flag="--price",
        metavar="HIT,MISS,OUTPUT",
    )
    seed: int = setting(
        0,
        "Seed for all random choices. By default each run draws its own and reports it, so that prompts cached by "
        "the server in one run are not those of the next.",
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
    kernel_stamps: bool = True  # False: stamp bytes when they are read, as without kernel stamps

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
        """Duration of sending, s, warm-up included."""
        return self.warmup + self.duration

    @property
    def longest(self) -> float:
        """Maximum duration of the run in seconds once it has begun: sending, draining and writing."""
        return self.seconds + self.drain + GRACE


def told(options: Options) -> dict[str, Any]:
    """The options as JSON values for the workers and the log, without secrets, including those in the URL."""
    return dump(options) | {"url": options.target.shown}


def secrets(options: Options) -> str:
    """The fields that :func:`told` omits, as JSON for our own workers only."""
    return json.dumps(
        {
            "url": options.url,
            "api_key": options.api_key,
            "access": options.access.record(),
            "run_secret": options.run_secret,
        }
    )


def whole(values: dict[str, Any], left_out: str | None = None) -> Options:
    """Restores the output of :func:`told` and :func:`secrets`. Raises ``ValueError`` for values of another version."""
    kept = {name: value for name, value in values.items() if name not in GONE}
    return load(Options, kept, **json.loads(left_out or "{}"))
