"""Every command that sends, through a forward proxy to a TLS server that wants a certificate, a header and a query; and no secret
in anything that is left behind: files, output, arguments of child processes."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn
from tests.networks import Authority, ForwardProxy, Front, listening

KEY = "sk-test-0123456789abcdef"
TEAM, CODE, WORD, PASSWORD = "team-5ecret-0815", "c0de-5ecret-0816", "pr0xy-5ecret/0817", "pass-5ecret-0818"
SECRETS = (KEY, TEAM, CODE, WORD, WORD.replace("/", "%2F"), PASSWORD)
QUERY = f"api-version=2024-10-21&code={CODE}"


class Network:
    """A mock behind TLS, behind a proxy; ``environment`` says all of it to a command."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.authority = Authority(folder, PASSWORD)
        self.mock = stack.enter_context(spawn(ttft_ms=0, itl_ms=0))
        port = int(self.mock.url.rpartition(":")[2])
        self.front, self.proxy = Front(port, self.authority.server(wants_client=True)), ForwardProxy(f"us@er:{WORD}")
        self.url = f"https://localhost:{stack.enter_context(listening(self.front))}?{QUERY}"
        place = stack.enter_context(listening(self.proxy))
        self.environment = {
            "DEEPSEEK_API_KEY": KEY,
            "HTTPS_PROXY": f"http://us%40er:{WORD.replace('/', '%2F')}@127.0.0.1:{place}",
            "NO_PROXY": "",
            "ECHOSOUNDER_TRUST_ENV": "1",
            "ECHOSOUNDER_HEADER": f"X-Team: {TEAM}\nX-Colour: light blue",
            "ECHOSOUNDER_AUTH_HEADER": "api-key",
            "ECHOSOUNDER_CA_FILE": str(self.authority.file),
            "ECHOSOUNDER_CLIENT_CERT": str(self.authority.client_cert),
            "ECHOSOUNDER_CLIENT_KEY": str(self.authority.client_key),
            "ECHOSOUNDER_CLIENT_KEY_PASSWORD": PASSWORD,
        }


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    with ExitStack() as stack:
        yield Network(tmp_path_factory.mktemp("network"), stack)


@pytest.fixture
def asked(network, monkeypatch):
    for name, value in network.environment.items():
        monkeypatch.setenv(name, value)
    network.front.heads.clear()
    network.proxy.seen.clear()
    return network


def left_behind(folder: Path, *said: str) -> list[str]:
    """Secrets found in the files of *folder* and in what was said."""
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()] + [text.encode() for text in said]
    return [secret for secret in SECRETS for text in texts if secret.encode() in text]


def arrived(network: Network) -> None:
    assert network.proxy.seen
    assert all(line.startswith("CONNECT localhost:") for line in network.proxy.seen)
    assert network.front.heads
    for head in network.front.heads:
        line, *headers = head.lower().splitlines()
        assert QUERY.lower() in line
        assert f"x-team: {TEAM}" in headers
        assert "x-colour: light blue" in headers
    assert any(f"api-key: {KEY}" in head.lower() for head in network.front.heads)
    assert not any("authorization: bearer" in head.lower() for head in network.front.heads)


LOADED = {0, 4}  # a machine that others use may spoil the figures, and says so: they are not what is looked at here
COMMANDS = {
    "check": (["check", "{url}", "--suite", "smoke"], {0}),
    "compare": (["compare", "--live", "{url}", "{url}", "--times", "1"], {0}),
    "load": (["load", "streaming", "{url}", "--duration", "1s", "--users", "4", "--output-tokens", "4"], LOADED),
    "two workers": (["load", "fim", "{url}", "--duration", "1s", "--users", "4", "--processes", "2"], LOADED),
    "rate-limit": (
        ["load", "rate-limit", "{url}", "--users", "8", "--duration", "20s", "--budget-requests", "40"],
        LOADED | {1},
    ),
    "cache-pricing": (["load", "cache-pricing", "{url}", "--duration", "60s"], LOADED | {1}),
}


