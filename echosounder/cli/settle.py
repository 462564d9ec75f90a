"""``echosounder settle``: answer questions that the documentation leaves open with a few paid requests."""

from contextlib import ExitStack
from datetime import UTC, datetime

import typer

from echosounder import specs
from echosounder.cli import options, printed, results
from echosounder.cli.network import STRAIGHT, Network, networked
from echosounder.conformance import check_run
from echosounder.conformance.ask import Ask
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.planner import Caps, plan
from echosounder.judgement.setting import Suite
from echosounder.mock_server.net.process import spawn
from echosounder.specs import Requirement
from echosounder.wire.target import target
from echosounder.wire.verdict import Verdict

OPEN = {Verdict.INCONCLUSIVE, Verdict.UNTESTABLE, Verdict.ERROR, Verdict.NOT_APPLICABLE}


@networked
def settle(
    url: options.Url = None,
    profile: options.Profile = specs.DEFAULT_PROFILE,
    model: options.Model = None,
    beta_url: options.BetaUrl = None,
    budget_usd: options.Usd = None,
    api_key_env: options.KeyEnv = options.DEFAULT_KEY_ENV,
    yes: bool = typer.Option(False, "--yes", help="Send without asking for confirmation."),
    out: options.Out = None,
    network: Network = STRAIGHT,
) -> int:
    """Send the few requests that settle contradictions between documentation and observations; prints the price first."""
    options.known_profile(profile)
    rows = disputed(profile)
    only, caps = tuple(row.id for row in rows), Caps(usd=options.money(budget_usd))
    sends = plan(Ask(profile, model or specs.models(profile)[0]), Suite.THOROUGH, datetime.now(UTC), only, 1, caps)
    console = printed.console(soft_wrap=True)
    price = "at an unknown price" if sends.usd is None else f"for {sends.usd.normalize():f} USD at most"
    console.print(f"{sends.requests} requests {price} settle {len(rows)} questions.")
    if url and not yes and not typer.confirm("Send them?"):
        return 3
    with results.folder(out, "settle") as folder, ExitStack() as stack:
        mock = None if url else stack.enter_context(spawn(profile=profile))
        outcome = check_run.check(
            CheckOptions(
                target=network.target(url, model, beta_url) if url else target(mock.url if mock else ""),
                out=folder,
                api_key=options.api_key(api_key_env) if url else options.BUNDLED_KEY,
                profile=profile,
                suite=Suite.THOROUGH,
                only=only,
                policy="documented",
                budget_usd=caps.usd,
            )
        )
    found = {result.requirement: result.verdict for result in outcome.results}
    for row in rows:
        console.print(f"\n{row.id}: {answer(row, found.get(row.id, Verdict.INCONCLUSIVE))}")
    return 3 if any(found.get(row.id, Verdict.INCONCLUSIVE) in OPEN for row in rows) else 0


def disputed(profile: str) -> list[Requirement]:
    return [row for row in specs.requirements(profile) if row.settle]


def answer(row: Requirement, verdict: Verdict) -> str:
    """Meaning of a verdict under the policy ``documented`` for ``specs/``."""
    if verdict in OPEN:
        return f"still open ({verdict}); {row.conflict}"
    if verdict is Verdict.PASS:
        return "as documented: remove conflict and settle from the row, so that the other form is a finding."
    return f"not as documented: {row.settle}"
