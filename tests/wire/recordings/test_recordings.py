"""What others have recorded: read whatever it holds, and what it does not hold is said."""

import base64
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.wire.errors import LogError
from echosounder.wire.exchange import End, Observed
from echosounder.wire.recordings import flows, har
from echosounder.wire.recordings.foreign import MAX_BODY, api_path
from echosounder.wire.recordings.kinds import exchanges

ASKED = '{"model":"m","stream":true,"messages":[{"role":"user","content":"é"}]}'
STREAM = 'data: {"choices":[{"index":0,"delta":{"content":"é"}}]}\n\ndata: [DONE]\n\n'
URL = "https://api.example/openai/v1/chat/completions?api_key=sk-secret-in-query"
SECRET = "sk-0123456789abcdef"
HEADERS = {"Authorization": f"Bearer {SECRET}", "User-Agent": "app/2", "content-type": "application/json"}


def entry(**response):
    content = {"size": 1, "mimeType": "text/event-stream", "text": STREAM} | response.pop("content", {})
    rows = [{"name": name, "value": value} for name, value in HEADERS.items()]
    answered = [{"name": "content-type", "value": "text/event-stream"}, {"name": "content-encoding", "value": "br"}]
    return {
        "request": {"method": "POST", "url": URL, "headers": rows, "postData": {"text": ASKED}},
        "response": {"status": 200, "statusText": "OK", "headers": answered, "content": content} | response,
    }


def hared(tmp_path, *entries, cut=0):
    text = json.dumps(
        {"log": {"version": "1.2", "pages": [{"title": '}{][\\"'}], "entries": list(entries), "comment": "x"}}
    )
    path = tmp_path / "a.har"
    path.write_text(text[: len(text) - cut], encoding="utf-8")
    return path


def tnet(value):
    """Written apart from the reader, by the specification."""
    if value is None:
        return b"0:~"
    if isinstance(value, bool):
        data, kind = str(value).lower().encode(), b"!"
    elif isinstance(value, int):
        data, kind = str(value).encode(), b"#"
    elif isinstance(value, float):
        data, kind = repr(value).encode(), b"^"
    elif isinstance(value, str):
        data, kind = value.encode(), b";"
    elif isinstance(value, bytes):
        data, kind = value, b","
    elif isinstance(value, list | tuple):
        data, kind = b"".join(map(tnet, value)), b"]"
    else:
        data, kind = b"".join(tnet(name) + tnet(each) for name, each in value.items()), b"}"
    return b"%d:%b%b" % (len(data), data, kind)


def flow(**more):
    rows = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    packed = gzip.compress(STREAM.encode())
    coded = [(b"content-type", b"text/event-stream"), (b"content-encoding", b"gzip")]
    asked = {"method": b"POST", "scheme": b"https", "host": "api.example", "port": 443, "path": URL[19:].encode()}
    return {
        "type": "http",
        "version": 21,
        "error": None,
        "request": asked | {"headers": rows, "content": ASKED.encode(), "timestamp_start": 1.5},
        "response": {
            "status_code": 200,
            "reason": b"OK",
            "http_version": b"HTTP/1.1",
            "headers": coded,
            "content": packed,
        },
    } | more


PYTHON = f"""interactions:
- request:
    body: '{ASKED}'
    headers:
      Authorization: ["Bearer {SECRET}"]
      User-Agent: [app/2]
    method: POST
    uri: {URL}
  response:
    body: {{string: {json.dumps(STREAM)}}}
    headers:
      Content-Type: [text/event-stream]
      Content-Encoding: [gzip]
      Transfer-Encoding: [chunked]
    status: {{code: 200, message: OK}}
version: 1
"""
BINARY = base64.b64encode(gzip.compress(STREAM.encode())).decode()
RUBY = f"""---
http_interactions:
- request:
    method: post
    uri: {URL}
    body: {{encoding: UTF-8, string: '{ASKED}'}}
    headers: {{Authorization: ["Bearer {SECRET}"], User-Agent: [app/2]}}
  response:
    status: {{code: 200, message: OK}}
    headers: {{Content-Type: [text/event-stream], Content-Encoding: [gzip]}}
    body: {{encoding: ASCII-8BIT, base64_string: {BINARY}}}
  recorded_at: Mon, 30 Nov 2026 12:00:00 GMT
"""


