"""The Locust process of a run: start, input, stop and last output."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

from echosounder.load.options import Options, secrets, told
from echosounder.load.scenarios import SCENARIOS
from echosounder.wire.children import environment

PATIENCE = 60  # s for which a master waits for its workers
MOST_WORDS = 8 * 1024 * 1024  # maximum bytes of output of workers
_ERROR = re.compile(r"[\w.]+(Error|Exception): |\[.*/(ERROR|CRITICAL)/")
LOCUSTFILE = Path(__file__).parent / "worker" / "locustfile.py"


def start(options: Options) -> "subprocess.Popen[bytes]":
    """The started process. Files of workers of an earlier run are deleted."""
    parts = options.out / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    for old in parts.glob("worker-*.jsonl"):
        old.unlink()
    options = _settled(options)
    (parts / "options.json").write_text(json.dumps(told(options)), encoding="utf-8")
    with (parts / "locust.log").open("wb") as words, _whispered(secrets(options)) as whispered:
        # A separate session, because Ctrl-C must reach only this process, which then stops in order. A separate folder,
        # because Locust and Python would read settings and modules from the user's.
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "locust", *arguments(options)],
            env=_environment(options, parts.absolute(), whispered),
            cwd=parts,
            pass_fds=(whispered,),
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _settled(options: Options) -> Options:
    """The options for a process in another folder, with a secret for the workers that it starts."""
    scenario = options.scenario if options.scenario in SCENARIOS else str(Path(options.scenario).absolute())
    paths = {
        name: path.absolute() for name in ("trace", "prompts", "out") if (path := getattr(options, name)) is not None
    }
    access = options.access
    ca_file, cert, key = (
        path and str(Path(path).absolute()) for path in (access.ca_file, access.client_cert, access.client_key)
    )
    access = replace(access, ca_file=ca_file, client_cert=cert, client_key=key)
    return replace(options, **paths, scenario=scenario, access=access, run_secret=options.run_secret or token_hex(32))


def _environment(options: Options, parts: Path, whispered: int) -> dict[str, str]:
    """The environment of the Locust process, without secrets and Locust's own settings, which it also reads from the home directory."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if given.get(name):
            given[name] = str(Path(given[name]).absolute())
    return {
        **environment(given, options.target.redactor(options.api_key, options.run_secret)),
        "HOME": str(parts),
        "PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path if path),
        "ECHOSOUNDER_LOAD_OPTIONS": str(parts / "options.json"),
        "ECHOSOUNDER_LOAD_WHISPERED": str(whispered),
        "LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP": "0",  # carrier users report nothing
    }


@contextmanager
def _whispered(text: str) -> Iterator[int]:
    """A descriptor from which a child can read *text* once, because other users can read arguments and environments."""
    read, write = os.pipe()
    try:
        with os.fdopen(write, "w", encoding="utf-8") as pipe:
            pipe.write(text)
        yield read
    finally:
        os.close(read)


def arguments(options: Options) -> list[str]:
    """Locust's command line: one carrier user per worker."""
    command = ["-f", str(LOCUSTFILE), "--only-summary"]
    if options.worker:
        host, port = options.worker.rsplit(":", 1)
        return [*command, "--headless", "--worker", "--master-host", host, "--master-port", port]
    command += ["-u", str(options.workers), "-r", str(options.workers), "--expect-workers-max-wait", str(PATIENCE)]
    if options.web is None:
        command += ["--headless"]
    else:
        command += ["--autostart", "--autoquit", "0", "--web-host", "127.0.0.1", "--web-port", str(options.web)]
    if options.master:
        host, port = options.master.rsplit(":", 1)
        command += ["--master", "--master-bind-host", host, "--master-bind-port", port]
        command += ["--expect-workers", str(options.workers)]
    elif options.processes > 1:
        port = str(_free_port())
        command += [
            "--processes",
            str(options.processes),
            "--master-bind-host",
            "127.0.0.1",
            "--master-bind-port",
            port,
        ]
        command += ["--master-host", "127.0.0.1", "--master-port", port]
    return command


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def close(process: "subprocess.Popen[bytes]") -> None:
    """End the workers' standard input, which is the signal to stop."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Tell the workers to stop: they abandon requests in flight, write their samples, and end. Workers that take more
    than 10 s are killed.
    """
    close(process)
    try:
        process.wait(10)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def hush(options: Options) -> None:
    """Keep the output of Locust and the workers, with secrets removed."""
    path = options.out / "parts" / "locust.log"
    redact = options.target.redactor(options.api_key, options.run_secret)
    with suppress(OSError):
        if path.stat().st_size <= MOST_WORDS and redact.holds(words := path.read_bytes()):
            path.write_bytes(redact.data(words))
        elif path.stat().st_size > MOST_WORDS:
            os.truncate(path, 0)


def last_words(out: Path) -> str:
    """The reason why no worker started, if known."""
    try:
        lines = (out / "parts" / "locust.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "it said nothing"
    own = [line for line in lines if line.startswith("echosounder:")]
    errors = [line for line in lines if _ERROR.match(line)]  # Locust prints its statistics after them
    return (own or errors or lines or ["it said nothing"])[-1]
