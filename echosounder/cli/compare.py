"""``echosounder compare``: fixed, broken, flapping and slower results; with ``--live``, differences between the answers of two targets."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from echosounder import specs
from echosounder.cli import compare_live as both
from echosounder.cli import options, printed
from echosounder.cli.network import STRAIGHT, Network, networked
from echosounder.judgement.comparison import runs as comparing
from echosounder.reports import compare_page, compare_text, source
from echosounder.reports.kinds import kind
from echosounder.wire.comparison import BETTER, EQUAL, UNRESOLVED, WORSE, Comparison
from echosounder.wire.errors import UsageError

EXIT_CODES = {EQUAL: 0, BETTER: 0, WORSE: 1, UNRESOLVED: 3}

More = Annotated[
    list[Path] | None,
    typer.Option(metavar="RUN", help="Another run of the same side, to find flaky requirements; may be repeated."),
]


LIVE = "With --live"
Live = Annotated[
    bool,
    typer.Option(
        "--live",
        help="BEFORE and AFTER are URLs: send both the same probes and report only differences.",
        rich_help_panel=LIVE,
    ),
]
ReferenceModel = Annotated[
    str | None,
    typer.Option(help="Model of the first target; by default the first that it lists.", rich_help_panel=LIVE),
]
CandidateModel = Annotated[
    str | None,
    typer.Option(
        "--model", help="Model of the second target; by default the first that it lists.", rich_help_panel=LIVE
    ),
]
ReferenceKey = Annotated[
    str | None,
    typer.Option(help="Variable that holds the first target's key; the second's by default.", rich_help_panel=LIVE),
]
CandidateKey = Annotated[
    str,
    typer.Option(
        "--api-key-env",
        envvar="ECHOSOUNDER_API_KEY_ENV",
        help="Variable that holds the second target's key.",
        rich_help_panel=LIVE,
    ),
]
ReferenceHeader = Annotated[
    list[str] | None,
    typer.Option(
        help="Extra header for the first target; those of the second by default.",
        metavar="'NAME: VALUE'",
        rich_help_panel=LIVE,
    ),
]
ReferenceAuth = Annotated[
    str | None,
    typer.Option(
        help="Header that carries the first target's key; that of the second by default.",
        metavar="NAME",
        envvar="ECHOSOUNDER_REFERENCE_AUTH_HEADER",
        rich_help_panel=LIVE,
    ),
]
Times = Annotated[
    int,
    typer.Option(
        min=1,
        max=100,
        help="Number of times to send each probe, to separate differences from noise.",
        rich_help_panel=LIVE,
    ),
]


@networked
def compare(
    before: Annotated[str, typer.Argument(help="The earlier run; with --live, the URL of the reference.")],
    after: Annotated[str, typer.Argument(help="The run to judge; with --live, the URL of the candidate.")],
    also_before: More = None,
    also_after: More = None,
    common: Annotated[
        bool, typer.Option("--common", help="For checks: compare only requirements that all runs judged.")
    ] = False,
    threshold: Annotated[
        float,
        typer.Option(min=0.0, max=10.0, help="For loads: the smallest relative change that counts, such as 0.05."),
    ] = 0.05,
    page: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="HTML output path.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, such as for a job summary.")] = False,
    live: Live = False,
    reference_model: ReferenceModel = None,
    model: CandidateModel = None,
    reference_key_env: ReferenceKey = None,
    api_key_env: CandidateKey = options.DEFAULT_KEY_ENV,
    profile: options.Profile = specs.DEFAULT_PROFILE,
    suite: options.SuiteOption = options.SuiteName.SMOKE,
    times: Times = 3,
    timeout: options.Timeout = 60.0,
    budget_requests: options.Requests = None,
    budget_usd: options.Usd = None,
    prices: options.Prices = None,
    out: options.Out = None,
    reference_header: ReferenceHeader = None,
    reference_auth_header: ReferenceAuth = None,
    json_: options.Json = False,
    network: Network = STRAIGHT,
) -> int:
    """Compare two runs; exit 0 if nothing got worse, 1 if something did, 3 if that cannot be determined. With --live, two targets: 0 if
    nothing differs, 1 if something does; budgets apply to each side.
    """
    if live and (also_before or also_after):
        raise UsageError(
            "--also-before and --also-after name runs; with --live, --times sends each probe several times"
        )
    if live and page:
        raise UsageError("--html is for two runs; with --live, --out names the folder of the report")
    if live:
        settings = both.Settings(
            urls=(before, after),
            models=(reference_model, model),
            keys=(reference_key_env or api_key_env, api_key_env),
            profile=profile,
            suite=suite,
            times=times,
            timeout=timeout,
            networks=(_reference(network, reference_header, reference_auth_header), network),
            budget_requests=budget_requests,
            budget_usd=budget_usd,
            prices=prices,
            out=out,
        )
        return both.live(settings, json_)
    result = _compared(_side(before, also_before), _side(after, also_after), common=common, threshold=threshold)
    if page is not None:
        _write(page, compare_page.render(result, before, after))
    if json_:
        print(json.dumps({**compare_text.record(result), "exit_code": EXIT_CODES[result.verdict]}, indent=1))
    elif markdown:
        print(compare_text.to_markdown(result))
    else:
        compare_text.show(result, printed.console())
    return EXIT_CODES[result.verdict]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; give another file with --html") from None


def _reference(network: Network, header: list[str] | None, auth: str | None) -> Network:
    return replace(network, header=header or network.header, auth_header=auth or network.auth_header)


def _side(run: str, more: list[Path] | None) -> list[Any]:
    if run.startswith(("http://", "https://")):
        raise UsageError(f"{run} is a target, not a run; to compare two targets, add --live")
    return [source.load(path) for path in (Path(run), *(more or ()))]


def _compared(before: list[Any], after: list[Any], common: bool, threshold: float) -> Comparison:
    if kind(before[0][0]) == "check":
        return comparing.checks([report for report, _ in before], [report for report, _ in after], common)
    if len(before) + len(after) > 2:
        raise UsageError("load runs are compared two at a time; omit --also-before and --also-after")
    return comparing.loads(before[0], after[0], threshold)
