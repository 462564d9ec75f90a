"""Where requests go: the addresses behind the one URL that a user gives."""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from echosounder.wire.errors import UsageError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint under test. ``url`` and ``beta_url`` have no trailing slash and no credentials."""

    url: str
    beta_url: str
    model: str | None = None

    def address(self, path: str) -> str:
        """The address of an API path; ``/beta/...`` goes to the beta base."""
        if path.startswith("/beta/"):
            return self.beta_url + path.removeprefix("/beta")
        return self.url + path

    @property
    def loopback(self) -> bool:
        return (urlsplit(self.url).hostname or "") in LOOPBACK


def target(url: str, model: str | None = None, beta_url: str | None = None) -> Target:
    """Normalise a user's URL. ``http://h/v1`` is the base of clones; its beta base is ``http://h/beta``.

    Raises :class:`UsageError` for anything but an absolute http(s) URL without credentials, query and fragment.
    """
    base = _checked(url)
    root = base.removesuffix("/v1").removesuffix("/beta")
    return Target(base.removesuffix("/beta"), _checked(beta_url) if beta_url else root + "/beta", model)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"not a URL: {url!r} ({error}); give something like http://localhost:8000/v1") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise UsageError(f"not an http(s) URL: {url!r}; give something like http://localhost:8000/v1")
    if parts.username or parts.password:
        raise UsageError("the URL carries credentials; put the key into the variable named by --api-key-env instead")
    if parts.query or parts.fragment:
        raise UsageError(f"the URL has a query or a fragment: {url!r}; give the base URL alone")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
