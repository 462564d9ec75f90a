"""One self-contained HTML page: style and script inlined, everything else forbidden by its own content security policy."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from echosounder.reports import figures, verdicts
from echosounder.reports.text import block, line, visible

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'"


def render(template: str, **context: Any) -> str:
    return _environment().get_template(template).render(**context)


def part(template: str, **context: Any) -> Markup:
    """A fragment of a page, already escaped."""
    return Markup(render(template, **context))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("echosounder.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_safe,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _asset("page.js")
    environment.globals |= {
        "style": Markup(_asset("page.css")),
        "script": Markup(script),
        "policy": Markup(_POLICY.format(_digest(script))),
        "face": verdicts.face,
        "area": verdicts.area,
    }
    environment.filters |= {"line": line, "block": block, "sentence": _sentence, "when": _when}
    environment.filters |= {
        name: getattr(figures, name) for name in ("heading", "number", "percent", "usd", "cost", "objective")
    }
    return environment


def _safe(value: Any) -> Any:
    """What a target sent gets no control character onto the page; escaping is Jinja's."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _sentence(text: str) -> str:
    """Jinja's own ``capitalize`` makes the rest lower case, TTFT included."""
    return text[:1].upper() + text[1:]


def _when(stamp: str) -> str:
    """``2026-11-22 09:30 UTC`` of ``2026-11-22T09:30:00Z``."""
    return f"{stamp[:10]} {stamp[11:16]} UTC"


def _asset(name: str) -> str:
    return (files("echosounder.reports") / "assets" / name).read_text("utf-8")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
