"""``echosounder mock``: serve the bundled mock until told to stop. Its options are the fields of `mock_server.config.Config`."""

from dataclasses import Field, fields
from inspect import Parameter, Signature
from typing import Annotated, Any, get_type_hints

import typer

from echosounder.cli import complete
from echosounder.mock_server.config import Config
from echosounder.mock_server.net.server import serve

COMPLETED = {"profile": complete.names("profiles"), "deviate": complete.names("deviations")}


def mock(**settings: Any) -> None:
    """Serve a DeepSeek API that bills, caches, limits and fails on demand. Prints its address when it is ready."""
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
    serve(Config(**given))


def _option(member: "Field[Any]", kind: Any) -> Parameter:
    names = (f"--{member.name.replace('_', '-')}", *member.metadata["aliases"])
    about = typer.Option(
        *names,
        envvar=f"ECHOSOUNDER_MOCK_{member.name.upper()}",
        help=member.metadata["help"],
        autocompletion=COMPLETED.get(member.name),
    )
    default: Any = member.default
    if isinstance(default, tuple):
        kind, default = list[str], list(default)
    return Parameter(member.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, about])


def _signature() -> Signature:
    kinds = get_type_hints(Config)
    return Signature([_option(member, kinds[member.name]) for member in fields(Config)])


mock.__signature__ = _signature()  # type: ignore[attr-defined]  # typer reads the command's options from here
