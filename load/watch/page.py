"""The live page of a load run, served beside Locust's own; it polls the figures once a second."""

from pathlib import Path
from typing import Any

from echosounder.wire.guard import policy

Answer = tuple[str, int, dict[str, str]]


def add(app: Any, figures: Path) -> None:
    """Serve ``/echosounder`` and ``/echosounder.json`` on the Flask application *app*; *figures* is the file that the parent writes."""
    app.add_url_rule("/echosounder", "live_page", live_page)
    app.add_url_rule("/echosounder.json", "live_figures", lambda: live_figures(figures))


def live_page() -> Answer:
    page = Path(__file__).with_name("live.html").read_text(encoding="utf-8")
    return page, 200, {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy(page)}


def live_figures(path: Path) -> Answer:
    """The latest figures, written by the parent, which has the samples of every worker."""
    kind = {"Content-Type": "application/json"}
    return (path.read_text(encoding="utf-8"), 200, kind) if path.exists() else ("{}", 404, kind)
