"""No artefact of any command holds the key, however the target spells it back: every file, standard output, standard error."""

import base64
import contextlib
import gzip
import io
import json
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from echosounder import reports
from echosounder.__main__ import run
from echosounder.wire.redact import Redactor
from tests.hostile.targets import serving, telling

KEY = "sk-Secret0123456789+abc.DEF"
REDACT = Redactor((KEY, KEY[::-1]))


def decodings(data: bytes) -> Iterator[bytes]:
    """What a reader gets out of an artefact: the bytes themselves, and what is packed or encoded in them."""
    yield data
    for packed in re.findall(rb'"base64": ?"([A-Za-z0-9+/=]+)"', data):
        raw = base64.b64decode(packed)
        yield raw
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(raw)
    if data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)


def leaks(folder: Path, said: dict[str, str]) -> list[str]:
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found = files | {name: text.encode() for name, text in said.items()}
    return [name for name, data in found.items() if any(REDACT.holds(one) for one in decodings(data))]


CLIENT = """import os, sys, urllib.request
print(sys.argv, os.environ["INHERITED_TOKEN"])
urllib.request.urlopen(os.environ["OPENAI_BASE_URL"] + "/models?key=" + sys.argv[1].split()[1])"""
SENDING: dict[str, list[str]] = {
    "check": ["check", "URL", "--suite", "smoke", "--out", "OUT/check", "--timeout", "2"],
    "replay": ["replay", "OUT/check", "2"],
    "load": ["load", "streaming", "URL", "--users", "2", "--duration", "500ms", "--out", "OUT/load"],
    "doctor": ["doctor", "URL"],
}
SLOW: dict[str, list[str]] = {
    "check in another format": ["check", "URL", "--suite", "smoke", "--format", "messages", "--out", "OUT/messages"],
    "cache-pricing": ["load", "cache-pricing", "URL", "--duration", "2s", "--out", "OUT/pricing"],
    "rate-limit": ["load", "rate-limit", "URL", "--users", "2", "--duration", "2s", "--out", "OUT/limit"],
    "compare live": ["compare", "--live", "URL", "URL", "--suite", "smoke", "--out", "OUT/live"],
    "settle": ["settle", "URL", "--yes", "--out", "OUT/settle"],
    "client": [
        "client",
        "--suite",
        "smoke",
        "--out",
        "OUT/client",
        "--",
        sys.executable,
        "-c",
        CLIENT,
        f"Bearer {KEY}",
    ],
    "baseline": ["baseline", "write", "OUT/check"],
    "replay elsewhere": ["replay", "OUT/check", "3", "--url", "URL"],
}
READING: dict[str, list[str]] = {
    "score": ["score", "OUT/check"],
    "score for machines": ["score", "OUT/check", "--json"],
    "score of a load": ["score", "OUT/load"],
    **{f"report as {name}": ["report", "OUT/check", "--format", name] for name in reports.FORMATS},
    "samples": ["report", "OUT/load", "--samples", "OUT/samples.csv"],
    "compare": ["compare", "OUT/check", "OUT/check"],
    "matrix": ["matrix", "OUT/check", "--out", "OUT/matrix"],
    "history": ["history", "OUT"],
}
MISTAKEN: dict[str, list[str]] = {
    "no such option": ["check", "--api-key", KEY],
    "a URL with a user": ["check", f"http://user:{KEY}@127.0.0.1:1/v1"],
    "a URL for a scenario": ["load", f"http://user:{KEY}@127.0.0.1:1/?token={KEY}"],
    "a URL for a run": ["score", f"http://u:{KEY}@h/x?key={KEY}"],
    "a URL for a master": ["load", "streaming", "--master", f"http://u:{KEY}@h"],
    "a header": ["check", "http://127.0.0.1:1", "--header", f"X-Team:{KEY}\x00"],
    "a key for a profile": ["plan", "--profile", KEY],
    "a key for a model": ["check", "URL", "--model", KEY],
    "a key for a folder": ["check", "URL", f"--out=OUT/{KEY}"],
}


@pytest.fixture(scope="module", params=["usual", pytest.param("all", marks=pytest.mark.field)])
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str], dict[str, int]]:
    """Every command once, against a target that tells whatever it knows: the folder, what was said, exit codes."""
    out, said, codes = tmp_path_factory.mktemp("out"), {}, {}
    with pytest.MonkeyPatch.context() as patch, serving(telling) as url:
        patch.setenv("DEEPSEEK_API_KEY", KEY)
        patch.setenv("INHERITED_TOKEN", KEY[::-1])
        patch.chdir(out)
        slow = SLOW if request.param == "all" else {}
        for name, words in (SENDING | slow | READING | MISTAKEN).items():
            arguments = [word.replace("URL", url).replace("OUT", str(out)) for word in words]
            said[name], codes[name] = _run(arguments)
        said |= {"pytest": _pytest(url, out)} if slow else {}
    return out, said, codes


def _run(arguments: list[str]) -> tuple[str, int]:
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
        code = run(arguments)
    return heard.getvalue(), code


def _pytest(url: str, out: Path) -> str:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--pyargs",
        "echosounder.conformance.suite",
        "-rA",
    ]
    command += ["--echo-target", url, "--echo-suite", "smoke", "--echo-out", str(out / "pytest")]
    made = subprocess.run(
        command, cwd=out, env=dict(os.environ), capture_output=True, encoding="utf-8", timeout=100, check=False
    )
    return made.stdout + made.stderr


def test_no_artefact_holds_the_key(told: tuple[Path, dict[str, str], dict[str, int]]) -> None:
    out, said, _ = told
    assert len(list(out.rglob("*.jsonl"))) >= 2, "the commands wrote their logs"
    assert leaks(out, said) == []


def test_every_command_ends_as_documented_and_without_a_traceback(
    told: tuple[Path, dict[str, str], dict[str, int]],
) -> None:
    _, said, codes = told
    assert {name: code for name, code in codes.items() if code not in {0, 1, 2, 3, 4}} == {}
    assert {codes[name] for name in MISTAKEN} == {2}
    assert [name for name, text in said.items() if "Traceback" in text or "mistake of Echosounder" in text] == []


def test_the_log_has_the_target_s_answers_all_the_same(told: tuple[Path, dict[str, str], dict[str, int]]) -> None:
    """A log without answers would hold no key either."""
    records = [json.loads(line) for line in (told[0] / "check" / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    answers = [record for record in records if record["kind"] == "exchange" and record.get("reads")]
    assert len(answers) > 5
    assert "***" in json.dumps(answers)


@pytest.mark.parametrize(
    "key", [f"{KEY}\n", f"{KEY}\r\nX-Evil: 1", f"{KEY}\x1b]0;x\x07"], ids=["line feed", "header", "escape"]
)
@pytest.mark.parametrize("command", ["check", "load"])
def test_a_key_that_no_header_can_carry_goes_nowhere(
    key: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", key)
    words = {"check": ["check"], "load": ["load", "streaming"]}[command]
    assert run([*words, "http://127.0.0.1:9", "--out", str(tmp_path / "out")]) == 2
    assert leaks(tmp_path, dict(enumerate(capsys.readouterr()))) == []  # type: ignore[arg-type]
