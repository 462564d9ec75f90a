"""Secrets are taken out when an exchange is captured, so that no later stage can leak them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus, unquote

from echosounder.wire.spelled import pattern

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie", "set-cookie"})
MARK = "[redacted]"
FOLDERS = frozenset({"PWD", "OLDPWD"})
"""Variables that sound like passwords."""
SHORTEST = 8
"""Characters of a secret that is looked for by its value: to replace shorter ones would tear up ordinary text."""
_SECRET_NAME = re.compile(r"key|token|secret|sig|auth|passw|pwd|cred|code|session|cookie|jwt", re.IGNORECASE)
_SECRET_VARIABLE = re.compile(r"key|token|secret|auth|passw|pwd|cred|cookie|jwt", re.IGNORECASE)
_KEY = r"(sk|pk|rk|ghp|glpat|xox[a-z])[-_].{8,}|eyJ.{12,}"  # prefixes of keys, JSON web tokens
_KEY_LIKE = re.compile(_KEY)
_SEPARATORS = re.compile(r"[\s=:,]")
_SECRET_VALUE = re.compile(
    _KEY + r"|[0-9a-fA-F]{32,}"  # digests
    r"|(?=.*[0-9])(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9+/=_.~%-]{20,}"  # drawn at random
)


def secretive(name: str, value: str) -> bool:
    """Whether *name* marks its value as a secret, or the value looks like a key."""
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.fullmatch(value))


def names_secret(name: str) -> bool:
    """Whether the name of a variable suggests a secret."""
    return bool(_SECRET_VARIABLE.search(name))


def key_like(word: str) -> bool:
    """Whether *word* begins like a key."""
    return bool(_KEY_LIKE.fullmatch(word))


def of_environment(environment: Mapping[str, str]) -> Iterator[str]:
    """Values of the variables whose names or values suggest a secret."""
    suspects = ((name, value) for name, value in environment.items() if name not in FOLDERS)
    return (value for name, value in suspects if names_secret(name) or key_like(value))


def of_words(words: Iterable[str]) -> Iterator[str]:
    """The words of a command line that begin like a key."""
    return (part for word in words for part in _SEPARATORS.split(word) if key_like(part))


def spellings(secret: str) -> Iterator[str]:
    """A secret as is, and as percent-encoded in a URL."""
    yield from dict.fromkeys((secret, unquote(secret), quote(secret, safe=""), quote_plus(secret)))


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces header values by name and every known secret by value.

    ``secrets``: keys in use, and all other credentials for the target; those shorter than :data:`SHORTEST` are not replaced in text.
    ``names``: further headers whose values are secret, in lower case.
    """

    secrets: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    long: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The secrets that are looked for by value, the longest first: one may hold another."""

    def __post_init__(self) -> None:
        long = sorted((each for each in self.secrets if len(each) >= SHORTEST), key=len, reverse=True)
        object.__setattr__(self, "long", tuple(long))

    def headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple((self.text(name), self._header(name, value)) for name, value in headers)

    def text(self, text: str) -> str:
        """*text* without any spelling of a secret; lone surrogates are kept."""
        return self.data(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass") if self.long else text

    def data(self, data: bytes) -> bytes:
        for secret in self.long:
            data = pattern(secret).sub(MARK.encode(), data)
        return data

    def masked(self, data: bytes) -> bytes:
        """*data* with every secret masked, of the same length: offsets and Content-Length are evidence."""
        for secret in self.long:
            data = pattern(secret).sub(_blot, data)
        return data

    def holds(self, data: bytes) -> bool:
        """Whether it contains a secret."""
        return any(pattern(secret).search(data) for secret in self.long)

    def _header(self, name: str, value: str) -> str:
        if name.lower() not in SECRET_HEADERS | self.names:
            return self.text(value)
        scheme, space, _ = value.partition(" ")
        return f"{self.text(scheme)}{space}{MARK}" if space and name.lower() not in self.names else MARK


def _blot(found: re.Match[bytes]) -> bytes:
    return b"*" * len(found.group())


NO_SECRETS = Redactor()
