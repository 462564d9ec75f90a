"""Terminals, Markdown and pages: what a stranger wrote runs nowhere, and a stranger's page reads and moves nothing."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from echosounder.cli import said
from echosounder.mock_server.net.process import spawn
from echosounder.reports.text import code, dumps
from echosounder.wire.guard import admitted, guarded, policy

ROOT = Path(__file__).parents[2]
EVIL = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e\u2066\u200b\x00\x08"
CONTROLS = {character for character in EVIL if not character.isprintable()}
KEY = "sk-test-hidden-0123456789"

HOSTS = {
    "127.0.0.1:8089": True,
    "localhost:8089": True,
    "[::1]:8089": True,
    "evil.example:8089": False,
    "127.0.0.1.evil.example": False,
    "127.0.0.1@evil.example": False,
    "": False,
    "[": False,
}
FOREIGN = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:9999"},
    {"origin": "http://["},
    {"referer": "http://evil.example/page"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize(("host", "holds"), HOSTS.items())
def test_only_this_machine_s_names_are_answered(host: str, holds: bool) -> None:
    assert admitted({"host": host}) is holds


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_no_page_of_others_is_answered(headers: dict[str, str]) -> None:
    assert not admitted({"host": "127.0.0.1:8089", **headers})
    own = {"host": "127.0.0.1:8089", "origin": "http://127.0.0.1:8089", "sec-fetch-site": "same-origin"}
    assert admitted(own)


def test_what_is_answered_may_be_read_by_no_other_page() -> None:
    def application(environ, start):  # type: ignore[no-untyped-def]
        start("200 OK", [("Access-Control-Allow-Origin", "*"), ("Content-Type", "text/html")])
        return [b"figures"]

    def asked(**environ: str) -> tuple[str, dict[str, str], bytes]:
        begun: list[object] = []
        body = guarded(application)(environ, lambda status, headers, *_: begun.extend((status, dict(headers))))
        return str(begun[0]), begun[1], b"".join(body)  # type: ignore[return-value]

    status, headers, body = asked(HTTP_HOST="127.0.0.1:1")
    assert (status, body) == ("200 OK", b"figures")
    assert not [name for name in headers if name.lower().startswith("access-control")]
    assert headers["X-Content-Type-Options"] == "nosniff"
    status, headers, body = asked(HTTP_HOST="127.0.0.1:1", HTTP_ORIGIN="http://evil.example")
    assert (status, body) == ("403 Forbidden", b"")


def test_the_live_page_runs_its_own_script_and_nothing_else() -> None:
    page = (ROOT / "load/watch/live.html").read_text(encoding="utf-8")
    found = policy(page)
    assert found.count("'sha256-") == len(re.findall("<script", page)) == page.count("</script>") > 0
    assert "unsafe-inline" not in found.partition("script-src")[2]
    assert "default-src 'none'" in found
    assert "script-src 'none'" in policy("<p>no script</p>")


def test_every_page_in_the_tree_has_a_policy() -> None:
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "reports/templates").glob("*.html.j2")]
    whole = [page for page in pages if "<html" in page]
    assert whole
    assert all("Content-Security-Policy" in page for page in whole)


@pytest.fixture(scope="module")
def mock():  # type: ignore[no-untyped-def]
    with spawn(ttft_ms=0, itl_ms=0) as running:
        yield running.url


def call(url: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url + path, data, {name.replace("_", "-"): value for name, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def test_no_page_of_others_arms_a_fault_of_the_mock(mock: str) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
        assert call(mock, "/__mock/deviate", {"deviate": ["usage-sum-mismatch"]}, **headers)[0] == 403
        assert call(mock, "/__mock/state", **headers)[0] == 403
    assert json.loads(call(mock, "/__mock/deviations")[2])["deviations"] == []
    status, headers, _ = call(mock, "/__mock/")
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("seconds", [1e308, -1e308, float("nan"), float("inf"), 10**400, 4e8])
def test_no_time_of_day_is_set_that_there_is_not(seconds: float, mock: str) -> None:
    assert call(mock, "/__mock/clock", {"advance_s": seconds})[0] == 400
    model = json.loads(call(mock, "/models", Authorization="Bearer sk-test")[2])["data"][0]["id"]
    asked = {"model": model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
    status, _, body = call(
        mock, "/chat/completions", asked, Authorization="Bearer sk-test", Content_Type="application/json"
    )
    assert status == 200, body
    assert call(mock, "/__mock/journal?since=" + "9" * 5000)[0] == 400


def test_standard_error_moves_no_terminal_and_tells_no_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    said.say(
        f"{EVIL}the target says {KEY} of http://user:password@host/x\nand more", ["check", "--api-key-env", "MY_KEY"]
    )
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert not CONTROLS & {*told}
    assert KEY not in told
    assert "password" not in told
    assert "http://host/x" in told


@pytest.mark.parametrize(
    "text", ["`](x)![i](http://evil.example/x.png)", "``", "a`b``c", "| x |", "\n# heading", "plain"]
)
def test_a_code_span_cannot_be_left(text: str) -> None:
    made = code(text)
    ticks = re.match("`+", made)
    assert ticks
    inner = made[len(ticks[0]) : -len(ticks[0])]
    assert ticks[0] not in re.findall("`+", inner)
    assert "|" not in made
    assert "\n" not in made


def test_json_for_machines_moves_no_terminal() -> None:
    text = dumps({"said": EVIL + "\x7f"})
    assert not (CONTROLS | {"\x7f"}) & {*text}
    assert json.loads(text)["said"] == EVIL + "\x7f"
