"""Everything that can be chosen about a mock, in one frozen record: the command line, tests and `spawn` all fill this."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from specs import DEFAULT_PROFILE, PROFILES
from wire.errors import UsageError

KEEPALIVE_S = 75.0


def option(default: Any, about: str, *aliases: str) -> Any:
    """A field with its line of help and its short option names."""
    return field(default=default, metadata={"help": about, "aliases": aliases})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Durations are in the unit of the name's suffix. Raises :class:`UsageError` on values that make no sense."""

    host: str = option("127.0.0.1", "address to listen on")
    port: int = option(0, "port to listen on; 0 takes a free one")
    profile: str = option(DEFAULT_PROFILE, "state of the API to be: " + ", ".join(PROFILES))
    seed: int | None = option(
        None,
        "same requests, same order, same bytes (but for the time of day: see clock)",
    )
    deviate: tuple[str, ...] = option((), "deviation to commit, `slug` or `slug:k=v,k=v`; may be repeated")
    upstream: str | None = option(None, "be a mutating reverse proxy in front of this URL")
    ttft_ms: float = option(5.0, "arrival of the request to the first token", "--ttft")
    itl_ms: float = option(1.0, "between tokens", "--itl")
    output_tokens: int | None = option(None, "tokens of every answer in prose; by default the prompt decides")
    clock: str | None = option(None, "freeze the clock at this ISO 8601 instant, such as 2026-08-17T12:00:00Z")
    journal: str | None = option(None, "append a JSON line per request to this file")
    journal_size: int = option(4096, "requests that GET /__mock/journal remembers")
    max_body: int = option(64 << 20, "bytes of request body accepted; more is a 413")
    request_timeout_s: float = option(30.0, "a request must be complete after this long; else 408")
    control: str = option("loopback", "who may use /__mock/: loopback, any, none")

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise UsageError(
                f"unknown profile {self.profile!r}{_hint(self.profile, PROFILES)}: choose one of {', '.join(PROFILES)}"
            )
        if self.control not in ("loopback", "any", "none"):
            raise UsageError(f"control is {self.control!r}: choose loopback, any or none")
        self.instant()
        for name in ("ttft_ms", "itl_ms", "journal_size", "max_body", "request_timeout_s"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}: it must not be negative")

    def instant(self) -> float | None:
        """The frozen time in seconds since 1970; None while the clock runs."""
        try:
            return None if self.clock is None else datetime.fromisoformat(self.clock).astimezone(UTC).timestamp()
        except ValueError:
            raise UsageError(f"clock is {self.clock!r}: give an instant such as 2026-08-17T12:00:00Z") from None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Config":
        """From a mapping, such as a table of a configuration file; an unknown key is an error with the nearest known one."""
        names = [member.name for member in fields(cls)]
        for key in values:
            if key not in names:
                raise UsageError(f"unknown setting {key!r} of the mock{_hint(key, names)}")
        return cls(**values)

    def arguments(self) -> Iterator[str]:
        """The command line that gives this configuration; defaults are left out."""
        for member in fields(self):
            value = getattr(self, member.name)
            if value != member.default:
                for part in value if isinstance(value, tuple) else (value,):
                    yield f"--{member.name.replace('_', '-')}={part}"


def _hint(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
