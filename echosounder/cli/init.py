"""``echosounder init``: a commented settings file to start from."""

from pathlib import Path
from typing import Annotated

import typer

from echosounder.cli import settings
from echosounder.wire.errors import UsageError

TEMPLATE = """\
# Settings of Echosounder. The command line wins over ECHOSOUNDER_* variables, and those win over this file.
# Top-level keys apply to every command with that option; a table applies to the command of that name.

# url = "http://localhost:8000/v1"     # the target; without it: the bundled mock
# profile = "2026-11"                  # dated version of the API, or "openai"; see: echosounder list profiles
# model = "deepseek-v4-flash"          # default: the first that /models lists
# api-key-env = "DEEPSEEK_API_KEY"     # the variable that holds the key; never put the key itself into a file
# budget-usd = "0.50"                  # spending cap of a run

[check]
# suite = "standard"                   # smoke (at most 40 requests), standard (at most 300), thorough
# policy = "interop"                   # interop: what clients need; documented: the documentation to the letter
# baseline = "echosounder-baseline.toml"

[load]
# users = 8                            # closed loop; or an open loop: rate = 5
# duration = "60s"
# slo = ["ttft_p95<500ms", "failures<1%"]
"""


def init(
    path: Annotated[Path, typer.Argument(help="Path of the new file.")] = Path(settings.FILE),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a commented echosounder.toml."""
    if path.exists() and not force:
        raise UsageError(f"{path} exists already; give another path, or --force to overwrite it")
    try:
        path.write_text(TEMPLATE, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    print(f"wrote {path}; every line in it is a comment until you remove its #")
