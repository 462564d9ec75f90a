"""Secrets are taken out when an exchange is captured, so that no later stage can leak them."""

from collections.abc import Iterable
from dataclasses import dataclass

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie", "set-cookie"})
MARK = "[redacted]"


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces header values by name and every known secret by value.

    ``secrets``: keys in use. Shorter than eight characters they are left alone: replacing them would tear up ordinary text.
    """

    secrets: tuple[str, ...] = ()

    def headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple((name, self._header(name, value)) for name, value in headers)

    def text(self, text: str) -> str:
        for secret in self._long():
            text = text.replace(secret, MARK)
        return text

    def data(self, data: bytes) -> bytes:
        for secret in self._long():
            data = data.replace(secret.encode(), MARK.encode())
        return data

    def _header(self, name: str, value: str) -> str:
        if name.lower() not in SECRET_HEADERS:
            return self.text(value)
        scheme, space, _ = value.partition(" ")
        return f"{scheme}{space}{MARK}" if space else MARK

    def _long(self) -> Iterable[str]:
        return (secret for secret in self.secrets if len(secret) >= 8)
