"""How a deviation is put to the test: one request without and with it, over a bare socket, and a look at the bytes.

Each ``test_at_*.py`` mirrors a module of ``mock_server/deviations`` and has a table ``ROWS``. A row is the deviation as a client
would write it, the name of a request from the table below, and what must be true of the answer with it and false without it.
A deviation of that module without a row fails the test of its module.
"""

import base64
import io
import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from echosounder.mock_server.deviations import all_deviations
from echosounder.mock_server.net.process import RunningMock, spawn
from echosounder.wire import sse

QUIET = {"thinking": {"type": "disabled"}}
MODEL = {"model": "deepseek-v4-flash"}
STREAM = {"stream": True}
USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def said(text: str, **more: Any) -> dict[str, Any]:
    return {**MODEL, **QUIET, "messages": [{"role": "user", "content": text}], **more}


def function(name: str, **properties: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}}


def strict(name: str, **more: Any) -> dict[str, Any]:
    """A strict function without parameters."""
    made = function(name)
    made["function"] |= {"strict": True}
    made["function"]["parameters"] |= {"required": [], **more}
    return made


def said_in_parts(text: str) -> dict[str, Any]:
    return {**MODEL, **QUIET, "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}


def prefixed(**more: Any) -> dict[str, Any]:
    asked, start = {"role": "user", "content": "Repeat exactly: one two"}, {"role": "assistant", "content": "one"}
    return {**MODEL, **QUIET, "messages": [asked, {**start, "prefix": True, **more}]}


HISTORY = [
    {"role": "user", "content": "What is the weather in Paris?"},
    {
        "role": "assistant",
        "content": None,
        "reasoning_content": "The tool knows.",
        "tool_calls": [{"id": "call_00_a", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "call_00_a", "content": "21 degrees"},
]
PARTS = [*HISTORY[:2], {**HISTORY[2], "content": [{"type": "text", "text": "21 degrees"}]}]
HI = said("Repeat exactly: one two three four five six")
FAMILY = said("Repeat exactly: 👩\u200d👩\u200d👧")
CJK = said("Repeat exactly: 那只猫在灯塔上 😀")
FORMS = said('Repeat exactly: Hi <É&">\n€ 1')
STORY = said("Write a long story.", max_tokens=8)
CALL = said("Call weather for Paris and for Tokyo.", tools=[function("weather", city={"type": "string"})])
THINK = {**said("Is 97 prime?"), "thinking": {"type": "enabled"}}
JSON = said('Answer in JSON like {"river": "Nile"}: the longest river?', response_format={"type": "json_object"})
LOGPROBS = {**HI, "logprobs": True, "top_logprobs": 2}
FIM = {**MODEL, "prompt": "def fib(a):", "max_tokens": 6}
BAD = {**HI, "temperature": 3}
MALFORMED = {**MODEL, "messages": "hello"}
LARGE = said("x" * (1 << 20))
CACHED = said("You answer in one word. " * 40)
ORDER = said("Run the order.", tools=[function("run", order={"type": "integer", "enum": [9007199254740993]})])


OLD = (("profile", "2025-12"),)


@dataclass(frozen=True)
class Ask:
    """A request, and the settings of the mock that it is for."""

    body: Any = None
    path: str = "/chat/completions"
    headers: dict[str, str] = field(default_factory=dict)
    mock: tuple[tuple[str, Any], ...] = ()
    method: str = ""  # GET without a body, else POST
    before: str = ""  # the name of a request that is sent first, and whose id may stand in the path as {id}
    warm: bool = False  # sent twice, so that the second finds the first in the cache
    patience: float = 20.0  # seconds without a byte after which nothing more is expected

    def bytes(self, deviate: str, id: str = "") -> bytes:
        content = (
            b"" if self.body is None else self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        )
        chunked = "transfer-encoding" in self.headers
        sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content) if chunked else content
        headers = {
            "host": "mock",
            "connection": "close",
            "authorization": "Bearer sk-test-0000000000",
            **({} if self.body is None else {"content-type": "application/json"}),
            **({} if chunked else {"content-length": str(len(content))}),
            **({"x-mock-deviate": deviate} if deviate else {}),
            **self.headers,
        }
        method = self.method or ("GET" if self.body is None else "POST")
        lines = [f"{method} {self.path.replace('{id}', id)} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + sent


def form(**fields: str) -> bytes:
    """A form with a PNG of two pixels."""
    head = '--b\r\ncontent-disposition: form-data; name="'
    parts = "".join(f'{head}{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    return f'{parts}{head}file"; filename="dot.png"\r\n\r\n'.encode() + DOT + b"\r\n--b--\r\n"


DOT = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAIAAAABAQAAAADq0H9yAAAACklEQVR4nGMAAAACAAFc5v4oAAAAAElFTkSuQmCC")
SHOWN = f"data:image/png;base64,{base64.b64encode(DOT).decode()}"
LIVES = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
FORM = {"content-type": "multipart/form-data; boundary=b"}
SEEING = {"model": "deepseek-flash", **QUIET}


def shown(url: str, role: str = "user", **more: str) -> dict[str, Any]:
    parts = [{"type": "text", "text": "Hi."}, {"type": "image_url", "image_url": {"url": url, **more}}]
    return {**SEEING, "max_tokens": 4, "messages": [{"role": role, "content": parts}, *HI["messages"]]}


def shown_file(id: str) -> dict[str, Any]:
    part = {"type": "file", "file": {"file_id": id}}
    return {**SEEING, "max_tokens": 4, "messages": [{"role": "user", "content": [part]}]}


BETA_FIM, BETA = "/beta/completions", "/beta/chat/completions"
GZIP = {"accept-encoding": "gzip"}
POOR = (("granted", "0"), ("topped_up", "0"))
ASKS = {
    "chat": Ask(HI),
    "stream": Ask({**HI, **STREAM}),
    "stream with usage": Ask({**HI, **USAGE}),
    "two streams in one": Ask({**HI, **STREAM, "n": 2}, mock=(("profile", "openai"),)),
    "chat by an SDK": Ask(HI, headers={"user-agent": "OpenAI/Python 2.8.1"}),
    "chat by Node": Ask(HI, headers={"sec-fetch-mode": "cors"}),
    "late system": Ask({**HI, "messages": [*HI["messages"], {"role": "system", "content": "Hurry."}]}),
    "tool with a pattern": Ask(said("Hi.", tools=[function("write", path={"type": "string", "pattern": "^/"})])),
    "row": Ask(
        said(
            "Write.",
            tool_choice="required",
            tools=[function("write", zip={"type": "string", "enum": ["01"]}, no={"enum": ["null"]})],
        )
    ),
    "chat for two": Ask({**HI, "n": 2}),
    "chat by alias": Ask({**HI, "model": "deepseek-chat"}, mock=(("profile", "2026-04"),)),
    "chat without model": Ask({**HI, "model": "no-such-model"}),
    "stream of OpenAI": Ask({**HI, **USAGE}, mock=(("profile", "openai"),)),
    "CJK stream": Ask({**CJK, **STREAM}),
    "CJK": Ask(CJK),
    "forms": Ask(FORMS),
    "forms as stream": Ask({**FORMS, **USAGE}),
    "family stream": Ask({**FAMILY, **STREAM}),
    "story": Ask(STORY),
    "long stream": Ask({**STORY, **USAGE, "max_tokens": 24}),
    "negative length": Ask({**STORY, "max_tokens": -1}),
    "stopped": Ask({**HI, "stop": "four"}),
    "stopped thinking": Ask({**HI, "thinking": {"type": "enabled"}, "stop": "four"}),
    "logprobs of CJK": Ask({**CJK, "logprobs": True, "top_logprobs": 2}),
    "no stops": Ask({**HI, "stop": []}),
    "calls": Ask(CALL),
    "calls as stream": Ask({**CALL, **STREAM}),
    "no calls": Ask({**CALL, "tool_choice": "none"}),
    "forced call while thinking": Ask({**CALL, "thinking": {"type": "enabled"}, "tool_choice": "required"}),
    "cut call": Ask({**CALL, "tool_choice": "required", "max_tokens": 6}),
    "no tools": Ask({**HI, "tools": []}),
    "order": Ask(ORDER),
    "history": Ask({**CALL, "messages": HISTORY}),
    "history while thinking": Ask({**CALL, "messages": HISTORY, "thinking": {"type": "enabled"}}),
    "history with parts": Ask({**CALL, "messages": PARTS}),
    "developer": Ask({**HI, "messages": [{"role": "developer", "content": "Be brief."}, *HI["messages"]]}),
    "assistant last": Ask({**HI, "messages": [*HI["messages"], {"role": "assistant", "content": "one"}]}),
    "thinking": Ask(THINK),
    "thinking as stream": Ask({**THINK, **STREAM}),
    "JSON": Ask(JSON),
    "JSON as stream": Ask({**JSON, **STREAM}),
    "logprobs": Ask(LOGPROBS),
    "logprobs as stream": Ask({**LOGPROBS, **STREAM}),
    "logprobs of a thought": Ask({**LOGPROBS, "thinking": {"type": "enabled"}}),
    "logprobs without alternatives": Ask({**HI, "logprobs": True}),
    "FIM": Ask(FIM, BETA_FIM),
    "FIM as stream": Ask({**FIM, **STREAM}, BETA_FIM),
    "FIM with suffix": Ask({**FIM, "suffix": "return fib(a - 1)"}, BETA_FIM),
    "FIM with echo": Ask({**FIM, "echo": True}, BETA_FIM),
    "FIM with logprobs": Ask({**FIM, "logprobs": 2}, BETA_FIM),
    "beta": Ask(HI, BETA),
    "user id": Ask({**HI, "user_id": "u" * 513}),
    "unknown member": Ask({**HI, "seed": 7}),
    "null": Ask({**HI, "top_p": None}),
    "bad": Ask(BAD),
    "bad stream": Ask({**BAD, **STREAM}),
    "malformed": Ask(MALFORMED),
    "no money": Ask(HI, mock=POOR),
    "large": Ask(LARGE),
    "gzip": Ask(HI, headers=GZIP),
    "stream in gzip": Ask({**HI, **STREAM}, headers=GZIP),
    "chunked request": Ask(HI, headers={"transfer-encoding": "chunked"}),
    "charset": Ask(HI, headers={"content-type": "application/json; charset=utf-8"}),
    "bearer": Ask(HI, headers={"authorization": "bearer sk-test-0000000000"}),
    "double slash": Ask(HI, "//chat/completions"),
    "kept alive": Ask(HI, headers={"connection": "keep-alive"}, patience=0.5),
    "cached": Ask(CACHED, warm=True),
    "silent": Ask({**HI, **STREAM}, mock=(("ttft_ms", 200),)),
    "after a turn": Ask(
        {**HI, "messages": [*HI["messages"], {"role": "assistant", "content": "one"}, *HI["messages"]]}
    ),
    "with system": Ask({**HI, "messages": [{"role": "system", "content": "Be brief.", "name": "a"}, *HI["messages"]]}),
    "with name": Ask({**HI, "messages": [{**HI["messages"][0], "name": "Ada"}]}),
    "in parts": Ask(said_in_parts("Repeat exactly: one")),
    "user": Ask({**HI, "user_id": "u"}),
    "not thinking": Ask({**HI, "thinking": {"type": "disabled"}}),
    "hot": Ask({**HI, "temperature": 2}),
    "top_p 1": Ask({**HI, "top_p": 1}),
    "penalty": Ask({**HI, "frequency_penalty": 1}),
    "five stops": Ask({**HI, "stop": list("ABCDE")}),
    "8k": Ask({**HI, "max_tokens": 8192}, BETA),
    "JSON in capitals": Ask(said("Say hello as JSON.", response_format={"type": "json_object"})),
    "text format": Ask({**HI, "response_format": {"type": "text"}}),
    "prefix": Ask(prefixed(), BETA),
    "prefix with reasoning": Ask({**prefixed(reasoning_content="Hm."), "thinking": {"type": "enabled"}}, BETA),
    "65 tools": Ask({**HI, "tools": [function(f"f{number}") for number in range(65)]}),
    "tool without parameters": Ask({**HI, "tools": [{"type": "function", "function": {"name": "now"}}]}),
    "strict tool": Ask({**HI, "tools": [strict("now", additionalProperties=False)]}, BETA),
    "call while thinking": Ask({**CALL, "thinking": {"type": "enabled"}}),
    "effort": Ask({**THINK, "reasoning_effort": "high"}),
    "effort without thinking": Ask({**HI, "reasoning_effort": "high"}),
    "R1 in four tokens": Ask(
        {"model": "deepseek-reasoner", "messages": HI["messages"], "max_tokens": 4}, mock=(("profile", "2025-01"),)
    ),
    "v1": Ask(HI, "/v1/chat/completions"),
    "text as length": Ask({**STORY, "max_tokens": "8"}),
    "cold": Ask({**HI, "temperature": -1}),
    "top_p 0": Ask({**HI, "top_p": 0}),
    "penalty 3": Ask({**HI, "model": "deepseek-chat", "frequency_penalty": 3}, mock=OLD),
    "21 alternatives": Ask({**LOGPROBS, "top_logprobs": 21}),
    "alternatives alone": Ask({**HI, "top_logprobs": 2}),
    "stream options alone": Ask({**HI, "stream_options": {"include_usage": True}}),
    "unknown effort": Ask({**THINK, "reasoning_effort": "utmost"}),
    "no model": Ask({name: value for name, value in HI.items() if name != "model"}),
    "no messages": Ask({**MODEL, **QUIET}),
    "no prompt": Ask({**MODEL, "max_tokens": 4}, BETA_FIM),
    "odd thinking": Ask({**HI, "thinking": True}),
    "one message": Ask({**HI, "messages": HI["messages"][0]}),
    "narrator": Ask({**HI, "messages": [{"role": "narrator", "content": "Repeat exactly: one"}]}),
    "orphan": Ask({**HI, "messages": [*HI["messages"], HISTORY[2]]}),
    "unanswered": Ask({**HI, "messages": [*HISTORY[:2], *HI["messages"]]}),
    "history without reasoning": Ask(
        {
            **THINK,
            "messages": [HISTORY[0], {**HISTORY[1], "reasoning_content": None}, HISTORY[2]],
            "tools": [function("get_weather")],
        }
    ),
    "effort none": Ask({**MODEL, "messages": HI["messages"], "reasoning_effort": "none"}),
    "effort ultra": Ask({**THINK, "reasoning_effort": "ultra"}),
    "user id in umlauts": Ask({**HI, "user_id": "ü" * 300}),
    "long function name": Ask({**HI, "tools": [function("c" * 100)]}),
    "result in parts": Ask(
        {**MODEL, **QUIET, "messages": [*HISTORY[:2], {**HISTORY[2], "content": [{"type": "text", "text": "18"}]}]}
    ),
    "129 tools": Ask({**HI, "tools": [function(f"f{number}") for number in range(129)]}),
    "bad names": Ask({**HI, "tools": [function("a b"), function("a_b"), function("c" * 65)]}),
    "bad parameters": Ask(
        {**HI, "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}]}
    ),
    "logprobs of reasoner": Ask({**LOGPROBS, "model": "deepseek-reasoner"}, mock=OLD),
    "no key": Ask(HI, headers={"authorization": "Basic x"}),
    "bad key": Ask(HI, headers={"authorization": "Bearer sk-invalid-key-1234"}),
    "bad key and body": Ask("cut", headers={"authorization": "Bearer sk-invalid-key-1234"}),
    "text": Ask(HI, headers={"content-type": "text/plain"}),
    "FIM off beta": Ask(FIM, "/completions"),
    "nowhere": Ask(HI, "/nowhere"),
    "wrong method": Ask(path="/chat/completions"),
    "two in one": Ask({**CALL, "parallel_tool_calls": False}),
    "four of OpenAI": Ask({**HI, "max_completion_tokens": 4}, mock=(("profile", "openai"),)),
    "models": Ask(path="/models"),
    "balance": Ask(path="/user/balance"),
    "upload": Ask(form(purpose="user_data"), "/files", FORM),
    "upload for an hour": Ask(form(purpose="user_data", **LIVES), "/files", FORM),
    "upload for a minute": Ask(form(purpose="user_data", **LIVES | {"expires_after[seconds]": "60"}), "/files", FORM),
    "upload for fun": Ask(form(purpose="fun"), "/files", FORM),
    "file": Ask(path="/files/{id}", before="upload"),
    "delete": Ask(path="/files/{id}", method="DELETE", before="upload"),
    "delete nothing": Ask(path="/files/file-api-none", method="DELETE"),
    "files": Ask(path="/files?order=asc", before="upload"),
    "one file": Ask(path="/files?limit=1", before="upload"),
    "files of none": Ask(path="/files?limit=0"),
    "files after": Ask(path="/files?order=asc&after={id}", before="upload"),
    "files in no order": Ask(path="/files?order=up"),
    "files without key": Ask(path="/files", headers={"authorization": "Bearer sk-invalid-0000"}),
    "image": Ask(shown(SHOWN)),
    "no image": Ask(shown("data:image/png;base64,aGVsbG8=")),
    "image at ftp": Ask(shown("ftp://example.com/a.png")),
    "image in no detail": Ask(shown(SHOWN, detail="fine")),
    "image in system": Ask(shown(SHOWN, "system")),
    "image of no file": Ask(shown_file("file-api-none")),
    "long query": Ask({"query": "a" * 129}, "/v1/tools/search"),
}


class _Received:
    """Bytes as the standard library wants to read them."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.raw)


@dataclass(frozen=True)
class Wire:
    """An answer as it came; ``entry`` is what the mock's journal says of it, times in ns after the request arrived."""

    raw: bytes
    reset: bool
    entry: dict[str, Any]

    @cached_property
    def parsed(self) -> tuple[HTTPResponse, bytes, bool]:
        answer = HTTPResponse(_Received(self.raw))  # type: ignore[arg-type]
        try:
            answer.begin()
            return answer, answer.read(), self.reset
        except HTTPException as error:
            return answer, getattr(error, "partial", b""), True

    @property
    def status(self) -> int:
        return self.parsed[0].status

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.parsed[1]

    @property
    def broken(self) -> bool:
        """The body did not come to its end."""
        return self.parsed[2]

    def header(self, name: str, default: str | None = None) -> str | None:
        return self.parsed[0].getheader(name, default)

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)

    @cached_property
    def data(self) -> list[str]:
        return [item.data for item in sse.decode(self.body) if isinstance(item, sse.Event)]

    @cached_property
    def chunks(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.data if text.startswith("{")]

    @property
    def choices(self) -> list[dict[str, Any]]:
        """Of a document, or of all chunks of a stream."""
        documents = self.chunks if self.body.startswith(b"data:") else [self.json]
        return [choice for each in documents for choice in each.get("choices") or ()]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [choice.get("message") or choice.get("delta") or {} for choice in self.choices]

    @property
    def text(self) -> str:
        """What was said, joined."""
        said = (message.get("content") for message in self.messages)
        return "".join(choice.get("text") or content or "" for choice, content in zip(self.choices, said, strict=True))

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [call for message in self.messages for call in message.get("tool_calls") or ()]

    @property
    def arguments(self) -> str:
        return "".join(call["function"].get("arguments", "") for call in self.calls)

    @property
    def finishes(self) -> list[Any]:
        return [choice["finish_reason"] for choice in self.choices if choice.get("finish_reason") is not None]

    @property
    def usages(self) -> list[dict[str, Any]]:
        documents = self.chunks if self.body.startswith(b"data:") else [self.json]
        return [each["usage"] for each in documents if each.get("usage")]

    @property
    def error(self) -> dict[str, Any]:
        return dict(self.json["error"])

    @property
    def due(self) -> list[float]:
        """When each write was due, seconds after the request arrived."""
        return [(at - self.entry["arrived"]) / 1e9 for at in self.entry["due"]]


class Bench:
    """Mocks by their settings, and what each request gets from an honest one."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._running: dict[Any, tuple[RunningMock, httpx.Client]] = {}
        self._honest: dict[str, Wire] = {}
        self._sent: Counter[Any] = Counter()  # requests to each mock

    def send(self, name: str, deviate: str = "") -> Wire:
        ask = ASKS[name]
        running, control = self._mock(ask.mock)
        if ask.warm:
            _talk(running.url, ask.bytes(""), ask.patience)
        id = self.send(ask.before).json["id"] if ask.before else ""
        raw, reset = _talk(running.url, ask.bytes(deviate, id), ask.patience)
        before, self._sent[ask.mock] = self._sent[ask.mock] + ask.warm, self._sent[ask.mock] + ask.warm + 1
        (entry,) = control.get("/__mock/journal", params={"since": before}).json()["entries"]
        return Wire(raw, reset, entry)

    def honest(self, name: str) -> Wire:
        if name not in self._honest:
            self._honest[name] = self.send(name)
        return self._honest[name]

    def _mock(self, settings: tuple[tuple[str, Any], ...]) -> tuple[RunningMock, httpx.Client]:
        if settings not in self._running:
            running = self._stack.enter_context(spawn(**{"seed": 1, "ttft_ms": 1, "itl_ms": 1, **dict(settings)}))
            self._running[settings] = running, self._stack.enter_context(httpx.Client(base_url=running.url))
        return self._running[settings]


def _talk(url: str, request: bytes, patience: float) -> tuple[bytes, bool]:
    """Everything until the end of the connection, and whether that was a reset."""
    address = urlsplit(url)
    received = b""
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=patience) as connection:
        connection.sendall(request)
        try:
            while data := connection.recv(65536):
                received += data
        except TimeoutError:
            pass  # the server keeps the connection open
        except ConnectionResetError:
            return received, True
    return received, False


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(stack)


Row = tuple[str, str, Callable[[Wire], bool]]
See = Callable[[Row], None]


@pytest.fixture
def see(bench: Bench) -> See:
    """Checks a row of the table."""

    def check(row: Row) -> None:
        text, ask, shows = row
        assert ask, f"{text} has no row in the ROWS of this module: add one that shows what it does to the bytes"
        assert not shows(bench.honest(ask)), f"an honest mock looks like this too: {bench.honest(ask).raw[:600]!r}"
        wire = bench.send(ask, text)
        assert shows(wire), wire.raw[:3000]
        assert [each["applied"] for each in wire.entry["deviations"]] == [True] * (text.count(";") + 1)

    return check


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The rows of a module; a deviation of the module that it mirrors and that has none gets an empty one, which fails."""
    if "row" in metafunc.fixturenames:
        rows: list[Row] = metafunc.module.ROWS
        mirrored = "echosounder.mock_server.deviations." + metafunc.module.__name__.rpartition("test_")[2]
        named = {part.strip().partition(":")[0] for text, _, _ in rows for part in text.split(";")}
        forgotten = {each.name for each in all_deviations() if each.apply.__module__ == mirrored} - named
        rows = rows + [(name, "", lambda wire: False) for name in sorted(forgotten)]
        metafunc.parametrize("row", rows, ids=[f"{text} on {ask or 'nothing'}" for text, ask, _ in rows])