def har_file(tmp_path):
    return hared(tmp_path, entry())


def base64_har(tmp_path):
    packed = {"text": base64.b64encode(STREAM.encode()).decode(), "encoding": "base64"}
    return hared(tmp_path, entry(content=packed))


def flow_file(tmp_path):
    path = tmp_path / "a.flows"
    path.write_bytes(tnet(flow()))
    return path


def vcrpy(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(PYTHON, encoding="utf-8")
    return path


def vcrpy_binary(tmp_path):
    path = tmp_path / "b.yaml"
    path.write_text(PYTHON.replace(json.dumps(STREAM), f"!!binary {BINARY}"), encoding="utf-8")
    return path


def vcrpy_json(tmp_path):
    asked = {"body": ASKED, "headers": {name: [value] for name, value in HEADERS.items()}, "method": "POST", "uri": URL}
    answered = {"body": {"string": STREAM}, "headers": {"content-type": ["text/event-stream"]}, "status": {"code": 200}}
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps({"version": 1, "interactions": [{"request": asked, "response": answered}]}), encoding="utf-8"
    )
    return path


def ruby(tmp_path):
    path = tmp_path / "ruby.yml"
    path.write_text(RUBY, encoding="utf-8")
    return path


def messages(tmp_path):
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    (tmp_path / "one.request.http").write_text(
        f"POST {URL[19:]} HTTP/1.1\r\nHost: h\r\n{head}\r\n{ASKED}", encoding="utf-8", newline=""
    )
    answer = f"HTTP/1.1 200 OK\ncontent-type: text/event-stream\n\n{STREAM}"
    (tmp_path / "one.response.http").write_text(answer, encoding="utf-8", newline="")
    return tmp_path


KINDS = [har_file, base64_har, flow_file, vcrpy, vcrpy_binary, vcrpy_json, ruby, messages]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_exchange(kind, tmp_path):
    [one] = exchanges(kind(tmp_path))
    assert (one.request.method, one.request.path, one.format) == ("POST", "/chat/completions", "chat")
    assert (one.status, one.end, one.text, one.asked) == (200, End.COMPLETE, STREAM, json.loads(ASKED))
    assert one.answer.content == "é"
    assert one.notes["client"] == "app/2"


@pytest.mark.parametrize("kind", KINDS)
def test_secrets_stay_out(kind, tmp_path):
    [one] = exchanges(kind(tmp_path))
    assert SECRET not in repr(one)
    assert "sk-secret-in-query" not in repr(one)


@pytest.mark.parametrize("kind", KINDS)
def test_what_nobody_saw_is_said(kind, tmp_path):
    [one] = exchanges(kind(tmp_path))
    assert {Observed.TIMES, Observed.FRAMING} <= set(one.lacks)
    assert (Observed.BYTES in one.lacks) == (kind not in {flow_file, messages})
    assert (one.t_sent, one.t_headers, one.t_closed) == (None, None, None)


def test_bodies_alone_are_of_the_format_that_can_read_them(tmp_path):
    for name, answer in {
        "a": '{"object":"chat.completion","choices":[{"message":{"role":"assistant","content":"x"}}]}',
        "b": '{"type":"message","role":"assistant","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn"}',
        "c": STREAM,
        "d": "42",
    }.items():
        (tmp_path / f"{name}.request.json").write_text(
            ASKED.replace("true", "true" if name == "c" else "false"), encoding="utf-8"
        )
        (tmp_path / f"{name}.response.txt").write_text(answer, encoding="utf-8")
    (tmp_path / "e.request.json").write_text("{}", encoding="utf-8")
    found = list(exchanges(tmp_path))
    assert [one and one.format for one in found] == ["chat", "messages", "chat", "unknown", None]


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("https://h/openai/v1/chat/completions", "/chat/completions"),
        ("https://h/api/chat/completions", "/chat/completions"),
        ("/anthropic/v1/messages", "/anthropic/v1/messages"),
        ("/v1/models", "/models"),
        ("https://h", "/"),
        ("/elsewhere", "/elsewhere"),
    ],
)
def test_the_path_of_the_api_is_found_behind_any_prefix(path, known):
    assert api_path(path) == known


