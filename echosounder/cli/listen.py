"""``echosounder listen``: a reverse proxy that changes nothing, and reports violations, times and costs of the traffic."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from echosounder import specs
from echosounder.cli import options, results
from echosounder.cli.duration import duration
from echosounder.cli.network import STRAIGHT, Network, networked
from echosounder.cli.passing import BodiesOption, header
from echosounder.conformance.listen.forwarder import Onward
from echosounder.conformance.listen.serve import Until, relay
from echosounder.judgement.baseline import Baseline
from echosounder.listening.__main__ import JudgeSettings
from echosounder.listening.judge import Judge
from echosounder.listening.witness import Bodies
from echosounder.reports.source import document, read
from echosounder.wire.errors import CannotJudge, UsageError
from echosounder.wire.header import RunKind
from echosounder.wire.target import Target

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@networked
def listen(
    upstream: Annotated[str, typer.Option("--upstream", metavar="URL", help="URL to forward requests to.")],
    host: Annotated[str, typer.Option(envvar="ECHOSOUNDER_LISTEN_HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    profile: options.Profile = specs.DEFAULT_PROFILE,
    policy: options.PolicyOption = options.Policy.INTEROP,
    bodies: BodiesOption = Bodies.FINDINGS,
    keep: Annotated[
        str,
        typer.Option(
            metavar="SIZE", help="Maximum size of the log on disk, such as 500M; the oldest parts are deleted."
        ),
    ] = "1G",
    duration: Annotated[
        float | None,
        typer.Option(parser=duration(), metavar="DURATION", help="Stop after this time, such as 1h."),
    ] = None,
    requests: Annotated[int | None, typer.Option(min=1, help="Stop after this many requests.")] = None,
    keep_host: Annotated[bool, typer.Option("--keep-host", help="Keep the client's Host header.")] = False,
    baseline: options.Baseline = None,
    out: options.Out = None,
    json_: options.Json = False,
    network: Network = STRAIGHT,
) -> int:
    """Forward requests to a server unchanged, and judge what passes. Sends nothing itself; Ctrl-C ends it with a report."""
    options.known_profile(profile)
    aim = _aim(network, upstream)
    bounds = Until(duration, requests)
    if baseline:
        Baseline.load(baseline)  # the judging process would detect this too late
    limit, way = size(keep), Onward.of(aim, keep_host)
    with results.folder(out, "listen") as folder:
        settings = JudgeSettings(
            folder=str(folder),
            header=header(RunKind.LISTEN, aim.shown, profile, aim.access.shown),
            policy=policy,
            bodies=bodies,
            keep=limit,
            base=aim.url,
            baseline=None if baseline is None else str(baseline),
        )
        return _run(Judge(settings), folder, (host, port), way, bounds, json_)


def _run(judge: Judge, folder: Path, place: tuple[str, int], way: Onward, bounds: Until, as_json: bool) -> int:
    console = Console(stderr=True)
    with Live("", console=console, transient=True, auto_refresh=False) as live:

        def tick(forwarded: dict[str, Any]) -> int:
            heard = judge.hear()
            if console.is_terminal and not as_json:
                live.update(Text(_now(heard, forwarded, judge.gone)), refresh=True)
            return int(heard.get("requests", 0))

        def ready(url: str) -> None:
            print(f"listening on {url}", file=sys.stderr if as_json else sys.stdout, flush=True)

        try:
            figures = relay(*place, way, judge.tape, bounds, ready, tick)
        except UsageError:
            judge.stop()
            raise
    heard = judge.wait()
    if figures["unwritten"] or not heard.get("over"):
        raise CannotJudge(f"the judging process ended early; its log is in {folder}: `echosounder score {folder}`")
    return _told(folder, as_json)


def _told(folder: Path, as_json: bool) -> int:
    try:
        made = document(folder)
    except UsageError as error:
        raise CannotJudge(f"the reports could not be written into {folder}: {error}") from None
    results.show(made, read(folder, made), folder, as_json)
    return results.EXIT.get(made["verdict"], 3)


def _now(heard: dict[str, Any], forwarded: dict[str, Any], alone: bool) -> str:
    """The results so far, in one line."""
    parts = [
        f"{heard.get('requests', 0):,} requests",
        f"{heard.get('streams', 0):,} streams",
        f"{heard.get('open', 0)} open",
    ]
    parts += [f"{heard['broken']:,} broken ({', '.join(heard['worst'])})"] if heard.get("broken") else []
    added = forwarded["added_ms"]
    parts += [f"added latency p99 at most {added['p99']} ms"] if added["count"] else []
    parts += ["traffic is no longer judged, because the judging process has ended"] if alone else []
    for name, words in (("not_kept", "not kept"), ("unreached", "without an upstream"), ("unwritten", "")):
        parts += [f"{heard[name]} {words}".strip()] if heard.get(name) else []
    return "  ".join(parts)


def _aim(network: Network, upstream: str) -> Target:
    if network.header or network.auth_header:
        raise UsageError("listen does not change requests, so it takes neither --header nor --auth-header")
    if network.trust_env:
        raise UsageError("listen does not support --trust-env")
    aim = network.target(upstream)
    if aim.query:
        raise UsageError("--upstream has a query, which listen would have to add to every request; leave it out")
    return aim


def size(text: str) -> int:
    """Parse a size such as ``500M`` to bytes. Raises :class:`UsageError`."""
    number, unit = text.rstrip("bBkKmMgGiI"), text[len(text.rstrip("bBkKmMgGiI")) :][:1].upper()
    try:
        return int(float(number) * UNITS["" if unit == "B" else unit])
    except (ValueError, KeyError, OverflowError):
        raise UsageError(f"--keep {text!r} is not a size; write it like 500M or 2G") from None
