"""The docs are part of the program: generated pages are fresh, links lead somewhere, and every command block runs.

A comment at the end of a line says how the command ends when not with 0: ``# exit 1``, or ``# exit any`` where that is the
target's business. ``echosounder mock`` stays up for the rest of its page; addresses are moved to free ports.
"""

import importlib.util
import os
import re
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from echosounder.mock_server.net.process import spawn

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
ENDS = re.compile(r"\s*#(?: exit (?P<code>\d|any))?.*$")


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("path", "text"), [pytest.param(path, text, id=path.name) for path, text in generator().pages().items()]
)
def test_generated_pages_are_fresh(path, text):
    assert path.read_text(encoding="utf-8") == text, "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    assert [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()] == []


def commands(page):
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            found = ENDS.search(line) if "#" in line else None
            command = line[: found.start()].strip() if found else line.strip()
            if command:
                yield command, (found and found["code"]) or "0"


WITH_COMMANDS = [page for page in PAGES if list(commands(page))]


@pytest.mark.docs
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_every_command_ends_as_the_page_says(page, tmp_path):
    (tmp_path / "baseline.toml").touch()
    with ExitStack() as stack:
        session = Session(stack, tmp_path)
        for command, expected in commands(page):
            session.run(command, expected)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Session:
    """A shell for one page: exported variables last, servers stay up."""

    def __init__(self, stack, folder):
        self.stack, self.folder = stack, folder
        bin = ROOT / ".venv/bin"
        self.env = os.environ | {
            "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}",
            "DEEPSEEK_API_KEY": "sk-any-key-will-do",
        }
        self.server = None

    def run(self, command, expected):
        if command.startswith("make"):
            subprocess.run(["make", "--dry-run", *command.split()[1:]], cwd=ROOT, check=True, capture_output=True)
        elif command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self.env[name] = value.replace("…", "0123456789")
        elif "echosounder mock" in command:
            self.serve(command)
        else:
            self.execute(self.moved(command), expected)

    def serve(self, command):
        deviate = tuple(re.findall(r"--deviate (\S+)", command))
        self.server = self.stack.enter_context(spawn(deviate=deviate)).url

    def moved(self, command):
        if "--proxy" in command:  # the mock as a reverse proxy that changes nothing
            port = free_port()
            relay = self.stack.enter_context(spawn(upstream=f"http://127.0.0.1:{port}"))
            command = command.replace("http://localhost:4000", relay.url).replace("9000", str(port))
        elif "http" in command:
            self.server = self.server or self.stack.enter_context(spawn()).url
            command = re.sub(r"https?://(localhost:8000|api\.deepseek\.com)", self.server, command)
        return command.replace(".venv/bin/", "")

    def execute(self, command, expected):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        allowed = {0, 1} if expected == "any" else {int(expected)}
        assert done.returncode in allowed, f"$ {command}\n{done.stdout}\n{done.stderr}"
