"""pytest as a front end: one item per requirement, the engine's log, the engine's verdicts.

Imported only when :mod:`conformance.pytest_plugin` is asked for something.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path

import pytest

from echosounder import specs
from echosounder.conformance.check_run import CheckOutcome, check
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.probe_choice import probes_of
from echosounder.judgement.assigned import judged
from echosounder.judgement.setting import Suite
from echosounder.wire.access import of_environment, usable_key
from echosounder.wire.errors import EchosounderError
from echosounder.wire.files import fresh
from echosounder.wire.target import target
from echosounder.wire.verdict import Result, Verdict
from echosounder.wire.visible import line

FRONT = "echosounder-front"
LONGEST = 2_000  # characters of a sentence


def start(config: pytest.Config) -> None:
    """Starts the engine of the run. Raises :class:`pytest.UsageError` for invalid options."""
    if config.getoption("numprocesses", None):
        raise pytest.UsageError("the conformance suite sends its requests once and in order: run it without -n")
    try:
        options = _options(config)
        rows = judged(options.profile, options.only)
    except EchosounderError as error:
        raise pytest.UsageError(line(str(error), LONGEST)) from None
    ids = [row.id for row in rows if any(probe.suite <= options.suite for probe in probes_of(row))]
    register(config, Front(partial(check, options), ids, options.out))


def register(config: pytest.Config, front: Front) -> None:
    config.pluginmanager.register(front, FRONT)


def _options(config: pytest.Config) -> CheckOptions:
    get = config.getoption
    url, profile = get("--echo-target"), get("--echo-profile") or specs.DEFAULT_PROFILE
    return CheckOptions(
        target=target(url, get("--echo-model"), access=of_environment(url, os.environ)),
        api_key=usable_key(os.environ.get(get("--echo-api-key-env")), f"the variable {get('--echo-api-key-env')}"),
        profile=profile,
        suite=Suite.named(get("--echo-suite")),
        formats=tuple(specs.behaviour(profile).formats),
        only=tuple(get("--echo-only")),
        policy=get("--echo-policy"),
        baseline=Path(get("--echo-baseline")) if get("--echo-baseline") else None,
        out=Path(get("--echo-out")) if get("--echo-out") else fresh("pytest"),
    )


class Front:
    """Runs the engine when the first item requests its verdict, and answers all others from the same run.

    ``requirements``: those that the run will judge, known before anything is sent. The report goes into the folder *out*.
    """

    def __init__(self, engine: Callable[[], CheckOutcome], requirements: Sequence[str], out: Path) -> None:
        self._engine, self.requirements, self._out = engine, requirements, out
        self._ran = False

    @cached_property
    def outcome(self) -> CheckOutcome:
        try:
            outcome = self._engine()
        except EchosounderError as error:
            pytest.exit(line(str(error), LONGEST), returncode=error.exit_code)
        (self._out / "report.json").write_text(
            json.dumps(outcome.report, indent=1, ensure_ascii=False), encoding="utf-8"
        )
        self._ran = True
        return outcome

    def result(self, requirement: str) -> Result | None:
        """The result; None if the run has none for it."""
        if self.outcome.stopped is not None and not self.outcome.results:
            pytest.exit(line(str(self.outcome.stopped), LONGEST), returncode=self.outcome.stopped.exit_code)
        return next((result for result in self.outcome.results if result.requirement == requirement), None)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._ran:
            session.exitstatus = self.outcome.exit_code

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._ran:
            counts = ", ".join(f"{count} {verdict}" for verdict, count in self.outcome.report["counts"].items())
            terminalreporter.write_sep("-", "echosounder")
            terminalreporter.write_line(f"{self.outcome.report['verdict']}: {counts}")
            if self.outcome.stopped:
                terminalreporter.write_line(f"stopped: {line(str(self.outcome.stopped), LONGEST)}")
            terminalreporter.write_line(f"log: {self.outcome.log}")


def settle(result: Result | None, level: str, accepted: str | None = None) -> None:
    """Turns a result into a pytest outcome. A violated SHOULD is an expected failure: reported, but it does not fail the run."""
    if result is None:
        pytest.skip("not judged in this run")
    told = tell(result)
    match result.verdict:
        case Verdict.PASS:
            return
        case Verdict.FAIL | Verdict.UNTESTABLE | Verdict.ERROR if level == "MUST" or result.verdict is Verdict.ERROR:
            if accepted:
                pytest.xfail(f"accepted: {accepted}")
            pytest.fail(told, pytrace=False)
        case Verdict.NONSTRICT | Verdict.UNTESTABLE | Verdict.FAIL:
            pytest.xfail(told)
        case _:
            pytest.skip(told)


def tell(result: Result) -> str:
    """The violated sentence, its source, and the evidence."""
    row = specs.requirement(result.requirement)
    sources = "; ".join(f"{source.page}, {source.section} ({source.date})" for source in row.sources)
    lines = [f"{result.verdict}: {row.level} {row.id}", f"  {row.text}", f"  source: {sources}"]
    lines += [f"  {line(result.note)}"] if result.note else []
    for finding in result.findings:
        event = f", event {finding.event}" if finding.event is not None else ""
        offset = f", byte {finding.offset}" if finding.offset is not None else ""
        lines += [
            f"  * {line(finding.message)} (exchange {finding.exchange}{event}{offset})",
            f"    {line(finding.excerpt)}",
        ]
    return "\n".join(lines)
