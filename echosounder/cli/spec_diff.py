"""``echosounder spec-diff``: somebody's OpenAPI document beside ours, and what a client would notice."""

import json
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import yaml
from rich.console import Console

from echosounder import specs
from echosounder.cli import options
from echosounder.specs.drift import Drift, drift
from echosounder.specs.lines import FASTEST
from echosounder.wire.errors import Unreachable, UsageError

MOST = 16 << 20  # bytes of a document
Source = Annotated[str, typer.Argument(metavar="URL|FILE", help="An OpenAPI document, JSON or YAML.")]


def spec_diff(source: Source, profile: options.Profile = specs.DEFAULT_PROFILE, json_: options.Json = False) -> int:
    """Compare a published OpenAPI document with that of a profile; exit 1 where it contradicts ours."""
    options.known_profile(profile)
    text = _fetched(source) if source.startswith(("http://", "https://")) else _read(Path(source))
    found = _compared(source, profile, text)
    if json_:
        print(json.dumps([{"kind": each.kind, "where": each.where, "says": each.says} for each in found], indent=1))
    else:
        _show(found, profile)
    return int(any(each.contradicts for each in found))


def _show(found: list[Drift], profile: str) -> None:
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for each in found:
        console.print(f"{each.kind:9}{each.where}: {each.says}")
    wrong = sum(each.contradicts for each in found)
    console.print(f"{len(found)} differences from the document of {profile}, {wrong} of them contradict it")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None


def _fetched(url: str) -> bytes:
    body = bytearray()
    try:
        with httpx.stream("GET", url, timeout=30, follow_redirects=True) as response:
            if response.status_code != 200:
                raise Unreachable(f"{url} answers with status {response.status_code}")
            for part in response.iter_bytes():
                body += part
                if len(body) > MOST:
                    raise UsageError(f"{url} is longer than {MOST >> 20} MiB: that is no document of an API")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"cannot fetch {url}: {error}") from None
    return bytes(body)


def _compared(source: str, profile: str, text: bytes) -> list[Drift]:
    try:
        theirs: Any = yaml.load(text.decode("utf-8-sig"), FASTEST)  # JSON is YAML
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{source} is neither JSON nor YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(theirs, dict) or not isinstance(theirs.get("paths"), dict):
        raise UsageError(f"{source} is no OpenAPI document: it has no paths")
    try:
        return drift(specs.document(profile), theirs)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{source} is no sound OpenAPI document: {error!r}") from None
