"""``echosounder client -- COMMAND``: check a client, SDK or agent."""

from typing import Annotated

import typer

from echosounder import specs
from echosounder.cli import options, results
from echosounder.cli.duration import duration
from echosounder.cli.progress import progress
from echosounder.conformance.client import run as position
from echosounder.conformance.client.launch import found
from echosounder.conformance.client.options import PARALLEL, ClientOptions
from echosounder.conformance.client.player import pattern
from echosounder.conformance.options import Progress
from echosounder.judgement.assigned import known_patterns
from echosounder.judgement.setting import Suite
from echosounder.reports.source import read
from echosounder.stage import stage
from echosounder.wire.errors import BudgetSpent

Command = Annotated[
    list[str],
    typer.Argument(
        metavar="COMMAND...",
        help="The client's command, after --. {base_url}, {api_key}, {model}, {prompt} and {use} are filled in.",
        show_default=False,
    ),
]
Parallel = Annotated[
    int | None, typer.Option(min=1, max=64, help="Number of scenarios to run at a time; by default two per processor.")
]
Limit = Annotated[
    float,
    typer.Option(
        "--timeout", parser=duration(), metavar="DURATION", help="Maximum duration of the command in one scenario."
    ),
]
Patience = Annotated[
    float,
    typer.Option(
        "--client-timeout",
        parser=duration(),
        metavar="DURATION",
        help="Timeout that the client gets in ECHO_TIMEOUT_S.",
    ),
]
Time = Annotated[
    float | None,
    typer.Option(
        "--budget-time", parser=duration(), metavar="DURATION", help="Start no further scenarios after this time."
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore", metavar="REGEX", help="Regular expression for output that varies from run to run; may be repeated."
    ),
]


def client(
    command: Command,
    profile: options.Profile = specs.DEFAULT_PROFILE,
    model: options.Model = None,
    suite: options.SuiteOption = options.SuiteName.STANDARD,
    only: options.Only = None,
    baseline: options.Baseline = None,
    parallel: Parallel = None,
    timeout: Limit = "20s",  # type: ignore[assignment]  # parsed by the option
    client_timeout: Patience = "2s",  # type: ignore[assignment]
    budget_time: Time = None,
    ignore: Ignore = None,
    seed: options.Seed = 0,
    out: options.Out = None,
    json_: options.Json = False,
) -> int:
    """Run a client against a correct mock, every legal variant and every fault; judge its requests and how it handles the answers."""
    options.known_profile(profile)
    known_patterns(tuple(only or ()))
    found(tuple(command))
    ignored = tuple(each for each in ignore or () if pattern(each))
    with results.folder(out, "client") as folder:
        settings = ClientOptions(
            command=tuple(command),
            out=folder,
            profile=profile,
            model=model,
            suite=Suite.named(suite),
            only=tuple(only or ()),
            baseline=baseline,
            limit_s=timeout,
            patience_s=client_timeout,
            budget_s=budget_time,
            ignored=ignored,
            seed=seed,
            parallel=parallel or PARALLEL,
        )
        return _run(settings, json_)


def _run(settings: ClientOptions, as_json: bool) -> int:
    with progress("client", quiet=as_json) as bar:
        task = bar.add_task("", total=None)

        def watch(step: Progress) -> None:
            bar.update(task, completed=step.done, total=step.planned, description=step.probe)

        try:
            outcome = position.check(settings, stage(settings.profile, settings.seed), watch)
        except KeyboardInterrupt:
            bar.stop()
            results.judge(settings.out, settings.baseline, as_json)
            raise
    nothing = outcome.stopped is not None and not isinstance(outcome.stopped, BudgetSpent)
    results.publish(outcome.report, read(settings.out, outcome.report), settings.out, as_json, silent=nothing)
    if outcome.stopped:
        raise outcome.stopped
    return outcome.exit_code
