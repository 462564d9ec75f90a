"""``echosounder check``: does the target conform?"""

from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from echosounder import specs
from echosounder.cli import options, results
from echosounder.cli.network import STRAIGHT, Network, networked
from echosounder.cli.score import judge
from echosounder.conformance import check_run
from echosounder.conformance import proxy as both_sides
from echosounder.conformance.options import Options, Progress
from echosounder.conformance.runner import Bounds
from echosounder.judgement.setting import Suite
from echosounder.mock_server.net.process import spawn
from echosounder.reports.source import read
from echosounder.wire.errors import UsageError
from echosounder.wire.prices import given
from echosounder.wire.target import Target, target

BUNDLED_KEY = "sk-echosounder-bundled-mock"


class SuiteName(StrEnum):
    SMOKE = "smoke"
    STANDARD = "standard"
    THOROUGH = "thorough"


class Policy(StrEnum):
    INTEROP = "interop"
    DOCUMENTED = "documented"


SuiteOption = Annotated[
    SuiteName, typer.Option(envvar="ECHOSOUNDER_SUITE", help="At most 20, at most 150, or all requests.")
]
PolicyOption = Annotated[
    Policy, typer.Option(envvar="ECHOSOUNDER_POLICY", help="What clients need, or the letter of the documentation.")
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
        help="Send everything so often: what breaks now and then gets its share.",
    ),
]
Proxy = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Base URL of a proxy that forwards to --upstream-port of this machine."),
]
UpstreamPort = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=65535, help="Port on which our mock is the proxy's upstream.")
]
Timeout = Annotated[
    float,
    typer.Option(envvar="ECHOSOUNDER_TIMEOUT", min=0.1, help="Seconds without a byte before giving up on an answer."),
]


@networked
def check(
    url: options.Url = None,
    profile: options.Profile = specs.DEFAULT_PROFILE,
    model: options.Model = None,
    beta_url: options.BetaUrl = None,
    suite: SuiteOption = SuiteName.STANDARD,
    only: options.Only = None,
    policy: PolicyOption = Policy.INTEROP,
    baseline: options.Baseline = None,
    budget_usd: options.Usd = None,
    budget_requests: Requests = None,
    prices: options.Prices = None,
    api_key_env: options.KeyEnv = options.DEFAULT_KEY_ENV,
    timeout: Timeout = 60.0,
    seed: options.Seed = 0,
    repeat: Repeat = 1,
    proxy: Proxy = None,
    upstream_port: UpstreamPort = None,
    out: options.Out = None,
    json_: options.Json = False,
    network: Network = STRAIGHT,
) -> int:
    """Check a target against the requirements of a profile; without URL, the bundled mock. With --proxy, compare both of its sides."""
    known_profile(profile)
    amount = money(budget_usd)
    if (proxy is None) != (upstream_port is None) or (proxy and url):
        raise UsageError("--proxy URL and --upstream-port N go together, and without another URL")
    if proxy and repeat > 1:
        raise UsageError("--repeat does not go with --proxy; run the check of a proxy several times")
    folder = results.ready(options.out_dir(out, "check"))
    with ExitStack() as stack:
        mock = None if url else stack.enter_context(spawn(profile=profile, port=upstream_port or 0))
        settings = Options(
            target=_target(network, proxy or url, mock.url if mock else "", model, beta_url),
            out=folder,
            api_key=options.api_key(api_key_env) if url or proxy else BUNDLED_KEY,
            profile=profile,
            suite=Suite.named(suite),
            only=tuple(only or ()),
            policy=policy,
            baseline=baseline,
            budget_usd=amount,
            budget_requests=budget_requests,
            prices=given(prices),
            seed=seed,
            repeat=repeat,
            bounds=Bounds(connect_s=min(timeout, 10.0), idle_s=timeout),
        )
        judging = partial(both_sides.check, upstream=mock.url) if proxy and mock else check_run.check
        return _run(judging, settings, api_key_env, json_)


def _target(network: Network, given: str | None, bundled: str, model: str | None, beta_url: str | None) -> Target:
    """What the user named, by the way that the network asks for; the bundled mock is next to us."""
    return network.target(given, model, beta_url) if given else target(bundled, model, beta_url)


def _run(judging: Callable[..., check_run.CheckOutcome], settings: Options, key_env: str, as_json: bool) -> int:
    with results.progress("check", quiet=as_json) as bar:
        task = bar.add_task("", total=None)

        def watch(step: Progress) -> None:
            bar.update(task, completed=step.done, total=step.planned, description=step.probe)

        try:
            outcome = judging(settings, watch=watch)
        except KeyboardInterrupt:
            bar.stop()
            judge(settings.out, settings.baseline, as_json)
            raise
    results.publish(outcome.report, read(settings.out, outcome.report), settings.out, as_json)
    if outcome.stopped:
        with options.naming_the_key(key_env):
            raise outcome.stopped
    return outcome.exit_code


def money(text: str | None) -> Decimal | None:
    """An amount from the command line; :class:`UsageError` for what is none."""
    try:
        amount = None if text is None else Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if amount is not None and not (amount.is_finite() and amount >= 0):
        raise UsageError(f"--budget-usd {text!r} is no amount of money; write it like 0.25")
    return amount


def known_profile(name: str) -> None:
    try:
        specs.demand(name)
    except specs.SpecError as error:
        raise UsageError(str(error)) from None
