"""``echosounder spec-diff``: show the client-visible differences between a published OpenAPI document and that of a profile."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import yaml

from echosounder import specs
from echosounder.cli import options, printed
from echosounder.conformance.http_transport import SocketStamps, StampedTransport
from echosounder.specs.drift import Drift, drift
from echosounder.specs.lines import FASTEST
from echosounder.wire.access import Access, proxy_for
from echosounder.wire.errors import Unreachable, UsageError
from echosounder.wire.files import plain
from echosounder.wire.trust import context
from echosounder.wire.visible import line

MOST = 16 << 20  # bytes of a document
MOST_VALUES = 5_000_000  # in it, aliases written out
SECONDS = 60.0  # to fetch it
LINE = 2_000
Source = Annotated[str, typer.Argument(metavar="URL|FILE", help="An OpenAPI document, JSON or YAML.")]


def spec_diff(source: Source, profile: options.Profile = specs.DEFAULT_PROFILE, json_: options.Json = False) -> int:
    """Compare a published OpenAPI document with that of a profile; exit 1 if it contradicts ours."""
    options.known_profile(profile)
    text = _fetched(source) if source.startswith(("http://", "https://")) else _read(Path(source))
    found = _compared(source, profile, text)
    if json_:
        print(json.dumps([{"kind": each.kind, "where": each.where, "says": each.says} for each in found], indent=1))
    else:
        _show(found, profile)
    return int(any(each.contradicts for each in found))


def _show(found: list[Drift], profile: str) -> None:
    console = printed.console(soft_wrap=True, markup=False)
    for each in found:
        console.print(line(f"{each.kind:9}{each.where}: {each.says}", LINE))
    wrong = sum(each.contradicts for each in found)
    console.print(f"{len(found)} differences from the OpenAPI description of {profile}, {wrong} of them contradict it")


def _read(file: Path) -> bytes:
    try:
        return plain(file).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None


def _fetched(url: str) -> bytes:
    body = bytearray()
    try:
        with _client(url) as client, client.stream("GET", url) as response:
            if response.status_code != 200:
                raise Unreachable(f"{url} answers with status {response.status_code}")
            for part in response.iter_bytes():
                body += part
                if len(body) > MOST:
                    raise UsageError(f"{url} is longer than {MOST >> 20} MiB: this is not an OpenAPI document")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"cannot fetch {url}: {error}") from None
    return bytes(body)


def _client(url: str) -> httpx.Client:
    """An HTTP client whose requests take at most a minute in total."""
    access = Access(proxy=proxy_for(url, os.environ))
    stamps = SocketStamps()
    stamps.begin(SECONDS)
    transport = StampedTransport(stamps, 0, context(access), access)
    return httpx.Client(transport=transport, timeout=30, follow_redirects=True, trust_env=False)


def _expanded(value: Any, known: dict[int, float]) -> float:
    """Number of values in *value* with all YAML aliases expanded, which may be huge, or infinite for a recursive alias."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = float("inf")
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_expanded(part, known) for part in parts)
    return known[id(value)]


def _document(text: str) -> Any:
    """Parse JSON, else YAML. JSON is tried first, because YAML does not allow an emoji escaped as two surrogates."""
    try:
        return json.loads(text)
    except ValueError:
        return yaml.load(text, FASTEST)


def _compared(source: str, profile: str, text: bytes) -> list[Drift]:
    try:
        theirs = _document(text.decode("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{source} is neither JSON nor YAML: {str(error).splitlines()[0]}") from None
    if _expanded(theirs, {}) > MOST_VALUES:
        raise UsageError(f"{source} repeats itself by aliases too often: this is not an OpenAPI document")
    if not isinstance(theirs, dict) or not isinstance(theirs.get("paths"), dict):
        raise UsageError(f"{source} is not an OpenAPI document: it has no paths")
    try:
        return drift(specs.document(profile), theirs)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{source} is not a valid OpenAPI document: {error!r}") from None