# ---------------------------------------------------------------------------------------------------------- bad input


def trouble(path):
    """What reading all of it ends with, empty where it ends well."""
    try:
        list(exchanges(path))
    except LogError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", [har_file, flow_file, vcrpy, ruby])
def test_a_file_that_was_cut_says_so_in_one_line(kind, tmp_path):
    path = kind(tmp_path)
    whole = path.read_bytes()
    for share in (0.02, 0.3, 0.6, 0.97):
        path.write_bytes(whole[: int(len(whole) * share)])
        said = trouble(path)
        assert "\n" not in said
        assert not said or str(path) in said
    assert trouble(path) or kind in {vcrpy, ruby}  # of YAML any beginning may be a whole


def test_entries_before_the_cut_are_read(tmp_path):
    found, source = [], exchanges(hared(tmp_path, entry(), entry(), entry(), cut=100))
    with pytest.raises(LogError, match="it was cut"):
        found.extend(source)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("broken", "left"),
    [
        ({"request": None, "response": {}}, None),
        ([], None),
        ("entry", None),
        (entry(content={"text": "%%%", "encoding": "base64"}), None),
        (entry(content={"text": 7}), None),
        (entry(status=0, _error="net::ERR_ABORTED"), "connect-failed"),
        (entry(headers="none"), 200),
    ],
)
def test_an_entry_that_is_broken_is_counted_and_the_others_are_read(tmp_path, broken, left):
    first, last = exchanges(hared(tmp_path, broken, entry()))
    assert last.status == 200
    assert (first and (first.status or str(first.end))) == left


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.har", b""),
        ("a.har", b'{"log": {"entries": 7}}'),
        ("a.har", b'{"log": {"entries": [' + b"[" * 100_000),
        ("a.har", b"\xff\xfe\x00"),
        ("a.flows", b"99999999999:x,"),
        ("a.flows", b"4:abc"),
        ("a.yaml", b"interactions: [&a [*a, *a]]\n]"),
        ("a.yaml", b"interactions: !!python/object/apply:os.system [id]"),
        ("a.json", b"[1]"),
        ("a.bin", b"\x89PNG"),
    ],
)
def test_what_is_no_recording_is_an_error_in_one_line(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(LogError) as caught:
        list(exchanges(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_of_a_large_body_a_bounded_part_is_kept(tmp_path):
    [one] = exchanges(hared(tmp_path, entry(content={"text": "x" * (MAX_BODY + 5)})))
    assert len(one.body) == MAX_BODY


class Endless:
    """A file of *count* entries that is never in memory as a whole; ``asked``: the largest portion that was read at once."""

    def __init__(self, entry, count):
        self._parts = iter(['{"log":{"entries":[', *[entry + ","] * count])
        self.asked = 0

    def read(self, size):
        self.asked = max(self.asked, size)
        found = ""
        while len(found) < size and (part := next(self._parts, "")):
            found += part
        return found


def test_a_har_of_any_size_is_read_in_portions(tmp_path):
    """As many as show that none is kept; a gigabyte takes half a minute."""
    file, seen = Endless(json.dumps(entry(content={"text": "x" * 100_000})), 300), []
    source = har.entries(file, tmp_path)
    with pytest.raises(LogError, match="cut"):
        seen.extend(len(one) for one in source)
    assert len(seen) == 300
    assert file.asked <= 4 * har.PORTION


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    max_leaves=20,
)


@given(VALUES)
def test_tnetstrings_are_read_as_they_were_written(value):
    assert flows.parse(tnet(value)) == (value, b"")


@given(st.binary(max_size=40))
def test_other_bytes_are_no_tnetstring(data):
    try:
        flows.parse(data)
    except (ValueError, TypeError, RecursionError):
        return
