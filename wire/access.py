"""Requirements of the network between us and a target: extra headers, the key's own header, a forward proxy, certificates.

Pure: values in, values out. Whatever is written down of it goes through :attr:`Access.shown`, which holds no secret.
"""

import ipaddress
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from echosounder.wire.errors import UsageError
from echosounder.wire.redact import spellings

Header = tuple[str, str]
BEARER = ("Authorization", "Bearer {key}")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")  # RFC 9110, section 5.5
OURS = {
    **dict.fromkeys(
        ("host", "content-length", "transfer-encoding", "connection", "keep-alive"), "the message needs its own"
    ),
    **dict.fromkeys(
        ("te", "trailer", "upgrade", "expect", "content-encoding"), "it would change how messages are read"
    ),
    **dict.fromkeys(("content-type", "accept-encoding"), "each request has its own"),
    "authorization": "the key goes into the variable of --api-key-env, and its header is named by --auth-header",
    **dict.fromkeys(
        ("proxy-authorization", "proxy-connection"), "they are the proxy's: write user and password into its URL"
    ),
}
PLAIN = frozenset({"accept", "accept-language", "user-agent", "origin", "referer", "content-language"})
"""Headers whose values are not secret by any measure."""
SWITCHED_ON = frozenset({"1", "true", "t", "yes", "y", "on"})  # as the command line reads a variable
STANDARD = {"http": 80, "https": 443}
_VERSION = re.compile(r"v?\d{1,4}([.-]\d{1,2}){0,2}(-[a-z]{1,10})?")


@dataclass(frozen=True, slots=True)
class Access:
    """How a target is reached. ``auth`` is the header that carries the key, with ``{key}`` in its value; ``proxy`` is the URL of a
    forward proxy, including credentials; files are paths; ``password`` decrypts ``client_key``.
    """

    headers: tuple[Header, ...] = field(default=(), repr=False)
    auth: Header = BEARER
    proxy: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    password: str | None = field(default=None, repr=False)

    def authorization(self, template: str | None, key: str, name: str = "Authorization") -> Header | None:
        """The authorization header from its template (``Bearer {key}`` with our key in it); None without a template.

        *name* is the header that the request's format uses. In a custom header the key is written as that header requires; a scheme
        other than Bearer is kept.
        """
        if template is None or ("{key}" in template and not key):
            return None
        scheme, _, credential = template.rpartition(" ")
        if self.auth == BEARER or scheme.lower() not in {"", "bearer"}:
            return name, template.replace("{key}", key)
        return self.auth[0], self.auth[1].replace("{key}", credential.replace("{key}", key))

    def secrets(self) -> Iterator[str]:
        """Every secret in each of its spellings."""
        for name, value in self.headers:
            if name.lower() not in PLAIN and not _VERSION.fullmatch(value):
                yield value
                yield from value.split()  # a scheme and a credential
        if self.password:
            yield self.password
        if self.proxy and (credentials := urlsplit(self.proxy).netloc.rpartition("@")[0]):
            user, _, word = credentials.partition(":")
            yield credentials
            yield basic(user, word)
            yield from spellings(word or user)

    @property
    def hidden(self) -> frozenset[str]:
        """Names of headers whose values are secret, in lower case."""
        names = {name.lower() for name, _ in self.headers} - PLAIN
        return frozenset(names | ({self.auth[0].lower()} - {"authorization"}))

    @property
    def shown(self) -> dict[str, Any]:
        """Settings that may be logged: names, files, the proxy's address."""
        proxy = urlsplit(self.proxy or "")
        return {
            "headers": [name for name, _ in self.headers],
            "auth_header": f"{self.auth[0]}: {self.auth[1]}",
            "proxy": f"{proxy.scheme}://{proxy.netloc.rpartition('@')[2]}" if self.proxy else None,
            "ca_file": self.ca_file,
            "client_cert": self.client_cert,
        }

    def record(self) -> dict[str, Any]:
        """All settings, secrets included, for our own processes only."""
        return asdict(self)

    @property
    def proxy_address(self) -> tuple[str, int] | None:
        if self.proxy is None:
            return None
        url = urlsplit(self.proxy)
        return url.hostname or "", url.port or 80

    @property
    def proxy_auth(self) -> tuple[str, str] | None:
        """User and password for the proxy, decoded."""
        url = urlsplit(self.proxy or "")
        return (unquote(url.username or ""), unquote(url.password or "")) if url.username or url.password else None

    @property
    def proxy_headers(self) -> tuple[Header, ...]:
        url = urlsplit(self.proxy or "")
        if not (url.username or url.password):
            return ()
        return (("Proxy-Authorization", f"Basic {basic(url.username or '', url.password or '')}"),)


DIRECT = Access()


