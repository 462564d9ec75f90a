"""The OpenAPI document of each profile: the document that its overlay extends, with the overlay applied."""

from __future__ import annotations

import functools
import posixpath
from importlib.resources.abc import Traversable
from typing import Any

from echosounder.specs import overlay
from echosounder.specs.lines import ROOT, YamlFile, load
from echosounder.specs.vendors import DEFAULT_PROFILE, overlay_file


@functools.cache
def document(profile: str = DEFAULT_PROFILE) -> dict[str, Any]:
    """The OpenAPI 3.1.1 document of a profile. Cached and shared: read only."""
    return made(overlay_file(profile))


def made(changes: YamlFile, root: Traversable = ROOT) -> dict[str, Any]:
    """Applies an overlay to the document, or to the result of the overlay, that its ``extends`` names, relative to itself."""
    base = posixpath.normpath(posixpath.join(posixpath.dirname(changes.name), changes.value["extends"]))
    if not root.joinpath(base).is_file():
        raise changes.error(("extends",), f"extends names no file: {changes.value['extends']!r}")
    extended = load(base, root)
    applied: dict[str, Any] = overlay.apply(
        made(extended, root) if "overlay" in extended.value else extended.value, changes
    )
    return applied
