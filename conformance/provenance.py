"""The header of a run that sends a suite: its options, versions, catalogue and document."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from echosounder import __version__, specs
from echosounder.conformance.options import CheckOptions
from echosounder.wire.header import Aimed, Checking, ClockReading, Header, RunKind


def header(
    options: CheckOptions, model: str, clock: ClockReading, kind: RunKind, upstream: str | None = None
) -> Header:
    """The header of a run of *options* with *model* that began at *clock*; *upstream* is the address of the mock behind a proxy."""
    target, prices = options.target, options.prices
    return Header(
        kind_of_run=kind,
        started=clock.started,
        target=Aimed(
            target.shown,
            model,
            target.beta_url,
            options.position,
            target.access.shown,
            bool(options.api_key),
            target.seal(options.api_key),
        ),
        profile=options.profile,
        seed=options.seed,
        version=__version__,
        versions={
            "python": platform.python_version(),
            **{name: _version(name) for name in ("httpx", "openapi-core", "hypothesis")},
        },
        clock=clock,
        check=Checking(
            options.policy,
            options.suite.name.lower(),
            options.only,
            options.repeat,
            _catalogue(),
            _spec(options.profile),
            upstream,
            None if prices is None else (str(prices.hit), str(prices.miss), str(prices.output)),
            options.formats,
        ),
    )


@functools.cache
def _catalogue() -> str:
    return _digest([asdict(row) for row in specs.requirements()])


@functools.cache
def _spec(profile: str) -> str:
    return _digest(specs.document(profile))


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
