"""``echosounder load``: measure latency, throughput and cost of a target."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from secrets import randbelow
from typing import Annotated, Any

import typer

from echosounder import specs
from echosounder.cli import analysed, complete, options, results
from echosounder.cli.described import described, values
from echosounder.cli.duration import duration
from echosounder.cli.network import STRAIGHT, Network, networked
from echosounder.cli.progress import progress
from echosounder.load import engine, inputs, sampled
from echosounder.load.experiments import EXPERIMENTS, TWO_KEYS
from echosounder.load.options import NOWHERE, Options
from echosounder.mock_server.net.process import spawn
from echosounder.wire.access import DIRECT, Access
from echosounder.wire.errors import UsageError
from echosounder.wire.visible import line

Timeout = Annotated[
    float,
    typer.Option(
        envvar="ECHOSOUNDER_TIMEOUT",
        parser=duration(),
        metavar="DURATION",
        help="Abandon a stream after this long without a byte.",
    ),
]
OtherKey = Annotated[
    str | None,
    typer.Option(
        "--other-api-key-env",
        envvar="ECHOSOUNDER_OTHER_API_KEY_ENV",
        help="Variable that holds a second API key, to test whether both share a limit (rate-limit).",
    ),
]
Scenario = Annotated[
    str,
    typer.Argument(
        help="Scenario from `list scenarios`, or a YAML file. A URL in its place runs `streaming` against that target.",
        autocompletion=complete.names("scenarios"),
    ),
]


USUAL, LONGEST = 30.0, 300.0  # s; default of a load, and maximum of an experiment
FIRST = "streaming"


@networked
@described(Options, "ECHOSOUNDER_")
def load(
    scenario: Scenario,
    url: options.Url = None,
    profile: options.Profile = specs.DEFAULT_PROFILE,
    model: options.Model = None,
    beta_url: options.BetaUrl = None,
    api_key_env: options.KeyEnv = options.DEFAULT_KEY_ENV,
    other_api_key_env: OtherKey = None,
    timeout: Timeout = 120.0,
    out: options.Out = None,
    json_: options.Json = False,
    network: Network = STRAIGHT,
    **given: Any,
) -> int:
    """Load a target and report latency, throughput and cost, and their reliability; without URL, those of the bundled mock."""
    options.known_profile(profile)
    scenario, url = _what_and_where(scenario, url)
    runner = _runner(scenario, other_api_key_env)
    given = values(Options, given)
    given["duration"] = _duration(scenario, **given)
    if given["seed"] is None:  # the requests of an experiment are independent of earlier runs
        given["seed"] = 0 if scenario in EXPERIMENTS else randbelow(2**31)
    with results.folder(out, f"load-{Path(scenario).stem}") as folder, ExitStack() as stack:
        settings = Options(
            url=url or (NOWHERE if given["worker"] else stack.enter_context(spawn(profile=profile)).url),
            scenario=scenario,
            profile=profile,
            model=model,
            beta_url=beta_url,
            access=_access(network, url),
            api_key=options.api_key(api_key_env) if url else options.BUNDLED_KEY,
            run_secret=options.run_secret(),
            connect_timeout=min(timeout, 10.0),
            idle_timeout=timeout,
            out=folder,
            **given,
        )
        return _run(runner, settings, api_key_env, json_)


def _what_and_where(scenario: str, url: str | None) -> tuple[str, str | None]:
    """Scenario and URL, given in either order; a URL alone is loaded with :data:`FIRST`."""
    if not _is_url(scenario):
        return scenario, url
    return (
        FIRST if url is None or _is_url(url) else url
    ), scenario  # the second URL is from the variable, which has lower precedence


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _access(network: Network, url: str | None) -> Access:
    return network.target(url).access if url else DIRECT


def _duration(scenario: str, duration: float | None, trace: Path | None, warmup: float, **others: Any) -> float:
    """Default duration; that of a trace is its length."""
    if duration is not None:
        return duration
    if scenario in EXPERIMENTS:
        return LONGEST
    return inputs.duration(trace, warmup) if trace else USUAL


def _runner(scenario: str, other_key_env: str | None) -> Callable[..., engine.LoadResult]:
    """The function that runs the scenario. Raises :class:`UsageError` for a second key that is not used or not set."""
    if other_key_env is None:
        return EXPERIMENTS.get(scenario, engine.run)
    if scenario not in TWO_KEYS:
        raise UsageError(f"--other-api-key-env works with {' and '.join(TWO_KEYS)} only, not with {scenario}")
    key = options.api_key(other_key_env)
    if key is None:
        raise UsageError(f"the variable {other_key_env} holds no API key; set it, or omit --other-api-key-env")
    return partial(EXPERIMENTS[scenario], other_key=key)


def _first(settings: Options, step: engine.Step) -> Iterator[str]:
    """The message at the first step: where to watch and, for an experiment, its worst case, before anything is sent."""
    if settings.web is not None:
        page = f"http://127.0.0.1:{settings.web}"
        yield f"watch: {page}/echosounder, and Locust's own page: {page}/"
    if settings.scenario in EXPERIMENTS:
        yield line(f"{settings.scenario}: {step.said}")


def _run(runner: Callable[..., engine.LoadResult], settings: Options, key_env: str, as_json: bool) -> int:
    with progress("load", quiet=as_json) as bar, options.naming_the_key(key_env):
        task = bar.add_task("", total=None)
        begun = False

        def told(step: engine.Step) -> None:
            nonlocal begun
            for said in () if begun else _first(settings, step):
                bar.console.print(said, highlight=False, soft_wrap=True, markup=False)
            begun = True
            bar.update(task, completed=step.done, total=step.planned, description=step.said)

        outcome = runner(settings, told)
    report = outcome.report
    if settings.scenario not in EXPERIMENTS:
        report = sampled.with_conformance(report, outcome.log, settings.profile)
    analysed.publish(report, settings.out, as_json)
    if settings.scenario not in EXPERIMENTS and not as_json:
        print(f"seed {settings.seed}: `--seed {settings.seed}` sends the same requests again")
    return outcome.exit_code
