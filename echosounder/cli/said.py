"""Messages on standard error: one per line, without terminal control sequences or secrets."""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit

from echosounder.wire.access import PLAIN
from echosounder.wire.errors import UsageError
from echosounder.wire.redact import SHORTEST, Redactor, of_words, spellings
from echosounder.wire.visible import line

KEYS = frozenset({"--api-key-env", "--other-api-key-env", "--client-key-password-env"})
NAMED = ("ECHOSOUNDER_API_KEY_ENV", "ECHOSOUNDER_OTHER_API_KEY_ENV", "ECHOSOUNDER_CLIENT_KEY_PASSWORD_ENV")
HOLDERS = ("DEEPSEEK_API_KEY", "ECHOSOUNDER_CLIENT_KEY_PASSWORD", "ECHOSOUNDER_RUN_SECRET")
HEADERS = frozenset({"--header", "--auth-header"})
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
LONGEST = 2_000
_USER = re.compile(r"(?<=://)[^\s/?#@]*(?:@[^\s/?#@]*)*@")


def say(sentence: str, arguments: Sequence[str] | None = None) -> None:
    """Print *sentence* to standard error; secrets in the command line *arguments* are removed."""
    tell(f"echosounder: {sentence}", arguments)


def tell(sentence: str, arguments: Sequence[str] | None = None) -> None:
    """Print an error about a file, whose name comes first."""
    told = discreet(sentence, sys.argv[1:] if arguments is None else arguments, os.environ)
    print(line(told, LONGEST), file=sys.stderr)


def discreet(sentence: str, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """*sentence* without the secrets of the command line and the environment, and without the user part of any URL."""
    found = dict.fromkeys((*_of_arguments(arguments), *_of_environment(arguments, environment)))
    return _USER.sub("", Redactor(tuple(found)).text(sentence.replace("\0", "")))


def demand_no_key_in(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Raises :class:`UsageError` for an option that reports would show and that contains a key from the environment.

    URLs and headers may contain a key, because it is removed from every record; so may a client's own command after
    ``--``.
    """
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    keys = [each for each in _of_environment(ours, environment) if len(each) >= SHORTEST]
    for flag, value in pairwise(["", *ours]):
        named = value.partition("=")[0] if value.startswith("--") else flag
        if named not in HEADERS and "://" not in value and any(key in value for key in keys):
            what = named if named.startswith("-") else "an argument"
            raise UsageError(f"{what} holds an API key, which reports would show; put it into an environment variable")


def _of_arguments(arguments: Sequence[str]) -> Iterator[str]:
    """Secrets on the command line: keys, values of headers, users and queries of URLs."""
    for flag, value in pairwise(["", *arguments]):
        name, colon, secret = value.removeprefix("--header=").partition(":")
        if colon and (flag == "--header" or value.startswith("--header=")) and name.strip().lower() not in PLAIN:
            yield from (secret.strip(), *secret.split())
        yield from of_words((value,))
        yield from _of_url(value)


def _of_url(text: str) -> Iterator[str]:
    try:
        url = urlsplit(text)
    except ValueError:
        return
    if "://" in text:
        user = url.netloc.rpartition("@")[0]
        for part in (user, *user.split(":"), *(value for _, value in parse_qsl(url.query))):
            yield from spellings(part)


def _of_environment(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
    named = [value for flag, value in pairwise(arguments) if flag in KEYS]
    named += [argument.partition("=")[2] for argument in arguments if argument.partition("=")[0] in KEYS]
    for name in (*HOLDERS, *named, *(environment.get(each, "") for each in NAMED)):
        value = environment.get(name, "")
        yield from (value, value.strip())
    for text in environment.get("ECHOSOUNDER_HEADER", "").splitlines():
        yield text.partition(":")[2].strip()
    for name in PROXIES:
        yield from _of_url(environment.get(name, ""))
        yield from _of_url(environment.get(name.upper(), ""))
