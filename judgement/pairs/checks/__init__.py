"""The checks on pairs, a module per side of the matter. Importing this package registers all of them."""

from echosounder.judgement.pairs.checks import (
    access,
    answers,
    connections,
    failures,
    faults,
    formats,
    requests,
    streams,
    timing,
)

__all__ = ["access", "answers", "connections", "failures", "faults", "formats", "requests", "streams", "timing"]
