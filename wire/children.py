"""Environment of a child process: no secrets in its arguments, and only the variables that it needs."""

from collections.abc import Mapping

from echosounder.wire.redact import Redactor, key_like, names_secret


def environment(given: Mapping[str, str], redact: Redactor) -> dict[str, str]:
    """*given* without variables whose names or values suggest a secret, and without those that contain a secret in use."""
    return {
        name: value
        for name, value in given.items()
        if not names_secret(name) and not key_like(value) and not redact.holds(value.encode("utf-8", "surrogateescape"))
    }
