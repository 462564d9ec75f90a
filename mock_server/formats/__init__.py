"""The wire formats that the mock serves, written independently of :mod:`wire.formats`: they share only the facts in
`specs`.

How to add one -------------- Make a folder with a module for each member of
:class:`~mock_server.formats.format.Format` and a ``FORMAT`` in its ``__init__``, and list its paths in a profile. No
other code needs to change: deviations of transport, framing, time, bill and limits work on its streams as they are,
those of JSON objects through its ``edits``. Every body needs a ``model``, because it determines the limits before the
rest is read.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from echosounder import specs
from echosounder.mock_server.formats.format import NO_FORMAT, Edits, Format, payload
from echosounder.wire.errors import UsageError

__all__ = ["FORMATS", "NO_FORMAT", "Edits", "Format", "edits_at", "paths", "payload"]

FORMATS: dict[str, Format] = {
    each.name: importlib.import_module(f"{__name__}.{each.name}").FORMAT
    for each in pkgutil.iter_modules(__path__)
    if each.ispkg
}


@cache
def paths(profile: str) -> Mapping[str, Format]:
    """Return the formats of a profile, by path. Raises :class:`UsageError` for a format that has no folder here."""
    served = specs.behaviour(profile).formats
    if unknown := served.keys() - FORMATS.keys():
        raise UsageError(
            f"the mock does not speak {', '.join(sorted(unknown))} of profile {profile}: add mock_server/formats/<format>"
        )
    return {path: FORMATS[name] for name, under in served.items() for path in under}


def edits_at(profile: str, path: str) -> Edits:
    """Edits for the answers of a path, even if an upstream has a prefix before it."""
    known = paths(profile)
    ends = [each for each in known if path.endswith(each)]
    return known[max(ends, key=len)].edits if ends else NO_FORMAT
