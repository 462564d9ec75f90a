"""Network options of every command that sends requests: certificates, a forward proxy, extra headers, the header of the
key.

A :func:`networked` command gets them as one value, its parameter ``network``, while typer sees the single options.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from echosounder.cli.said import say
from echosounder.cli.settings import LINES
from echosounder.wire.access import Access, auth_header, headers, proxy_for
from echosounder.wire.target import Target, shortened, target
from echosounder.wire.trust import context

PANEL = "Network"
PASSWORD = "ECHOSOUNDER_CLIENT_KEY_PASSWORD"


def _option(name: str, kind: Any, default: Any, about: str, **more: Any) -> Parameter:
    variable = None if name in LINES else f"ECHOSOUNDER_{name.upper()}"
    option = typer.Option(f"--{name.replace('_', '-')}", envvar=variable, help=about, rich_help_panel=PANEL, **more)
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


OPTIONS = (
    _option(
        "header",
        list[str] | None,
        None,
        "Extra header for every request; may be repeated, or one per line in ECHOSOUNDER_HEADER. Its value is kept secret.",
        metavar="'NAME: VALUE'",
    ),
    _option(
        "auth_header",
        str | None,
        None,
        "Header that carries the API key without Bearer, like api-key; or 'NAME: SCHEME {key}'.",
        metavar="NAME",
    ),
    _option(
        "trust_env",
        bool,
        False,
        "Use the proxy named by HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, except for hosts in NO_PROXY.",
    ),
    _option(
        "ca_file",
        Path | None,
        None,
        "Certificate authorities to trust in addition to those of the system or SSL_CERT_FILE.",
    ),
    _option("client_cert", Path | None, None, "Client certificate (PEM), with its key or with --client-key."),
    _option("client_key", Path | None, None, "Private key of the client certificate (PEM)."),
    _option("client_key_password_env", str, PASSWORD, "Variable that holds the password of the client key."),
)


@dataclass(frozen=True)
class Network:
    """Command-line options for reaching a target."""

    header: list[str] | None = None
    auth_header: str | None = None
    trust_env: bool = False
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    client_key_password_env: str = PASSWORD

    def access(self, url: str) -> Access:
        """Return the network access for *url*. Raises ``UsageError``."""
        access = Access(
            headers=headers(self.header or ()),
            auth=auth_header(self.auth_header),
            proxy=proxy_for(url, os.environ) if self.trust_env else None,
            ca_file=_path(self.ca_file),
            client_cert=_path(self.client_cert),
            client_key=_path(self.client_key),
            password=os.environ.get(self.client_key_password_env) or None,
        )
        if access.ca_file or access.client_cert or access.client_key:
            context(access)  # invalid files are detected before anything is sent, even if the target has no certificate
        return access

    def target(self, url: str, model: str | None = None, beta_url: str | None = None) -> Target:
        """Return the target of a user's *url*; print a note if an endpoint's path was removed from it."""
        aim = target(url, model, beta_url, self.access(url))
        if shortened(url, aim):
            say(f"the URL ends in the path of an endpoint; its base is {aim.shown}")
        return aim


STRAIGHT = Network()


def networked(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return *command* with :data:`OPTIONS` in place of its parameter ``network``."""
    own = [each for each in Signature.from_callable(command).parameters.values() if each.name != "network"]

    @wraps(command)
    def called(**given: Any) -> Any:
        network = Network(**{each.name: given.pop(each.name) for each in OPTIONS})
        return command(network=network, **given)

    keywords = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in own]
    called.__signature__ = Signature([*keywords, *OPTIONS])  # type: ignore[attr-defined]  # typer reads the options from here
    return called


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)
