"""``echosounder replay``: send one exchange of a run again, to see whether it is fixed."""

from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.text import Text

from echosounder.cli import options, printed
from echosounder.cli.network import STRAIGHT, Network, networked
from echosounder.conformance.client import replay as replayed
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.proxy import replay as both_sides
from echosounder.conformance.replay import Replay, ReplayOutcome
from echosounder.conformance.replay import replay as again
from echosounder.mock_server.net.process import spawn
from echosounder.stage import stage
from echosounder.wire.errors import Unreachable, UsageError
from echosounder.wire.header import Aimed, RunKind
from echosounder.wire.redact import MARK
from echosounder.wire.runlog import Run, read
from echosounder.wire.target import Target
from echosounder.wire.verdict import Finding
from echosounder.wire.visible import line

STYLES = {ReplayOutcome.FIXED: "bold green", ReplayOutcome.STILL: "bold red", ReplayOutcome.OTHER: "bold yellow"}


@networked
def replay(
    run: options.Run,
    exchange: Annotated[str, typer.Argument(metavar="EXCHANGE", help="Id of the exchange, as shown in findings.")],
    url: Annotated[
        str | None, typer.Option(envvar="ECHOSOUNDER_URL", help="Base URL to send it to; by default the run's target.")
    ] = None,
    api_key_env: options.KeyEnv = options.DEFAULT_KEY_ENV,
    timeout: options.Timeout = 60.0,
    network: Network = STRAIGHT,
) -> int:
    """Send one exchange again and report FIXED, STILL or OTHER; exit 0 if there is no finding any more."""
    log = read(run)
    _ = log.header.checking  # exchanges of a load run cannot be judged individually
    if log.header.kind_of_run is RunKind.CLIENT:
        header = log.header
        return _shown(
            exchange, replayed.again(log, exchange, replayed.options_of(log), stage(header.profile, header.seed or 0))
        )
    key = options.api_key(api_key_env)
    aim = _aim(network, url, log.header.target, key)
    bounds = Bounds(connect_s=min(timeout, 10.0), idle_s=timeout)
    send = _through if log.header.kind_of_run is RunKind.PROXY else again
    return _shown(exchange, send(log, exchange, aim, key, bounds))


def _shown(exchange: str, outcome: Replay) -> int:
    if outcome.after.status is None and outcome.before.status is not None:
        raise Unreachable(
            f"{outcome.after.request.url} gave no answer ({outcome.after.error}), so the outcome is unknown; is it running?"
        )
    console = printed.console(soft_wrap=True)
    status = outcome.after.status or outcome.after.error
    console.print(
        Text.assemble(
            (outcome.change, STYLES[outcome.change]), f"  exchange {line(exchange)}: status {line(str(status))}"
        )
    )
    _list(console, "found then", outcome.findings_before)
    _list(console, "found now", outcome.findings_after)
    return 1 if outcome.findings_after else 0


def _aim(network: Network, url: str | None, recorded: Aimed, key: str | None) -> Target:
    """Where to send the request. A log may come from anyone, so the key is only sent to the user's URL, or to that of a
    log made with the same key.
    """
    if url:
        return network.target(url)
    if MARK in recorded.url:
        raise UsageError(
            "the query of the run's target held a secret, which is not in the log; give the full URL with --url"
        )
    aim = network.target(recorded.url, recorded.model, recorded.beta_url)
    if (seal := aim.seal(key)) and seal != recorded.seal:
        raise UsageError(
            f"the log does not show that it was made for {aim.shown} with the key and the headers that are set here, so they are not "
            f"sent there; give the address with --url, or set the key of that run"
        )
    return aim


def _through(log: Run, exchange: str, proxy: Target, key: str | None, bounds: Bounds) -> Replay:
    """The upstream mock, which listens on the same port as in the run, to which the proxy forwards."""
    with spawn(profile=log.header.profile, port=urlsplit(log.header.checking.upstream or "").port or 0) as mock:
        return both_sides.again(log, exchange, proxy, key, mock.url, bounds)


def _list(console: Console, title: str, findings: tuple[Finding, ...]) -> None:
    console.print(Text(f"{title}: {len(findings) or 'nothing'}", "dim"))
    for finding in findings[:10]:
        console.print(Text(f"  {finding.requirement}: {line(finding.message)}"))
