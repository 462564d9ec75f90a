"""Access control for a page on the loopback interface: only this machine's browser, for a page of the same address.

A name that a stranger's server gives this machine's address (DNS rebinding) shows in ``Host``, a stranger's page in ``Origin``,
``Sec-Fetch-Site`` or ``Referer``.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src {scripts}; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY"}


def admitted(headers: Mapping[str, str]) -> bool:
    """Whether a request with these headers (names in lower case) may be answered."""
    host = headers.get("host", "")
    if _host(f"//{host}") not in LOCAL or headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return False
    asking = headers.get("origin") or headers.get("referer")
    return asking is None or _place(asking) == host


def _place(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def policy(page: str) -> str:
    """The content security policy that lets a page run its own scripts and nothing else."""
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = (b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return POLICY.format(scripts=" ".join(f"'sha256-{digest}'" for digest in digests) or "'none'")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def guarded(application: Callable[..., Any]) -> Callable[..., Any]:
    """A WSGI *application* behind :func:`admitted`, whose responses no other site may read."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        headers = {
            name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        if not admitted(headers):
            start("403 Forbidden", [("Content-Type", "text/plain"), ("Content-Length", "0")])
            return [b""]

        def begin(status: str, given: list[tuple[str, str]], *more: Any) -> Any:
            kept = [(name, value) for name, value in given if not name.lower().startswith("access-control-")]
            named = {name.lower() for name, _ in kept}
            return start(
                status, [*kept, *((name, value) for name, value in SAFE.items() if name.lower() not in named)], *more
            )

        found: Iterable[bytes] = application(environ, begin)
        return found

    return answer