@pytest.mark.parametrize(("command", "codes"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_reaches_its_target_and_leaves_no_secret_behind(asked, command, codes, tmp_path, capfd):
    found = run([word.format(url=asked.url) for word in [*command, "--out", str(tmp_path)]])
    said = capfd.readouterr()
    assert found in codes, said.err
    arrived(asked)
    assert left_behind(tmp_path, *said) == []
    [log, *_] = tmp_path.rglob("run.jsonl")
    assert "[redacted]" in log.read_text(encoding="utf-8")
    header = json.loads(log.read_text(encoding="utf-8").splitlines()[0])
    assert "api-version=2024-10-21&code=[redacted]" in header["target"]["url"]
    assert header["target"]["access"]["headers"] == ["X-Team", "X-Colour"]


def test_doctor_asks_by_the_same_way(asked, capfd):
    assert run(["doctor", asked.url]) == 0
    said = capfd.readouterr()
    assert "answers GET /models with 200" in said.out
    arrived(asked)
    assert left_behind(Path("/nonexistent"), *said) == []


def test_the_plugin_of_pytest_takes_the_same_variables(asked, tmp_path):
    suite = ["--pyargs", "echosounder.conformance.suite", "-p", "no:cacheprovider", "--echo-suite", "smoke"]
    words = [*suite, "--echo-only", "chat.*", "--echo-target", asked.url, "--echo-out", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    arrived(asked)
    assert left_behind(tmp_path, done.stdout, done.stderr) == []


def test_a_replay_takes_what_is_given_today(asked, tmp_path, capfd):
    assert run(["check", asked.url, "--suite", "smoke", "--only", "chat.*", "--out", str(tmp_path)]) == 0
    capfd.readouterr()
    assert run(["replay", str(tmp_path), "2"]) == 2
    assert "give the full URL with --url" in capfd.readouterr().err
    asked.front.heads.clear()
    assert run(["replay", str(tmp_path), "2", "--url", asked.url]) == 0
    arrived(asked)
    assert left_behind(tmp_path, *capfd.readouterr()) == []


def test_no_child_is_told_a_secret_by_its_arguments(asked, tmp_path):
    arguments, command = (
        set(),
        ["load", "streaming", "--duration", "1s", "--users", "2", "--processes", "2", "--out", str(tmp_path)],
    )
    environment = {**os.environ, "ECHOSOUNDER_URL": asked.url}
    with subprocess.Popen(
        [sys.executable, "-m", "echosounder", *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        watching = threading.Thread(target=lambda: _watch(process, arguments), daemon=True)
        watching.start()
        said = process.communicate(timeout=60)[1]
        watching.join(5)
    assert process.returncode in LOADED, said
    assert any("locust" in line for line in arguments)
    assert [secret for secret in SECRETS for line in arguments if secret in line] == []


def _watch(process: "subprocess.Popen[bytes]", arguments: set[str]) -> None:
    while process.poll() is None:
        for place in Path("/proc").glob("[0-9]*"):
            try:
                line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if "echosounder" in line or "locust" in line:
                arguments.add(line)
        time.sleep(0.1)


def test_a_killed_load_has_no_secret_in_its_parts(asked, tmp_path):
    command = ["load", "streaming", asked.url, "--duration", "30s", "--users", "2", "--out", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-m", "echosounder", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not list(tmp_path.rglob("worker-*.jsonl")):
            time.sleep(0.1)
        process.kill()
    assert list(tmp_path.rglob("options.json"))
    assert left_behind(tmp_path) == []


LEFT_OUT = {
    # what is missing: the exit codes of check and load, and what is said
    "the proxy's password": (
        {"HTTPS_PROXY": "http://127.0.0.1:{proxy}"},
        3,
        "the forward proxy answered CONNECT with 407",
    ),
    "the proxy": ({"HTTPS_PROXY": "http://127.0.0.1:1"}, 3, "refused"),
    "a proxy that we speak": ({"HTTPS_PROXY": f"socks5://u:{WORD}@h"}, 2, "not an http:// URL"),
    "the authority": ({"ECHOSOUNDER_CA_FILE": ""}, 3, "certificate"),
    "a file of the authority": ({"ECHOSOUNDER_CA_FILE": "nope.pem"}, 2, "--ca-file nope.pem: No such file"),
    "the client's certificate": ({"ECHOSOUNDER_CLIENT_CERT": "", "ECHOSOUNDER_CLIENT_KEY": ""}, 3, ""),
    "the certificate of the key": ({"ECHOSOUNDER_CLIENT_CERT": ""}, 2, "--client-key needs --client-cert"),
    "the password of the key": ({"ECHOSOUNDER_CLIENT_KEY_PASSWORD": ""}, 2, "--client-key-password-env"),
    "a header that is one": ({"ECHOSOUNDER_HEADER": TEAM}, 2, "--header number 1 is not a header"),
    "the store": ({"SSL_CERT_FILE": "/nope.pem"}, 2, "SSL_CERT_FILE names /nope.pem"),
}


@pytest.mark.parametrize(
    "command", [["check", "--suite", "smoke"], ["load", "streaming", "--duration", "1s"]], ids=["check", "load"]
)
@pytest.mark.parametrize(("changes", "code", "told"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_is_missing_is_said_in_one_line(asked, command, changes, code, told, monkeypatch, tmp_path, capfd):
    port = asked.environment["HTTPS_PROXY"].rpartition(":")[2]
    for name, value in changes.items():
        monkeypatch.setenv(name, value.format(proxy=port)) if value else monkeypatch.delenv(name)
    name, *more = command
    words = [name, *more[:1], asked.url, *more[1:]] if name == "load" else [name, asked.url, *more]
    assert run([*words, "--out", str(tmp_path)]) == code
    said = capfd.readouterr()
    assert told in said.err
    assert len([line for line in said.err.splitlines() if line.startswith("echosounder: ")]) == 1
    assert left_behind(tmp_path, *said) == []


@pytest.mark.parametrize("command", ["check", "load", "doctor"])
def test_one_trust_store_for_all(asked, command, monkeypatch, tmp_path):
    monkeypatch.delenv("ECHOSOUNDER_CA_FILE")
    words = {
        "check": ["check", asked.url, "--suite", "smoke", "--only", "chat.*", "--out", str(tmp_path)],
        "load": ["load", "streaming", asked.url, "--duration", "1s", "--users", "2", "--out", str(tmp_path)],
        "doctor": ["doctor", asked.url],
    }[command]
    assert run(words) == 3
    monkeypatch.setenv("SSL_CERT_FILE", str(asked.authority.file))
    assert run(words) in (LOADED if command == "load" else {0})


def test_plain_http_goes_through_the_proxy_as_well(asked, tmp_path, monkeypatch):
    front = Front(int(asked.mock.url.rpartition(":")[2]), None)
    with listening(front) as port:
        monkeypatch.setenv("HTTP_PROXY", asked.environment["HTTPS_PROXY"])
        monkeypatch.delenv("ECHOSOUNDER_CLIENT_CERT")
        monkeypatch.delenv("ECHOSOUNDER_CLIENT_KEY")
        url = f"http://localhost:{port}?{QUERY}"
        assert run(["check", url, "--suite", "smoke", "--only", "chat.*", "--out", str(tmp_path / "check")]) == 0
        assert (
            run(["load", "streaming", url, "--duration", "1s", "--users", "2", "--out", str(tmp_path / "load")])
            in LOADED
        )
    assert asked.proxy.seen
    assert all(f" http://localhost:{port}/" in line for line in asked.proxy.seen)
    assert left_behind(tmp_path) == []


def test_without_trust_env_nobody_asks_the_environment(asked, monkeypatch, tmp_path):
    monkeypatch.delenv("ECHOSOUNDER_TRUST_ENV")
    assert run(["check", asked.url, "--suite", "smoke", "--only", "chat.*", "--out", str(tmp_path)]) == 0
    assert asked.proxy.seen == []


def test_connecting_through_a_proxy_is_no_part_of_the_first_token(asked, tmp_path):
    assert run(["load", "streaming", asked.url, "--duration", "1s", "--users", "1", "--out", str(tmp_path)]) in LOADED
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    opened = [line for line in lines if line["kind"] == "sample" and not line.get("reused")]
    assert opened
    for sample in opened:
        assert sample["t_dispatched"] < sample["t_connected"] <= sample["t_sent"] < sample["t_first_token"]
    assert len([line for line in asked.proxy.seen if line.startswith("CONNECT")]) >= len(opened)


def test_a_settings_file_says_it_too(asked, monkeypatch, tmp_path):
    for name in list(asked.environment):
        if name.startswith("ECHOSOUNDER_") and name != "ECHOSOUNDER_CLIENT_KEY_PASSWORD":
            monkeypatch.delenv(name)
    names = ("CA_FILE", "CLIENT_CERT", "CLIENT_KEY", "AUTH_HEADER")
    lines = [
        f"{name.lower().replace('_', '-')} = {json.dumps(asked.environment[f'ECHOSOUNDER_{name}'])}" for name in names
    ]
    lines += ["trust-env = true", f'header = ["X-Team: {TEAM}", "X-Colour: light blue"]']
    file = tmp_path / "settings.toml"
    file.write_text("[check]\n" + "\n".join(lines), encoding="utf-8")
    command = ["check", asked.url, "--suite", "smoke", "--only", "chat.*", "--out", str(tmp_path / "out")]
    assert run(["--config", str(file), *command]) == 0
    arrived(asked)


def test_a_base_url_with_its_endpoint_is_taken_as_meant_and_said_once(tmp_path, capfd):
    with spawn(ttft_ms=0, itl_ms=0) as mock:
        os.environ["DEEPSEEK_API_KEY"] = KEY
        url = f"{mock.url}/chat/completions"
        assert run(["check", url, "--suite", "smoke", "--only", "chat.*", "--out", str(tmp_path / "check")]) == 0
        assert capfd.readouterr().err.count("its base is") == 1
        assert (
            run(["load", "streaming", url, "--duration", "1s", "--users", "2", "--out", str(tmp_path / "load")])
            in LOADED
        )
        assert capfd.readouterr().err.count("its base is") == 1


def test_a_proxy_under_test_is_reached_the_same_way(network, asked, tmp_path, capfd):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        upstream = probe.getsockname()[1]
    front = Front(upstream, network.authority.server(wants_client=True))
    with listening(front) as port:
        network_url = f"https://localhost:{port}?{QUERY}"
        command = [
            "check",
            "--proxy",
            network_url,
            "--upstream-port",
            str(upstream),
            "--only",
            "proxy.request-fidelity",
            "--only",
            "proxy.answer-fidelity",
        ]
        code = run([*command, "--out", str(tmp_path)])
    said = capfd.readouterr()
    assert code in {0, 1}, said.err
    assert front.heads
    assert all(f"x-team: {TEAM}" in head.lower() and QUERY in head for head in front.heads)
    assert asked.proxy.seen
    assert left_behind(tmp_path, *said) == []


def test_each_side_of_a_comparison_has_its_own_headers(network, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    port = int(network.mock.url.rpartition(":")[2])
    sides = Front(port, None), Front(port, None, b"x-key: ")
    with listening(sides[0]) as first, listening(sides[1]) as second:
        urls = [f"http://127.0.0.1:{each}" for each in (first, second)]
        command = [
            "compare",
            "--live",
            *urls,
            "--times",
            "1",
            "--header",
            "X-Side: candidate",
            "--auth-header",
            "x-key",
        ]
        command += ["--reference-header", "X-Side: reference", "--reference-auth-header", "api-key"]
        assert run([*command, "--out", str(tmp_path)]) in {0, 1}
    assert all("x-side: reference" in head.lower() and "x-key" not in head.lower() for head in sides[0].heads)
    assert all("x-side: candidate" in head.lower() and "api-key" not in head.lower() for head in sides[1].heads)
    assert sides[0].heads
    assert sides[1].heads
