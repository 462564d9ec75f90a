"""All settings of a mock, in one frozen record: the command line, tests and `spawn` all fill this."""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from echosounder.mock_server.admission import money
from echosounder.mock_server.answering.pieces import METHODS
from echosounder.specs import DEFAULT_PROFILE, PROFILES
from echosounder.wire.errors import UsageError
from echosounder.wire.settings import setting, settings

KEEPALIVE_S = 75.0
MAX_PORT = 65_535
MIN_DIGITS = 2
# Any key that begins with sk- is accepted, unless it contains one of these words.
REFUSED_WORDS = ("invalid", "wrong", "revoked")
HANG_UPS = ("written", "whole", "nothing")
CACHES = ("profile", "prefix-blocks", "prefix-units", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of a mock. Durations are in the unit of the name's suffix. Raises :class:`UsageError` for invalid values."""

    host: str = setting("127.0.0.1", "Address to listen on.")
    port: int = setting(0, "Port to listen on; 0 takes a free one.")
    profile: str = setting(
        DEFAULT_PROFILE, "Version of the API to serve: " + ", ".join(PROFILES) + ".", choices=PROFILES
    )
    seed: int | None = setting(
        None,
        "Seed for all random choices: the same requests in the same order get the same bytes, except for the time (see --clock).",
    )
    clock: str | None = setting(None, "Freeze the clock at this ISO 8601 instant, such as 2026-08-17T12:00:00Z.")
    deviate: tuple[str, ...] = setting((), "Deviation to activate, `slug` or `slug:k=v,k=v`; may be repeated.")
    upstream: str | None = setting(None, "Act as a mutating reverse proxy in front of this URL.")
    replay: str | None = setting(None, "Answer from a recording: a run, a HAR, flows, a cassette, pairs of files.")
    replay_speed: float = setting(1.0, "Multiplier for the recorded times; 0 answers immediately.")

    ttft_ms: float = setting(5.0, "Time from the start of a request to its first token.", "--ttft")
    itl_ms: float = setting(1.0, "Time between tokens.", "--itl")
    schedule: str = setting(
        "constant",
        "Distribution of times between tokens: constant, list:400,100, normal:cv=0.2, lognormal:cv=0.5, gamma:cv=1, trace:FILE.",
    )
    prefill_us: float = setting(0.0, "Time added before the first token for each prompt token that is not cached.")
    tokens: str = setting(
        "estimate",
        "Token counting method; exact needs the vocabulary and half a second more to start.",
        choices=METHODS,
    )
    output_tokens: int | None = setting(
        None, "Number of tokens in every text answer; by default it depends on the prompt."
    )
    slots: int | None = setting(None, "Maximum number of concurrent streams; others wait; unlimited by default.")
    queue: int | None = setting(None, "Maximum number of waiting streams; others get 503; unlimited by default.")
    slowdown: float = setting(0.0, "Fraction by which streams slow down when all slots are busy.")
    keepalive_ms: float = setting(5000.0, "Time between keep-alives while a request waits.")

    keyless: bool = setting(
        False,
        "Accept requests without a key, as local servers do; otherwise any key that begins with sk- is accepted, unless it "
        f"contains one of these words: {', '.join(REFUSED_WORDS)}.",
    )
    granted: str = setting("10.00", "Initial granted balance of each account.")
    topped_up: str = setting("1000.00", "Initial topped-up balance of each account.")
    currency: str = setting("USD", "Currency of accounts and prices.", choices=("USD", "CNY"))
    balance_digits: int = setting(12, "Decimals shown by /user/balance, at least 2; the real API shows 2.")
    hang_up: str = setting(
        "written",
        "Cost of a stream that the client disconnects from: the prompt and the tokens written (written), all of it (whole), or nothing.",
        choices=HANG_UPS,
    )
    limit: tuple[str, ...] = setting(
        (), "Limiter, such as `concurrency:count=64` or `none`; by default the profile's; may be repeated."
    )

    cache: str = setting("profile", "Model of the context cache: " + ", ".join(CACHES) + ".", choices=CACHES)
    cache_unit: int | None = setting(None, "Size of a cache unit in tokens; by default the profile's.")
    cache_settle_s: float = setting(0.0, "Time until a new prompt can be hit in the cache.")
    cache_ttl_s: float = setting(86_400.0, "Time after which an unused entry is dropped.")
    cache_capacity: int = setting(
        1 << 24, "Capacity of the cache in tokens; the least recently used entries are dropped first."
    )
    cache_interval: int = setting(1024, "Distance in tokens between cache units of long prompts (prefix-units).")

    journal: str | None = setting(None, "Append a JSON line per request to this file.")
    journal_size: int = setting(4096, "Maximum number of requests that GET /__mock/journal returns.")
    max_body: int = setting(65 << 20, "Maximum request body in bytes; larger ones get 413.")
    request_timeout_s: float = setting(30.0, "Maximum time for a request to arrive completely; otherwise 408.")
    while_stdin: bool = setting(
        False, "Stop when standard input ends, so that the mock does not outlive the process that started it."
    )
    control: str = setting(
        "loopback", "Clients that may use /__mock/: loopback, any or none.", choices=("loopback", "any", "none")
    )

    def __post_init__(self) -> None:
        for each in settings(Config):
            self._check(each.name, getattr(self, each.name), each.choices)
        self.instant()
        for name in ("granted", "topped_up"):
            try:
                money.pico(getattr(self, name))
            except ValueError:
                raise UsageError(f"{name} is {getattr(self, name)!r}: give an amount such as 10.00") from None

    def _check(self, name: str, value: Any, choices: tuple[str, ...]) -> None:
        if choices and value not in choices:
            raise UsageError(f"{name} is {value!r}{hint(value, choices)}: choose from {', '.join(choices)}")
        if isinstance(value, (int, float)) and not 0 <= value < math.inf and name != "seed":
            raise UsageError(f"{name} is {value}: it must not be negative or infinite")
        if name == "balance_digits" and value < MIN_DIGITS:
            raise UsageError(f"balance_digits is {value}: it must be at least {MIN_DIGITS}")
        if name == "port" and value > MAX_PORT:
            raise UsageError(f"port is {value}: it must be at most {MAX_PORT}")
        if name in ("slots", "output_tokens", "cache_unit", "keepalive_ms") and value == 0:
            raise UsageError(f"{name} is 0: it must be at least 1")

    def instant(self) -> float | None:
        """The frozen time in seconds since 1970; None if the clock is not frozen."""
        try:
            return None if self.clock is None else datetime.fromisoformat(self.clock).astimezone(UTC).timestamp()
        except ValueError:
            raise UsageError(f"clock is {self.clock!r}: give an instant such as 2026-08-17T12:00:00Z") from None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Config":
        """Build a configuration from a mapping, such as a table of a configuration file. An unknown key raises
        :class:`UsageError` with the nearest known one.
        """
        names = [each.name for each in settings(cls)]
        for key in values:
            if key not in names:
                raise UsageError(f"unknown setting {key!r} of the mock{hint(key, names)}")
        return cls(**values)

    def arguments(self) -> Iterator[str]:
        """The command-line arguments for this configuration, without defaults."""
        for each in settings(Config):
            value = getattr(self, each.name)
            if value != each.default:
                yield from (
                    [each.option]
                    if value is True
                    else (f"{each.option}={part}" for part in (value if isinstance(value, tuple) else [value]))
                )


def hint(name: object, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
