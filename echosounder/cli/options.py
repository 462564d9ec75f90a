"""Options that several commands share, each with its variable. The key itself is never an option, only the name of its variable."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from echosounder import specs
from echosounder.cli import complete
from echosounder.cli.duration import duration
from echosounder.wire.access import usable_key
from echosounder.wire.errors import KeyRefused, UsageError
from echosounder.wire.files import text
from echosounder.wire.formats import FORMATS


class SuiteName(StrEnum):
    SMOKE = "smoke"
    STANDARD = "standard"
    THOROUGH = "thorough"


class Policy(StrEnum):
    INTEROP = "interop"
    DOCUMENTED = "documented"


PolicyOption = Annotated[
    Policy,
    typer.Option(
        envvar="ECHOSOUNDER_POLICY", help="interop: what clients need; documented: the letter of the documentation."
    ),
]
Url = Annotated[
    str | None,
    typer.Argument(
        metavar="[URL]",
        envvar="ECHOSOUNDER_URL",
        help="Base URL of the target. Without it: the bundled mock.",
        show_default=False,
    ),
]
Profile = Annotated[
    str,
    typer.Option(
        envvar="ECHOSOUNDER_PROFILE",
        help="Dated version of the DeepSeek API, or openai; see `list profiles`.",
        autocompletion=complete.names("profiles"),
    ),
]
Model = Annotated[
    str | None,
    typer.Option(envvar="ECHOSOUNDER_MODEL", help="Model to request; by default the first that /models lists."),
]
BetaUrl = Annotated[
    str | None,
    typer.Option(envvar="ECHOSOUNDER_BETA_URL", help="Base URL of beta features; by default /beta next to URL."),
]
KeyEnv = Annotated[
    str, typer.Option("--api-key-env", envvar="ECHOSOUNDER_API_KEY_ENV", help="Variable that holds the API key.")
]


ALL = "all"
FormatOption = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="|".join([*FORMATS, ALL]),
        envvar="ECHOSOUNDER_FORMAT",
        help="Wire format to check, or all, which is the default: every one of the profile; may be repeated.",
    ),
]


def formats(names: list[str] | None, profile: str) -> tuple[str, ...]:
    """The wire formats to check. Raises :class:`UsageError` for one that the profile does not have."""
    served = tuple(specs.behaviour(profile).formats)
    for name in names or ():
        if name not in {*FORMATS, ALL}:
            raise UsageError(f"--format {name!r} is none of {', '.join([*FORMATS, ALL])}")
        if name not in {*served, ALL}:
            raise UsageError(
                f"profile {profile} does not have the format {name}; it has {', '.join(served)}: choose another --profile"
            )
    return tuple(names) if names and ALL not in names else served


Only = Annotated[
    list[str] | None,
    typer.Option(
        envvar="ECHOSOUNDER_ONLY",
        help="Requirement ids, globs allowed; may be repeated.",
        autocompletion=complete.names("requirements"),
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        envvar="ECHOSOUNDER_EXCLUDE",
        help="Requirement ids to leave out, globs allowed; may be repeated.",
        autocompletion=complete.names("requirements"),
    ),
]
Features = Annotated[
    list[str] | None,
    typer.Option(
        "--features",
        "--feature",
        envvar="ECHOSOUNDER_FEATURES",
        metavar="NAME",
        help="Only requirements of this feature, such as tools or stream; may be repeated.",
    ),
]
Seed = Annotated[int, typer.Option(envvar="ECHOSOUNDER_SEED", help="Seed for all random choices.")]
Usd = Annotated[str | None, typer.Option("--budget-usd", envvar="ECHOSOUNDER_BUDGET_USD", help="Spending cap in USD.")]
Prices = Annotated[
    str | None,
    typer.Option(
        "--price",
        envvar="ECHOSOUNDER_PRICES",
        metavar="HIT,MISS,OUTPUT",
        help="Prices in USD per million tokens, for a model that the price list does not have.",
    ),
]
Out = Annotated[
    Path | None, typer.Option(envvar="ECHOSOUNDER_OUT", help="Output folder; runs/<time>-<name> by default.")
]
Baseline = Annotated[
    Path | None,
    typer.Option(
        envvar="ECHOSOUNDER_BASELINE",
        help="File of accepted findings, each with a reason and an expiry date; stale entries fail the run.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print only JSON on stdout.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or its run.jsonl.")]

SuiteOption = Annotated[
    SuiteName,
    typer.Option(
        envvar="ECHOSOUNDER_SUITE",
        help="Number of probes: smoke (at most 40 requests), standard (at most 300) or thorough (all).",
    ),
]
Requests = Annotated[
    int | None,
    typer.Option(
        "--budget-requests",
        envvar="ECHOSOUNDER_BUDGET_REQUESTS",
        min=0,
        help="Maximum number of requests.",
    ),
]
Repeat = Annotated[
    int,
    typer.Option(
        envvar="ECHOSOUNDER_REPEAT",
        min=1,
        max=1000,
        help="Run the suite N times and report failure rates.",
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        envvar="ECHOSOUNDER_TIMEOUT",
        parser=duration(0.1),
        metavar="DURATION",
        help="Abandon an answer after this long without a byte.",
    ),
]

Deadline = Annotated[
    float | None,
    typer.Option(
        envvar="ECHOSOUNDER_DEADLINE",
        parser=duration(),
        metavar="DURATION",
        help="Maximum duration of the whole run; by default the one that `plan` shows for the suite.",
    ),
]

Patience = Annotated[
    float | None,
    typer.Option(
        envvar="ECHOSOUNDER_PATIENCE",
        parser=duration(),
        metavar="DURATION",
        help="Maximum total time to wait for rate limits that say when to retry; 10m by default, 0 disables waiting.",
    ),
]

DEFAULT_KEY_ENV = "DEEPSEEK_API_KEY"
BUNDLED_KEY = "sk-echosounder-bundled-mock"


def api_key(name: str) -> str | None:
    """The key in the variable *name*, or None. Raises :class:`UsageError` for one that no header can carry."""
    return usable_key(os.environ.get(name), f"the variable {name}")


RUN_SECRET = "ECHOSOUNDER_RUN_SECRET"


def run_secret() -> str | None:
    """The shared secret of a master and its workers, from the variable, or from the file named by another variable."""
    named = os.environ.get(f"{RUN_SECRET}_FILE")
    if not named:
        return os.environ.get(RUN_SECRET) or None
    try:
        return text(Path(named)).strip()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot read the file that {RUN_SECRET}_FILE names: {getattr(error, 'strerror', 'no text')}"
        ) from None


@contextmanager
def naming_the_key(variable: str) -> Iterator[None]:
    """Add the name of the key's environment variable, which only the command line knows, to the error about a refused key."""
    try:
        yield
    except KeyRefused as error:
        raise error.naming(variable) from None


def money(text: str | None) -> Decimal | None:
    """Parse an amount of money. Raises :class:`UsageError` for anything else."""
    try:
        amount = None if text is None else Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if amount is not None and not (amount.is_finite() and amount >= 0):
        raise UsageError(f"--budget-usd {text!r} is not an amount of money; write it like 0.25")
    return amount


def known_profile(name: str, judged: bool = True) -> None:
    """Raises :class:`UsageError` for a profile that does not exist, or cannot be judged if *judged*."""
    try:
        specs.demand(name, judged)
    except specs.SpecError as error:
        raise UsageError(str(error)) from None
