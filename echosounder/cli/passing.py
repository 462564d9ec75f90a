"""Common parts of `listen` and `score`: the option for kept bodies, and the header of a traffic log."""

import time
from typing import Annotated, Any

import typer

import echosounder
from echosounder.listening.witness import Bodies
from echosounder.wire.header import Aimed, ClockReading, Header, RunKind

BodiesOption = Annotated[
    Bodies,
    typer.Option(envvar="ECHOSOUNDER_BODIES", help="Which bodies to keep: none, those that show a finding, or all."),
]


def header(kind: RunKind, url: str, profile: str, access: dict[str, Any] | None = None) -> Header:
    """The header of a new log."""
    clock = ClockReading(time.time(), time.monotonic_ns())
    return Header(
        kind_of_run=kind,
        started=clock.started,
        target=Aimed(url, access=access or {}),
        profile=profile,
        version=echosounder.__version__,
        clock=clock,
    )
