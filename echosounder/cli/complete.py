"""Shell completion: commands, options and, by the functions here, the names from the catalogue."""

import os
from collections.abc import Callable
from importlib import import_module

VARIABLE = "_ECHOSOUNDER_COMPLETE"
Completer = Callable[[str], list[tuple[str, str]]]


def names(*kinds: str) -> Completer:
    """Return a function that completes ids of the catalogue, each with its title; of every kind if none is given.

    The catalogue imports the whole program, and a mock must start quickly, so it is read only when a shell requests completions.
    """

    def complete(incomplete: str) -> list[tuple[str, str]]:
        catalogue = import_module("echosounder.cli.catalogue")
        rows = (row for kind in kinds or catalogue.CatalogueKind for row in catalogue.ROWS[kind](None))
        return [(row["id"], row["title"]) for row in rows if row["id"].startswith(incomplete)]

    return complete


def words() -> list[str] | None:
    """The command line to complete, which Bash passes in one variable and other shells in another; None outside of completion."""
    if VARIABLE not in os.environ:
        return None
    return os.environ.get("_TYPER_COMPLETE_ARGS", os.environ.get("COMP_WORDS", "")).split()
