"""Preconditions of a load run: the rules for its options, checked before anything is sent."""

import re
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from importlib.util import find_spec
from pathlib import Path

from echosounder.load.client.tls import context
from echosounder.load.figures import slo
from echosounder.load.options import ARRIVALS, MAX_TOKENS, NOWHERE, Options
from echosounder.load.worker import shape
from echosounder.load.worker.channel import SHORTEST as SECRET
from echosounder.wire.access import DIRECT, OURS, TOKEN, usable_key
from echosounder.wire.errors import UsageError
from echosounder.wire.settings import bounded
from echosounder.wire.visible import line

FILES = {"scenario": "the scenario's file", "prompts": "--prompts", "trace": "--trace"}


def placed(options: Options, here: Options) -> Options:
    """The master's options, adapted to this machine, whose own options are *here*: target, secrets, files, folder and network access
    are this machine's.

    Raises :class:`UsageError` if the master requests a target or files that this machine was not started with.
    """
    _demand(
        options.url == here.target.shown,
        f"the master loads {line(options.url)}, but this worker was started for {here.target.shown}; start both with the same URL",
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
    """The options with the default load filled in. Raises :class:`UsageError` for combinations that cannot work."""
    _demand(find_spec("locust") is not None, "a load needs the extra: pip install 'echosounder[load]'")
    options = options if options.users or options.rate or options.trace else replace(options, users="8")
    if options.arrival == "trace" or options.trace:
        options = replace(options, arrival="trace")
        _demand(options.trace is not None, "--arrival trace needs --trace FILE")
        _demand(options.rate is None, "a trace already determines when requests are due; omit --rate")
    _demand(options.arrival in ARRIVALS, f"unknown arrivals {options.arrival!r}; choose from {', '.join(ARRIVALS)}")
    bounded(options)
    for level in (options.users, options.rate):
        if level is not None:
            shape.parse(level, options.duration, options.warmup)
    if options.users and (options.rate or options.trace):  # a worker without a user cannot send its share
        users = shape.parse(options.users, options.duration, options.warmup).peak
        _demand(
            users >= options.workers,
            f"{options.workers} workers share the schedule, so each needs a user: give --users {options.workers} or more",
        )
    _swept(options)
    for expression in options.slo:
        slo.parse(expression)
    _demand(
        options.session_header is None
        or (TOKEN.fullmatch(options.session_header) is not None and options.session_header.lower() not in OURS),
        f"--session-header cannot be {options.session_header!r}; write the name of a header of its own, like X-Session-ID",
    )
    usable_key(options.api_key, "the API key")
    if options.master is not None and options.master.isdecimal():
        options = replace(options, master=f"127.0.0.1:{options.master}")
    _places(options)
    _amounts(options)
    _reachable(options)
    return options


def sworn(options: Options) -> None:
    """Raises :class:`UsageError` if a master or worker lacks the run's secret, without which anyone could join."""
    _demand(
        (options.master is None and options.worker is None) or len(options.run_secret or "") >= SECRET,
        f"a master and its workers share a secret of the run: put one of {SECRET} characters or more into the variable "
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
        _demand(not given, f"--by-input-length already determines the length of prompts; omit {name}")
    for level in (options.rate, options.users):
        if level is not None:
            parts = shape.parse(level, options.duration).segments
            _demand(
                len(parts) == 1 and parts[0].start == parts[0].end,
                f"--by-input-length sweeps at one load: write one number, not {level!r}",
            )


def _places(options: Options) -> None:
    """Check the roles of processes: a master, a worker of one, or neither."""
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
        "--master needs --expect-workers N, the number of workers to wait for",
    )
    _demand(
        options.master is not None or options.expect_workers == 0,
        "--expect-workers is the number of workers that a --master waits for; give --master HOST:PORT, or --processes N for local workers",
    )
    _demand(
        options.processes == 1 or (options.master is None and options.worker is None),
        "--processes is for workers of one machine: a --master sends nothing itself, and a --worker is one process",
    )
    _demand(
        options.worker is None or options.url != NOWHERE,
        "--worker needs the same URL as its master, the only one that it will load",
    )


def _reachable(options: Options) -> None:
    """Check the URL and the certificate files before starting a worker. Raises the errors of both."""
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
