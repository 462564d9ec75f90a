"""The same request again: as a curl line, as a replay command for users of the harness."""

import re
import shlex
from collections.abc import Iterator

from echosounder.reports.text import visible
from echosounder.wire.exchange import Exchange, Request
from echosounder.wire.redact import MARK, SECRET_HEADERS
from echosounder.wire.runlog import Run

MAX_BODY = 8_192
_WRONG_KEY = "sk-no-such-key"  # for an exchange whose probe notes that its key was the fault
_MADE_BY_CURL = frozenset(
    {"host", "content-length", "connection", "accept-encoding", "user-agent", "transfer-encoding"}
)


def curl(exchange: Exchange, key_variable: str = "DEEPSEEK_API_KEY") -> str | None:
    """A command for a POSIX shell, with the key in *key_variable*. None if a command line cannot hold the body (size, bytes)."""
    request = exchange.request
    if not _fits(request.body):
        return None
    return " ".join(_words(request, _WRONG_KEY if "key" in exchange.notes.get("fault", "") else f'"${key_variable}"'))


def replay(exchange: str, run: Run | None = None) -> str:
    """The ``replay`` command, to be run in the folder of the run: it sends the exchange again and judges it again."""
    return (
        f"echosounder replay {shlex.quote(visible(run.place if run else 'run.jsonl'))} {shlex.quote(visible(exchange))}"
    )


def _fits(body: bytes) -> bool:
    text = body.decode("utf-8", "surrogateescape")
    return len(body) <= MAX_BODY and visible(text) == text


def _words(request: Request, key: str) -> Iterator[str]:
    yield "curl -sSNgi"
    if request.method != ("POST" if request.body else "GET"):
        yield f"-X {shlex.quote(request.method)}"
    yield shlex.quote(visible(request.url))
    for name, value in request.headers:
        if name.lower() not in _MADE_BY_CURL:
            yield f"-H {_header(name, value, key)}"
    if request.body:
        if not any(name.lower() == "content-type" for name, _ in request.headers):
            yield "-H content-type:"  # else curl says that it is a form
        yield f"--data-raw {shlex.quote(request.body.decode())}"  # every other --data reads a file where the body begins with @


def _header(name: str, value: str, key: str) -> str:
    if not value:
        return shlex.quote(visible(f"{name};"))  # a colon would take the header away
    if MARK not in value:
        return shlex.quote(visible(f"{name}: {value}"))
    before, _, after = value.partition(MARK)
    key = key if name.lower() in SECRET_HEADERS else _variable(name)
    return f"{shlex.quote(f'{name}: {before}')}{key}{shlex.quote(after) if after else ''}"


def _variable(name: str) -> str:
    """Where the reader keeps the value of a header that was given with --header."""
    return '"$' + re.sub(r"\W", "_", name).upper() + '"'
