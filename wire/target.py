"""Addresses of a target: the endpoints behind the one URL that a user gives, and the network access to them."""

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from echosounder.wire.access import DIRECT, Access, Header
from echosounder.wire.errors import UsageError
from echosounder.wire.redact import MARK, Redactor, secretive, spellings
from echosounder.wire.visible import line

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ENDPOINTS = ("/chat/completions", "/completions")
"""What the base URL of other clients may end in: the base is before it."""
EXAMPLE = "give something like http://localhost:8000/v1"
NAME = re.compile(r"([\w-]{1,63}\.)*[\w-]{1,63}\.?", re.ASCII)
PATH = "/%:@!$&'()*+,;=~-._"  # what a path may hold as it is, RFC 3986; a query also has a few more
QUERY = PATH + "?[]"


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint under test. ``url`` and ``beta_url`` have no trailing slash, credentials or query: ``query`` is sent with every
    request. ``access`` is the network access.
    """

    url: str
    beta_url: str
    model: str | None = None
    query: str = field(default="", repr=False)
    access: Access = DIRECT

    def address(self, path: str) -> str:
        """The address of an API path; ``/beta/...`` goes to the beta base, ``/anthropic/...`` beside a base of ``/v1``."""
        return _joined(*self._place(path), self.query)

    def shown_address(self, path: str) -> str:
        """The same address without secrets in the query."""
        return _joined(*self._place(path), shown(self.query))

    def _place(self, path: str) -> tuple[str, str]:
        if path.startswith("/beta/"):
            return self.beta_url, path.removeprefix("/beta")
        if path.startswith("/anthropic/"):  # beside /v1, as at DeepSeek: /v1 is an alias of chat alone
            return self.url.removesuffix("/v1"), path
        return self.url, path

    @property
    def shown(self) -> str:
        """The base URL for display: with its query, but without its secrets."""
        return _joined(self.url, "", shown(self.query))

    @property
    def loopback(self) -> bool:
        return (urlsplit(self.url).hostname or "") in LOOPBACK

    @property
    def secure(self) -> bool:
        return "https" in (self.url[:5], self.beta_url[:5])

    def redactor(self, *keys: str | None) -> Redactor:
        """Removes *keys* and every secret of the target from recorded data."""
        found = [key for key in keys if key]
        found += self.access.secrets()
        found += [each for name, value in pairs(self.query) if secretive(name, value) for each in spellings(value)]
        return Redactor(tuple(dict.fromkeys(found)), self.access.hidden)

    def seal(self, key: str | None) -> str:
        """A signature of this target that requires *key* and the headers' values: a log that has it was made by a holder of these, for
        this target. Empty if no secret is sent.
        """
        secrets = [key or "", *(value for _, value in self.access.headers)]
        if not any(secrets):
            return ""
        place = f"{self.url} {self.beta_url} {shown(self.query)}".encode()
        return hashlib.scrypt(
            "\n".join(secrets).encode("utf-8", "replace"), salt=place, n=2**13, r=8, p=1, dklen=16
        ).hex()

    def authorization(self, key: str | None) -> tuple[Header, ...]:
        """The header that carries the key, or none."""
        header = self.access.authorization("Bearer {key}", key or "")
        return (header,) if header else ()


def target(url: str, model: str | None = None, beta_url: str | None = None, access: Access = DIRECT) -> Target:
    """Normalize a user's URL. ``http://h/v1`` is the base of clones; its beta base is ``http://h/beta``.

    A query is kept, for every request; the path of an endpoint at the end is removed. Raises :class:`UsageError` for anything but an
    absolute http(s) URL without credentials and fragment; the message contains no secret.
    """
    base, query = _checked(url)
    for ending in ENDPOINTS:
        base = base.removesuffix(ending)
    base = base.rstrip("/")
    root = base.removesuffix("/v1").removesuffix("/beta")
    beta, of_its_own = _checked(beta_url) if beta_url else (root + "/beta", "")
    if of_its_own not in ("", query):
        raise UsageError(
            "the URL of beta features has a query of its own; give it with the base URL, for every request"
        )
    return Target(base.removesuffix("/beta"), beta, model, query, access)


def shortened(url: str, aim: Target) -> bool:
    """Whether *url* ended in the path of an endpoint, which was removed."""
    return urlsplit(url).path.rstrip("/").endswith(ENDPOINTS) and bool(aim.url)


def pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def shown(query: str) -> str:
    """*query* with secrets replaced by :data:`MARK`."""
    if not any(secretive(*pair) for pair in pairs(query)):
        return query
    return "&".join(_hidden(part) for part in query.split("&"))


def _hidden(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}{equals}{MARK}" if any(secretive(*pair) for pair in pairs(part)) else part


def _joined(base: str, path: str, query: str) -> str:
    """A path may have a query too: ours comes first. Whatever *path* is, it is a path: a log that was tampered with moves no request
    to another host."""
    path, _, more = path.partition("?")
    parts = urlsplit(base)
    way = quote(path if path.startswith("/") or not path else f"/{path}", safe=PATH)
    whole = "&".join(each for each in (query, quote(more, safe=QUERY)) if each)
    return urlunsplit((parts.scheme, parts.netloc, parts.path + way, whole, ""))


def _checked(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(_without_breaks(url.strip()))
        port = parts.port
    except ValueError:
        raise UsageError(f"not a URL: {_told(url)}; {EXAMPLE}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise UsageError(f"not an http(s) URL: {_told(url)}; {EXAMPLE}")
    if "@" in parts.netloc:
        raise UsageError("the URL carries credentials; put the key into the variable named by --api-key-env instead")
    if parts.fragment:
        raise UsageError(f"the URL has a fragment: {_told(url)}; give the base URL, with its query if it has one")
    query = "" if parts.query == "" else quote(parts.query, safe=QUERY)
    path = quote(parts.path.rstrip("/"), safe=PATH)
    return urlunsplit((parts.scheme, _ascii(parts.netloc, parts.hostname), path, "", "")), query


def _without_breaks(url: str) -> str:
    """*url*; ``ValueError`` where a character stands in it that :func:`urlsplit` would leave out."""
    if any(character < " " or "\ud800" <= character <= "\udfff" for character in url):
        raise ValueError(url)
    return url


def _ascii(netloc: str, host: str) -> str:
    """What stands for *netloc* on the wire. A name has labels of 1 to 63 characters, 253 in all (RFC 1035, 2.3.4)."""
    try:
        name = host if ":" in host else host.encode("idna").decode()
        if ":" not in host and not (len(name) <= 253 and NAME.fullmatch(name)):
            raise UnicodeError
    except UnicodeError:
        raise UsageError(f"not a host name: {line(host, 80)}; {EXAMPLE}") from None
    return netloc if netloc.isascii() else netloc.lower().replace(host, name)


def _told(url: str) -> str:
    """A broken URL for an error message: no user part, no query."""
    start, _, rest = url.partition("?")
    scheme, slashes, place = start.partition("://")
    host, slash, path = place.partition("/")
    told = f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}" if slashes else start.rpartition("@")[2]
    return repr(told + ("?…" if rest else ""))
