"""``echosounder compare --live``: send the same probes to two targets and report the differences of their answers."""

import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from rich.progress import Progress as Bar

from echosounder.cli import options, printed, results
from echosounder.cli.network import Network
from echosounder.cli.progress import progress
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.live_comparison import OneSided, compare
from echosounder.conformance.options import CheckOptions, Progress, deadline
from echosounder.judgement.differences import SIDES
from echosounder.judgement.setting import Suite
from echosounder.reports import differences
from echosounder.wire.errors import UsageError
from echosounder.wire.prices import given


@dataclass(frozen=True)
class Settings:
    """Command-line settings of both sides. ``urls``, ``models`` and ``keys`` are those of the reference and of the candidate; a key is
    given by the name of its variable.
    """

    urls: tuple[str, str]
    models: tuple[str | None, str | None]
    keys: tuple[str, str]
    profile: str
    suite: str
    times: int
    timeout: float
    networks: tuple[Network, Network]
    budget_requests: int | None
    budget_usd: str | None
    prices: str | None
    out: Path | None


def live(settings: Settings, as_json: bool) -> int:
    """Compare two targets. Returns 0 if nothing differs, 1 if something does; raises if one of the two cannot be compared."""
    options.known_profile(settings.profile)
    amount = options.money(settings.budget_usd)
    with ExitStack() as stack:
        folder = stack.enter_context(results.made(settings.out, "compare"))
        logs = [stack.enter_context(results.folder(folder / name, name)) for name in SIDES]
        return _live(settings, folder, (_side(settings, index, log, amount) for index, log in enumerate(logs)), as_json)


def _live(settings: Settings, folder: Path, sides: Iterable[CheckOptions], as_json: bool) -> int:
    reference, candidate = sides
    try:
        with progress("compare", quiet=as_json) as bar:
            comparison = compare(reference, candidate, settings.times, _watch(bar))
    except OneSided as error:
        with options.naming_the_key(settings.keys[SIDES.index(error.side)]):
            raise error.reason from None
    _publish(comparison.report, folder, as_json)
    return comparison.exit_code


def _side(settings: Settings, index: int, folder: Path, amount: Decimal | None) -> CheckOptions:
    return CheckOptions(
        target=settings.networks[index].target(settings.urls[index], settings.models[index]),
        out=folder,
        api_key=options.api_key(settings.keys[index]),
        profile=settings.profile,
        suite=Suite.named(settings.suite),
        budget_requests=settings.budget_requests,
        budget_usd=amount,
        prices=given(settings.prices),
        bounds=Bounds(
            min(settings.timeout, 10.0),
            settings.timeout,
            run_s=2 * deadline(Suite.named(settings.suite), settings.times),
        ),
    )


def _watch(bar: Bar) -> Callable[[Progress], None]:
    task = bar.add_task("", total=None)
    return lambda step: bar.update(task, completed=step.done, total=step.planned, description=step.probe)


def _publish(report: dict[str, object], folder: Path, as_json: bool) -> None:
    text = json.dumps(report, ensure_ascii=False, indent=1)
    try:
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")
        (folder / "summary.md").write_text(differences.to_markdown(report), encoding="utf-8")
        (folder / "report.html").write_text(differences.to_html(report), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write into {folder}: {error.strerror}; the logs of both sides are safe there"
        ) from None
    if as_json:
        print(text)
        return
    console = printed.console()
    differences.show(report, console)
    console.print(f"report: {folder / 'report.html'}", style="dim", soft_wrap=True)
