"""Input that cannot work: named in one line, before anything is sent."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from echosounder.load.demands import checked
from echosounder.load.inputs import beyond, duration, items, trace
from echosounder.load.options import Options
from echosounder.load.preflight import preflight
from echosounder.load.scenarios.file import read_scenario
from echosounder.wire.access import Access
from echosounder.wire.errors import Unreachable, UsageError

OPTIONS = Options(url="http://127.0.0.1:9")

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"prometheus": 99999}, "--prometheus must be between 1 and 65535"),
    ({"prometheus": -1}, "--prometheus must be between 1 and 65535"),
    ({"web": 0}, "--web must be between 1 and 65535"),
    ({"budget_requests": 0}, "--budget-requests must be between 1"),
    ({"duration": 0.0}, "--duration must be between 0.1"),
    ({"duration": float("nan")}, "--duration must be between 0.1"),
    ({"connect_timeout": 0.0, "idle_timeout": 0.0}, "--timeout must be between"),
    ({"idle_timeout": 1e9}, "--timeout must be between"),
    ({"expect_workers": 4}, "give --master"),
    ({"expect_workers": -1}, "--expect-workers must be between 0"),
    ({"processes": 2, "worker": "h:1"}, "--processes is for workers of one machine"),
    ({"processes": 2, "master": "h:1", "expect_workers": 2}, "--processes is for workers of one machine"),
    ({"access": Access(ca_file="nope.pem")}, "--ca-file nope.pem: No such file"),
    ({"access": Access(ca_file=__file__)}, r"--ca-file .*: .*no certificate"),
]


@pytest.mark.parametrize(("change", "says"), REFUSED, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_options_that_cannot_work_are_named_as_they_are_written(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        checked(replace(OPTIONS, **change))


def test_ports_that_there_are_and_masters_of_many_may_be_given() -> None:
    assert checked(replace(OPTIONS, web=1, prometheus=65535)).prometheus == 65535
    assert checked(replace(OPTIONS, master="h:1", expect_workers=4)).workers == 4


LINE = {"offset": 1.5, "prompt_tokens": 200, "output_tokens": 64}


def traced(folder: Path, *lines: str) -> Path:
    path = folder / "trace.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("offset", ["NaN", "Infinity", "1e400", "-0.1", "1e9", "true", '"3"', "null", "[1]"])
def test_an_offset_that_is_no_time_of_a_run_is_named(offset: str, tmp_path: Path) -> None:
    line = json.dumps(LINE).replace("1.5", offset)
    with pytest.raises(UsageError, match=r"trace\.jsonl:2: offset must be seconds"):
        trace(traced(tmp_path, json.dumps(LINE), line))


@pytest.mark.parametrize("tokens", ["2.9", "true", "0", "-1", "1000001", "1e3", '"7"', "null", "NaN"])
@pytest.mark.parametrize("name", ["prompt_tokens", "output_tokens"])
def test_a_number_of_tokens_that_is_none_is_named(name: str, tokens: str, tmp_path: Path) -> None:
    line = json.dumps(LINE | {name: 555}).replace("555", tokens)
    with pytest.raises(UsageError, match=r"trace\.jsonl:1: tokens must be whole numbers"):
        trace(traced(tmp_path, line))


def test_a_trace_lasts_to_its_last_request_and_what_a_shorter_run_leaves_out_is_counted(tmp_path: Path) -> None:
    path = traced(tmp_path, *(json.dumps(LINE | {"offset": number}) for number in range(40)))
    assert 39 < duration(path, warmup=0.0) < 39.1
    assert 36 < duration(path, warmup=3.0) < 36.1
    assert beyond(replace(OPTIONS, trace=path, duration=3.0)) == 37
    assert beyond(replace(OPTIONS, trace=path, duration=3.0, warmup=2.0)) == 35
    assert beyond(replace(OPTIONS, trace=path, duration=duration(path, 0.0))) == 0
    with pytest.raises(UsageError, match="within the warm-up"):
        duration(path, warmup=40.0)


def test_a_trace_of_one_moment_lasts_as_long_as_a_run_must(tmp_path: Path) -> None:
    path = traced(tmp_path, json.dumps(LINE | {"offset": 0}))
    assert checked(replace(OPTIONS, trace=path, duration=duration(path, 0.0))).duration == 0.1


def test_a_trace_is_parted_by_line_feeds_only(tmp_path: Path) -> None:
    """JSON may hold U+2028, U+0085 and others at which Python would part a line."""
    lines = [
        f'{{"note": "a{end}b", "offset": {number}, "prompt_tokens": 1, "output_tokens": 1}}' for number, end in ENDS
    ]
    assert [due.offset for due in trace(traced(tmp_path, *lines))] == [number for number, _ in ENDS]


ENDS = list(enumerate("\u2028\u2029\x85\x0b\x1c"[:3]))


@pytest.mark.parametrize(
    ("line", "prompt"),
    [
        ("What is a lobster?", "What is a lobster?"),
        ('"quoted \\u00e9"', "quoted é"),
        ('{"prompt": "in an object"}', "in an object"),
        ('"To be" is how a prompt may begin', '"To be" is how a prompt may begin'),
        ("{ int x; } // explain", "{ int x; } // explain"),
        ("one\u2028line", "one\u2028line"),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_a_line_of_prompts_is_json_where_it_can_be_and_else_text(line: str, prompt: str, tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text(f"first\n\n{line}\r\n", encoding="utf-8")
    (item,) = items(replace(OPTIONS, prompts=path))
    assert item.prompts == ("first", prompt)


@pytest.mark.parametrize("line", ['{"promt": "a"}', '{"prompt": 3}', '{"prompt": ""}', '""', '"half \\ud800"'])
def test_a_line_without_a_prompt_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text(f"first\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"prompts\.txt:2: no prompt in it"):
        items(replace(OPTIONS, prompts=path))


@pytest.mark.parametrize("extra", ["warmup: 5", "rate: 10", "itmes: []", "1: 2"])
def test_a_scenario_says_nothing_beside_its_items(extra: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"items: [{{name: a}}]\n{extra}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="a scenario has only items"):
        read_scenario(path)


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[str]:
    """The URL of a server whose certificate nobody vouches for."""
    both = str(tmp_path / "localhost.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", both, "-out", both + ".crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both + ".crt", both)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        plain, _ = listener.accept()
        try:
            context.wrap_socket(plain, server_side=True).close()
        except OSError:
            plain.close()

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://localhost:{listener.getsockname()[1]}"
    listener.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_a_certificate_that_nobody_vouches_for_is_said_with_the_option_that_helps(untrusted: str) -> None:
    with pytest.raises(Unreachable, match=r"not trusted \(.*\); name its authority with --ca-file"):
        preflight(replace(OPTIONS, url=untrusted))
