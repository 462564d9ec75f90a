"""``echosounder mock``: serve the bundled mock until told to stop. Its options are the fields of `mock_server.config.Config`."""

from dataclasses import Field, fields
from inspect import Parameter, Signature
from typing import Annotated, Any, get_type_hints

import typer

from mock_server.config import Config
from mock_server.server import serve


def mock(**settings: Any) -> None:
    """Serve a DeepSeek API that bills, caches, limits and fails on demand. Prints its address when it is ready."""
    settings["deviate"] = tuple(settings["deviate"] or ())
    serve(Config(**settings))


def _option(member: "Field[Any]", kind: Any) -> Parameter:
    names = (f"--{member.name.replace('_', '-')}", *member.metadata["aliases"])
    about = typer.Option(*names, envvar=f"ECHOSOUNDER_MOCK_{member.name.upper()}", help=member.metadata["help"])
    repeated = member.default == ()
    kind = list[str] | None if repeated else kind
    annotation = Annotated[kind, about]
    return Parameter(
        member.name, Parameter.KEYWORD_ONLY, default=None if repeated else member.default, annotation=annotation
    )


def _signature() -> Signature:
    kinds = get_type_hints(Config)
    return Signature([_option(member, kinds[member.name]) for member in fields(Config)])


mock.__signature__ = _signature()  # type: ignore[attr-defined]  # typer reads the command's options from here
