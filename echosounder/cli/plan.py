"""``echosounder plan``: show the requests of a check without sending them."""

import json
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from echosounder import specs
from echosounder.cli import options, printed
from echosounder.conformance.ask import Ask
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.options import deadline as longest
from echosounder.conformance.planner import Caps, Plan
from echosounder.conformance.planner import plan as planned
from echosounder.judgement.assigned import selection
from echosounder.judgement.setting import Suite
from echosounder.wire.prices import given


def plan(
    profile: options.Profile = specs.DEFAULT_PROFILE,
    model: options.Model = None,
    suite: options.SuiteOption = options.SuiteName.STANDARD,
    only: options.Only = None,
    exclude: options.Exclude = None,
    features: options.Features = None,
    repeat: options.Repeat = 1,
    format: options.FormatOption = None,
    budget_usd: options.Usd = None,
    budget_requests: options.Requests = None,
    prices: options.Prices = None,
    deadline: options.Deadline = None,
    json_: options.Json = False,
) -> None:
    """Show requests, tokens and the worst-case price of a check; sends nothing."""
    options.known_profile(profile)
    ask = Ask(profile, model or specs.models(profile)[0])
    caps = Caps(budget_requests, options.money(budget_usd), given(prices))
    patterns, formats = selection(only or (), exclude or (), features or ()), options.formats(format, profile)
    sends = planned(ask, Suite.named(suite), datetime.now(UTC), patterns, repeat, caps, formats)
    bounds = Bounds(run_s=longest(Suite.named(suite), repeat, deadline))
    if json_:
        print(json.dumps(_record(ask, sends, bounds), indent=1))
    else:
        _show(ask, sends, bounds, printed.console())


def _record(ask: Ask, sends: Plan, bounds: Bounds) -> dict[str, object]:
    return {
        "profile": ask.profile,
        "model": ask.model,
        "requests": sends.requests,
        "prompt_tokens": sends.prompt_tokens,
        "completion_tokens": sends.completion_tokens,
        "usd": None if sends.usd is None else str(sends.usd),
        "reduction": sends.reduction,
        "left_out": dict(sends.left_out),
        "longest_s": bounds.run_s,
        "longest_answer_s": bounds.total_s,
        "priced_at": sends.at.isoformat(timespec="seconds"),
        "probes": [
            {"id": probe.name, "requests": probe.requests, "completion_tokens": probe.tokens} for probe in sends.probes
        ],
    }


def _show(ask: Ask, sends: Plan, bounds: Bounds, console: Console) -> None:
    table = Table("probe", "requests", "tokens at most", "what for", box=None, pad_edge=False)
    for probe in sends.probes:
        table.add_row(probe.name, str(probe.requests), str(probe.tokens), probe.purpose.splitlines()[0])
    console.print(table)
    if sends.spent is not None:
        console.print(f"\n{sends.spent}", soft_wrap=True)
    price = (
        "no price is known for this model (give --price)"
        if sends.usd is None
        else f"at most {sends.usd.normalize():f} USD"
    )
    more = f", and {sends.reduction} more to minimize failing requests" if sends.reduction else ""
    console.print(
        f"\n{sends.requests} requests{more}, at most {sends.prompt_tokens} + {sends.completion_tokens} tokens: {price}"
        f" for {ask.model}, at the highest prices of {sends.at:%Y-%m-%d}, "
        f"with requests that must be refused as if they were served; at most {bounds.run_s / 60:.0f} minutes in all, "
        f"{bounds.total_s / 60:.0f} for an answer. Nothing was sent.",
        soft_wrap=True,
    )
