"""The log keeps what was written, says when it is unfinished, and refuses what is none of ours."""

import json

import pytest

from echosounder.wire.errors import LogError, UnfinishedRun
from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.runlog import RunWriter, exchange_from, exchange_record, read
from echosounder.wire.verdict import Finding, Result, Verdict

HEADER = Header(kind_of_run=RunKind.CHECK, started="2026-11-22T09:30:00+00:00", target=Aimed("http://h"))
EXCHANGE = Exchange(
    "1", "chat.basic", Request("GET", "/models", "http://h/models"), status=200, reads=(Read(5, b"\xff{}"),)
)
RESULT = Result(
    "models.schema", Verdict.FAIL, (Finding("models.schema", "no list", "1", pointer="/data"),), exchanges=("1",)
)


def write(path, body=lambda log: None):
    with RunWriter(path, HEADER) as log:
        log.exchange(EXCHANGE)
        log.result(RESULT)
        body(log)
    return path


def test_a_log_reads_back_as_it_was_written(tmp_path):
    run = read(write(tmp_path / "new" / "run.jsonl"))
    assert run.header == HEADER
    assert (run.exchanges, run.results) == ((EXCHANGE,), (RESULT,))
    assert run.footer["records"] == {"header": 1, "exchange": 1, "verdict": 1}
    assert run.finished() is run


def test_a_folder_stands_for_its_log(tmp_path):
    write(tmp_path / "run.jsonl")
    assert read(tmp_path).exchanges == (EXCHANGE,)


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("/chat/completions", "chat"),
        ("/beta/chat/completions", "chat"),
        ("/v1/chat/completions", "chat"),
        ("/beta/completions", "fim"),
        ("/completions", "unknown"),
        ("/responses", "responses"),
        ("/anthropic/v1/messages", "messages"),
        ("/models", "unknown"),
    ],
)
def test_the_format_is_recorded_and_an_old_log_without_it_is_read_by_the_path(tmp_path, path, format):
    exchange = Exchange("1", "p", Request("POST", path, ""))
    with RunWriter(tmp_path / "run.jsonl", HEADER) as log:
        log.exchange(exchange)
    written = (tmp_path / "run.jsonl").read_text(encoding="utf-8")
    assert f'"format":"{format}"' in written
    assert read(tmp_path).exchanges == (exchange,)
    (tmp_path / "run.jsonl").write_text(written.replace(f',"format":"{format}"', ""), encoding="utf-8")
    assert read(tmp_path).exchanges == (exchange,)


def test_the_recorded_format_weighs_more_than_the_path(tmp_path):
    other = Exchange("1", "p", Request("POST", "/chat/completions", ""), format="of-tomorrow")
    with RunWriter(tmp_path / "run.jsonl", HEADER) as log:
        log.exchange(other)
    (found,) = read(tmp_path).exchanges
    assert found.format == "of-tomorrow"
    assert found.reader.name == "unknown"


def test_ctrl_c_finishes_the_log_and_the_footer_says_so(tmp_path):
    def interrupt(log):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "run.jsonl", interrupt)
    assert read(tmp_path).footer["interrupted"] == "KeyboardInterrupt"


def test_a_killed_writer_loses_only_its_last_line(tmp_path):
    path = write(tmp_path / "run.jsonl")
    path.write_bytes(path.read_bytes()[:-30])
    run = read(path)
    assert run.exchanges == (EXCHANGE,)
    with pytest.raises(UnfinishedRun, match="no footer"):
        run.finished()


BAD = [
    ("", "is empty"),
    ("<html>\n", ":1: not JSON"),
    ("[]\n", ":1: not a run record"),
    (
        json.dumps({"kind": "header", "schema": "echosounder/run/0"}) + "\n",
        "schema echosounder/run/1 or echosounder/run/2",
    ),
    (json.dumps({"kind": "header", "schema": "echosounder/run/1"}) + '\n{"kind":"exchange"}\n', "not of schema"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_what_is_no_log_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "run.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LogError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_missing_log_is_refused(tmp_path):
    with pytest.raises(LogError, match="cannot read"):
        read(tmp_path / "nothing.jsonl")


def test_the_upstreams_side_of_an_older_log_is_known_by_the_end_of_its_probes_name(tmp_path):
    upstream = Exchange("1u1", "proxy.timing", EXCHANGE.request, side="upstream", notes={"of": "1"})
    older = exchange_record(upstream) | {"probe": "proxy.timing@upstream"}
    del older["side"]
    assert exchange_from(older) == exchange_from(exchange_record(upstream)) == upstream