def of_environment(url: str, environment: Mapping[str, str]) -> Access:
    """Access to *url* according to the ECHOSOUNDER_* variables of the command-line options, for front ends without these options.

    Raises :class:`UsageError`.
    """

    def given(name: str) -> str | None:
        return environment.get(f"ECHOSOUNDER_{name}") or None

    return Access(
        headers=headers(line for line in (given("HEADER") or "").splitlines() if line.strip()),
        auth=auth_header(given("AUTH_HEADER")),
        proxy=proxy_for(url, environment) if (given("TRUST_ENV") or "").lower() in SWITCHED_ON else None,
        ca_file=given("CA_FILE"),
        client_cert=given("CLIENT_CERT"),
        client_key=given("CLIENT_KEY"),
        password=given("CLIENT_KEY_PASSWORD"),
    )


def basic(user: str, password: str) -> str:
    return b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()


def headers(lines: Iterable[str]) -> tuple[Header, ...]:
    """Parses ``Name: value`` lines. Raises :class:`UsageError`, which never quotes a value."""
    found: dict[str, Header] = {}
    for number, line in enumerate(lines, 1):
        name, colon, value = line.partition(":")
        name, value = name.strip(" \t"), value.strip(" \t")
        if not colon or not TOKEN.fullmatch(name):
            raise UsageError(f"--header number {number} is not a header; write it as 'Name: value'")
        if not VALUE.fullmatch(value):
            raise UsageError(f"--header {name}: its value holds a character that no header can carry")
        if name.lower() in OURS:
            raise UsageError(f"--header {name} cannot be given: {OURS[name.lower()]}")
        if name.lower() in found:
            raise UsageError(f"--header {name} is given twice")
        found[name.lower()] = (name, value)
    return tuple(found.values())


def usable_key(key: str | None, holder: str) -> str | None:
    """*key*; None if absent. Raises :class:`UsageError` for a key that cannot be sent in a header; the message names *holder*, the
    source of the key, and never quotes it.
    """
    if not key:
        return None
    if key.endswith(("\n", "\r")):
        what = f"{holder} ends with a line break"
    elif key != key.strip():
        what = f"{holder} begins or ends with a blank"
    elif not VALUE.fullmatch(key):
        what = f"{holder} holds a character that no HTTP header can carry"
    else:
        return key
    raise UsageError(f"{what}; put the key into it and nothing else")


def auth_header(text: str | None) -> Header:
    """``NAME`` for the bare key under that header, ``NAME: SCHEME {key}`` for more. Raises :class:`UsageError`."""
    if text is None:
        return BEARER
    name, colon, value = text.partition(":")
    name, value = name.strip(" \t"), value.strip(" \t") if colon else "{key}"
    if not TOKEN.fullmatch(name) or not VALUE.fullmatch(value) or value.count("{key}") != 1:
        raise UsageError(
            "--auth-header is a header's name, like api-key, or 'Name: scheme {key}'; the key itself stays out of it"
        )
    if name.lower() in OURS and name.lower() != "authorization":
        raise UsageError(f"--auth-header {name} cannot carry a key: {OURS[name.lower()]}")
    return ("Authorization", value) if name.lower() == "authorization" else (name, value)


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The forward proxy that ``HTTPS_PROXY``, ``HTTP_PROXY`` or ``ALL_PROXY`` names for *url*; None without one, or if ``NO_PROXY``
    exempts the URL. Lower-case names take precedence, as in other programs. Raises :class:`UsageError` for a proxy that is not
    ``http://``.
    """
    parts = urlsplit(url)
    low = {name.lower(): value for name, value in environment.items() if name.isupper() and value}
    low |= {name: value for name, value in environment.items() if name.islower()}
    if "REQUEST_METHOD" in environment:  # as a CGI program, where HTTP_PROXY is a header of the request
        low["http_proxy"] = environment.get("http_proxy", "")
    proxy = low.get(f"{parts.scheme}_proxy") or low.get("all_proxy")
    if not proxy or excepted(parts.hostname or "", parts.port or STANDARD.get(parts.scheme), low.get("no_proxy", "")):
        return None
    return _checked_proxy(proxy if "://" in proxy else f"http://{proxy}")


def excepted(host: str, port: int | None, rules: str) -> bool:
    """Whether ``NO_PROXY`` covers the host: by name, domain, network or wildcard, with or without the port."""
    return any(_names(rule.strip().lower(), host.lower(), port) for rule in rules.split(",") if rule.strip())


def _names(rule: str, host: str, port: int | None) -> bool:
    if rule == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(rule.strip("[]"), strict=False)
    except ValueError:
        name, _, number = rule.strip("[]").rpartition(":") if rule.count(":") == 1 else (rule.strip("[]"), "", "")
    domain = name.removeprefix("*").removeprefix(".")
    return number in {"", str(port)} and (host == domain or host.endswith(f".{domain}"))


def _checked_proxy(proxy: str) -> str:
    try:
        parts = urlsplit(proxy)
        sound = parts.scheme == "http" and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(
            "the proxy that the environment names is not an http:// URL, the only kind that is supported; "
            "set HTTPS_PROXY (or HTTP_PROXY) to http://host:port, or leave --trust-env out"
        )
    return proxy
