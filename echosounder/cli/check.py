"""``echosounder check``: check whether a target conforms."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Annotated

import typer

from echosounder import specs
from echosounder.cli import options, results
from echosounder.cli.network import STRAIGHT, Network, networked
from echosounder.cli.progress import progress
from echosounder.conformance import check_run
from echosounder.conformance import proxy as both_sides
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.options import CheckOptions, Progress
from echosounder.conformance.options import deadline as longest
from echosounder.judgement.assigned import selection
from echosounder.judgement.setting import Suite
from echosounder.mock_server.net.process import spawn
from echosounder.reports.source import read
from echosounder.wire.errors import BudgetSpent, UsageError
from echosounder.wire.prices import given
from echosounder.wire.target import Target, target

Proxy = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Base URL of a proxy that forwards to --upstream-port on this machine."),
]
UpstreamPort = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=65535, help="Port on which the bundled mock listens as the proxy's upstream."),
]


@networked
def check(
    url: options.Url = None,
    profile: options.Profile = specs.DEFAULT_PROFILE,
    model: options.Model = None,
    beta_url: options.BetaUrl = None,
    suite: options.SuiteOption = options.SuiteName.STANDARD,
    only: options.Only = None,
    exclude: options.Exclude = None,
    features: options.Features = None,
    format: options.FormatOption = None,
    policy: options.PolicyOption = options.Policy.INTEROP,
    baseline: options.Baseline = None,
    budget_usd: options.Usd = None,
    budget_requests: options.Requests = None,
    prices: options.Prices = None,
    api_key_env: options.KeyEnv = options.DEFAULT_KEY_ENV,
    timeout: options.Timeout = 60.0,
    deadline: options.Deadline = None,
    patience: options.Patience = None,
    seed: options.Seed = 0,
    repeat: options.Repeat = 1,
    proxy: Proxy = None,
    upstream_port: UpstreamPort = None,
    out: options.Out = None,
    json_: options.Json = False,
    network: Network = STRAIGHT,
) -> int:
    """Check a target against the requirements of a profile; without URL, the bundled mock. With --proxy, compare both
    sides of a proxy.
    """
    options.known_profile(profile)
    amount, formats = options.money(budget_usd), options.formats(format, profile)
    chosen = selection(only or (), exclude or (), features or ())
    if (proxy is None) != (upstream_port is None) or (proxy and url):
        raise UsageError("--proxy URL and --upstream-port N go together, and without another URL")
    if proxy and repeat > 1:
        raise UsageError("--repeat does not go with --proxy; run the check of a proxy several times")
    with results.folder(out, "check") as folder, ExitStack() as stack:
        mock = None if url else stack.enter_context(spawn(profile=profile, port=upstream_port or 0))
        settings = CheckOptions(
            target=_target(network, proxy or url, mock.url if mock else "", model, beta_url),
            out=folder,
            api_key=options.api_key(api_key_env) if url or proxy else options.BUNDLED_KEY,
            profile=profile,
            suite=Suite.named(suite),
            only=chosen,
            formats=formats,
            policy=policy,
            baseline=baseline,
            budget_usd=amount,
            budget_requests=budget_requests,
            prices=given(prices),
            seed=seed,
            repeat=repeat,
            bounds=Bounds(min(timeout, 10.0), timeout, run_s=longest(Suite.named(suite), repeat, deadline)),
            patience=patience,
        )
        judging = partial(both_sides.check, upstream=mock.url) if proxy and mock else check_run.check
        return _run(judging, settings, api_key_env, json_)


def _target(network: Network, given: str | None, bundled: str, model: str | None, beta_url: str | None) -> Target:
    """The target of the options, reached through the configured network; the bundled mock is always local."""
    return network.target(given, model, beta_url) if given else target(bundled, model, beta_url)


def _run(judging: Callable[..., check_run.CheckOutcome], settings: CheckOptions, key_env: str, as_json: bool) -> int:
    with progress("check", quiet=as_json) as bar:
        task = bar.add_task("", total=None)

        def watch(step: Progress) -> None:
            bar.update(task, completed=step.done, total=step.planned, description=step.probe)

        try:
            outcome = judging(settings, watch=watch)
        except KeyboardInterrupt:
            bar.stop()
            results.judge(settings.out, settings.baseline, as_json)
            raise
    nothing = outcome.stopped is not None and not isinstance(outcome.stopped, BudgetSpent)
    results.publish(outcome.report, read(settings.out, outcome.report), settings.out, as_json, silent=nothing)
    if outcome.stopped:
        with options.naming_the_key(key_env):
            raise outcome.stopped
    return outcome.exit_code
