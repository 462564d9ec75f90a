"""A wire format that exists only in this folder is sent under load, timed, counted, billed and judged: nothing else knows it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from echosounder.load.client.reader import StreamReader
from echosounder.load.inputs import items
from echosounder.load.options import Options
from echosounder.load.sampled import lines, with_conformance
from echosounder.load.scenarios.file import read_scenario
from echosounder.load.worker.workload import Workload
from echosounder.specs import DEFAULT_PROFILE
from echosounder.wire.errors import UsageError
from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.formats import CHAT, FIM, FORMATS, MESSAGES, RESPONSES
from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.runlog import RunWriter, read
from echosounder.wire.stream import StreamEnd, stream_end, timeline
from echosounder.wire.usage import Usage

HERE = Path(__file__).parent / "soundings"
sys.path.insert(0, str(HERE))
from soundings import soundings  # noqa: E402  (importlib mode: a test's folder is on no path)

SOUNDINGS = soundings()
KEY = "sk-test-000000000"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PAUSE = 0.03  # s before each event with output


def event(name: str, **value: object) -> bytes:
    data = f"event: {name}\ndata: {json.dumps(value, separators=(',', ':'))}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


def stream(*tail: bytes) -> tuple[bytes | float, ...]:
    lowered = event("lowered", vessel="m", cost={"let": {"out": 7}})
    echoes = [each for word in ("so", " very", " deep") for each in (PAUSE, event("echo", seq="a", echo=word))]
    return (HEAD, lowered, PAUSE, event("echo", mutter="hm"), *echoes, *tail, b"0\r\n\r\n")


SURFACED = event("surfaced", why="bottom", cost={"echoes": 4, "sum": 11})


def load(tmp_path: Path, url: str) -> subprocess.CompletedProcess[str]:
    """The command, with the format registered in each of its processes."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("import soundings\nsoundings.register()\n", encoding="utf-8")
    scenario = tmp_path / "deep.yaml"
    scenario.write_text("- {name: deep, format: soundings, prompt_tokens: 12, output_tokens: 4}\n", encoding="utf-8")
    environment = {**os.environ, "DEEPSEEK_API_KEY": KEY, "PYTHONPATH": os.pathsep.join([str(site), str(HERE)])}
    words = [
        "load",
        str(scenario),
        url,
        "--users",
        "2",
        "--duration",
        "1s",
        "--model",
        "m",
        "--out",
        str(tmp_path / "run"),
    ]
    return subprocess.run(
        [sys.executable, "-m", "echosounder", *words],
        check=False,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


@pytest.fixture
def run(tmp_path, scripted):
    def go(*tail):
        server = scripted(*stream(*tail))
        server.models = b'HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{"data":[{"id":"m"}     ]}'
        said = load(tmp_path, server.url)
        assert (tmp_path / "run" / "report.json").exists(), said.stderr + said.stdout
        report = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
        return server, report, read(tmp_path / "run"), said

    return go


def test_it_is_sent_timed_counted_and_judged(run):
    server, report, log, _ = run(SURFACED)
    request = next(each for each in server.requests if each.startswith(b"POST"))
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v3/soundings HTTP/1.1")
    assert f"X-Api-Key: {KEY}".encode() in head
    assert b"X-Chart: 7" in head
    assert b"uthorization" not in head
    asked = json.loads(body)
    assert (asked["vessel"], asked["fathoms"], asked["stream"]) == ("m", 4, True)
    assert asked["lines"][0].startswith("user> ")

    assert report["counts"]["completed"] == report["counts"]["sent"] > 0
    assert report["failures"] == {}
    for sample in log.samples:
        assert sample["end"] == "done"
        assert sample["finish"] == "bottom"
        assert {name: count for name, count in sample["usage"].items() if count is not None} == {
            "prompt": 7,
            "completion": 4,
            "total": 11,
        }
        assert sample["token_events"] == 4
        assert sample["t_first_event"] <= sample["t_first_reasoning"] <= sample["t_first_content"]
    # A client that had no core found several events in one read; one that had one tells them apart.
    apart = [sample for sample in log.samples if len(sample["gaps_us"]) == 3]
    assert any(each["t_first_reasoning"] - each["t_first_event"] >= PAUSE * 0.9e9 for each in apart)
    assert any(each["t_first_content"] - each["t_first_reasoning"] >= PAUSE * 0.9e9 for each in apart)
    assert report["metrics"]["ttft_ms"]["count"] > 0

    assert {each.format for each in log.exchanges} == {"soundings"}
    assert report["conformance"]["sampled"] == len(log.exchanges) > 0
    assert report["conformance"]["failing"] == {}


def played(example: str) -> tuple[bytes | float, ...]:
    """The stream that a format's own description shows, with pauses before its texts."""
    steps: list[bytes | float] = [HEAD]
    for each in example.strip().split("\n\n"):
        data = f"{each.strip()}\n\n".encode()
        steps += [PAUSE] if '"one"' in each or '" two"' in each else []
        steps.append(b"%x\r\n%b\r\n" % (len(data), data))
    return (*steps, b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("name", "bound", "total"), [("responses", "max_output_tokens", 3), ("messages", "max_tokens", None)]
)
def test_a_built_in_scenario_in_another_format(name, bound, total, tmp_path, scripted):
    form = FORMATS[name]
    server = scripted(*played(form.grammar.example))
    server.models = b'HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{"data":[{"id":"m"}     ]}'
    words = ["load", "streaming", server.url, "--format", name, "--users", "2", "--duration", "1s", "--model", "m"]
    said = subprocess.run(
        [sys.executable, "-m", "echosounder", *words, "--out", str(tmp_path / "run")],
        check=False,
        env={**os.environ, "DEEPSEEK_API_KEY": KEY},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (tmp_path / "run" / "report.json").exists(), said.stderr + said.stdout
    report, log = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8")), read(tmp_path / "run")
    head, _, body = next(each for each in server.requests if each.startswith(b"POST")).partition(b"\r\n\r\n")
    assert head.startswith(f"POST {form.path} HTTP/1.1".encode())
    for header, value in form.headers(KEY).items():
        assert f"{header}: {value}".encode() in head
    assert json.loads(body)[bound] == 64

    assert report["counts"]["completed"] == report["counts"]["sent"] > 0
    assert report["failures"] == {}
    for sample in log.samples:
        assert sample["end"] == "done"
        assert form.grammar.meaning(sample["finish"]) == "ended"
        assert (sample["usage"]["prompt"], sample["usage"]["completion"], sample["usage"].get("total")) == (1, 2, total)
        assert sample["token_events"] == 2
        assert sample["t_first_event"] <= sample["t_first_content"]
    apart = [sample for sample in log.samples if len(sample.get("gaps_us", ())) == 1]
    assert any(each["t_first_content"] - each["t_first_event"] >= PAUSE * 0.9e9 for each in apart)
    assert {each.format for each in log.exchanges} == {name}


def test_a_scenario_that_a_format_cannot_ask_is_refused():
    with pytest.raises(UsageError, match="--format messages can ask chat, tools, not json of item 'json'"):
        items(Options("http://h", "mixed", format="messages"))


@pytest.mark.parametrize(
    ("profile", "agents"),
    [
        ("2024-12", set()),
        ("2025-12", {"agent-messages"}),
        (DEFAULT_PROFILE, {"agent-messages", "agent-responses"}),
    ],
)
def test_mixed_has_an_agent_for_each_format_of_the_profile(profile, agents):
    found = [item for item in items(Options("http://h", "mixed", profile=profile)) if item.name.startswith("agent")]
    assert {item.name for item in found} == agents
    for item in found:
        job = Workload([item], "m").job(0)
        body = json.loads(job.body)
        assert (job.path, job.format) == (FORMATS[item.format].path, item.format)
        assert body["tools"][0]["name"] == "look_up"
        assert body[FORMATS[item.format].grammar.bound] == 96
        assert len(FORMATS[item.format].turns(body)) >= 2


def test_what_is_wrong_in_it_is_found(run):
    """A sum that does not add up, and a stream that just ends."""
    _, report, log, _ = run(event("echo", seq="a", cost={"echoes": 4, "sum": 12}))
    assert {sample["end"] for sample in log.samples} == {"eof-without-finish"}
    sampled = report["conformance"]["sampled"]
    assert sampled > 0
    assert report["conformance"]["failing"] == {"stream.complete": sampled, "usage.total-is-sum": sampled}


EXAMPLES = {"chat": CHAT, "fim": FIM, "responses": RESPONSES, "messages": MESSAGES, "soundings": SOUNDINGS}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_format_is_read_alike_by_the_harness_and_under_load(name, monkeypatch):
    form = EXAMPLES[name]
    monkeypatch.setitem(FORMATS, name, form)
    pieces = [f"{each.strip()}\n\n".encode() for each in form.grammar.example.split("\n\n")]
    reads = tuple(Read(at, piece) for at, piece in enumerate(pieces))
    request = Request("POST", form.path, "", body=b'{"stream":true}')
    exchange = Exchange("x", "p", request, status=200, reads=reads, format=name)
    answer, line = exchange.answer, timeline(exchange)
    assert answer.content == "one two"
    assert answer.usage is not None
    assert (answer.usage.prompt, answer.usage.completion) == (1, 2)
    assert form.grammar.meaning(answer.finish) == "ended"
    assert stream_end(exchange) is StreamEnd.DONE
    assert None not in {line.t_first_content, line.t_usage, line.t_done}

    reader = StreamReader(form)
    for at, piece in enumerate(pieces):
        reader.feed(at, [piece])
    assert (reader.line.t_first_content, reader.line.t_usage, reader.line.t_done) == (
        line.t_first_content,
        line.t_usage,
        line.t_done,
    )
    assert (reader.done, reader.finish, form.usage(reader.usage)) == (True, answer.finish, answer.usage)


def test_a_named_event_is_a_template_too():
    """Events of one name and make need no JSON parser after the first; one of another name does."""
    reader, parsed = StreamReader(SOUNDINGS), []
    reader._format = type(
        "Counting",
        (),
        {
            "grammar": SOUNDINGS.grammar,
            "mark": lambda _, name, value: parsed.append(name) or SOUNDINGS.mark(name, value),
        },
    )()
    echo = b'event: %b\ndata: {"echo":"%b"}\n\n'
    reader.feed(0, [echo % (b"echo", b"a")])
    reader.feed(1, [echo % (b"echo", b"b"), echo % (b"echo", b"c"), echo % (b"noise", b"d")])
    assert parsed == ["echo", "noise"]
    assert (reader.token_events, reader.events) == (3, 4)


def test_the_usage_of_a_stream_is_merged_where_the_format_says_so():
    parts = [
        (0, SOUNDINGS.mark("lowered", {"cost": {"let": {"out": 7}}})),
        (1, SOUNDINGS.mark("surfaced", {"cost": {"echoes": 4}})),
    ]
    assert SOUNDINGS.joined(parts).usage == Usage(prompt=7, completion=4)
    last = [
        (0, CHAT.mark("", {"usage": {"prompt_tokens": 7}})),
        (1, CHAT.mark("", {"usage": {"completion_tokens": 4}})),
    ]
    assert CHAT.joined(last).usage == Usage(completion=4)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{name: a, format: chatt}", "item 1, format: 'chatt' is none of chat, fim, responses, messages"),
        ("{name: a, format: fim}", "item 1: kind chat cannot be asked in the format fim; choose from fim"),
        (
            "{name: a, format: chat, kind: fim}",
            "kind fim cannot be asked in the format chat; choose from chat, json, tools",
        ),
    ],
)
def test_a_scenario_names_a_format_that_can_ask_what_it_wants(tmp_path, row, says):
    (tmp_path / "s.yaml").write_text(f"- {row}\n", encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        read_scenario(tmp_path / "s.yaml")
    assert says in str(refused.value)


def test_what_no_format_is_known_for_is_judged_by_nothing_and_named(tmp_path):
    """Correct events of another API, which were held against what FIM demands once."""
    body = b'event: response.created\ndata: {"type":"response.created"}\n\n'
    request = Request("POST", "/interactions", "", body=b'{"stream":true}')
    header = Header(kind_of_run=RunKind.LOAD, started="2026-11-22T09:30:00+00:00", target=Aimed("http://h"))
    with RunWriter(tmp_path / "run.jsonl", header) as log:
        for id in ("1", "2"):
            log.exchange(Exchange(id, "load", request, status=200, reads=(Read(0, body),)))
    report = with_conformance({"target": {"model": "m"}}, tmp_path / "run.jsonl", DEFAULT_PROFILE)
    assert report["conformance"] == {"sampled": 0, "failing": {}, "unjudged": {"/interactions": 2}}
    assert list(lines(report)) == [
        "conformance: 2 exchanges of /interactions not judged: no wire format is known for this path"
    ]


def test_an_exchange_of_an_unknown_path_is_nobodys():
    exchange = Exchange(
        "x", "p", Request("POST", "/interactions", ""), status=200, reads=(Read(0, b'data: {"choices":[]}\n\n'),)
    )
    assert exchange.format == "unknown"
    assert exchange.answer.empty
    assert timeline(exchange).t_first_event == 0
