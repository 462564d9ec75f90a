"""The process that judges observed traffic: ``python -m echosounder.listening``. Standard input holds the settings as a
line of JSON, then the tape of the traffic.

It writes the log and, periodically and at the end, the reports; JSON lines on standard output hold the counts so far.
It runs until the tape ends, even if the forwarding process was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from echosounder import reports
from echosounder.conformance.listen.reassembly import Assembly
from echosounder.conformance.listen.tape import frames
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.report import NO_BASELINE
from echosounder.listening.witness import Bodies, Witness
from echosounder.reports.source import read
from echosounder.wire.header import Header

TELL_S, PAGE_S = 0.25, 5.0


class JudgeSettings(msgspec.Struct, frozen=True):
    """Settings that the forwarding process passes to the judging process."""

    folder: str
    header: Header
    policy: str = "interop"
    bodies: Bodies = Bodies.FINDINGS
    keep: int = 1 << 30
    base: str = ""
    baseline: str | None = None


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C stops the forwarding process; this one ends with the tape
    os.nice(5)
    source = sys.stdin.buffer
    settings = msgspec.json.decode(source.readline(), type=JudgeSettings)
    folder = Path(settings.folder)
    witness = Witness(folder, settings.header, settings.policy, settings.bodies, settings.keep)
    assembly = Assembly(settings.base)
    baseline = Baseline.load(Path(settings.baseline)) if settings.baseline else NO_BASELINE
    over = threading.Event()
    telling = threading.Thread(target=_telling, args=(witness, assembly, over), daemon=True)
    telling.start()
    more = _listen(source, witness, assembly, _publisher(folder))
    document = witness.report(more, baseline)
    footer = {"traffic": {name: value for name, value in more.items() if name != "ended"}}
    witness.log.close(footer | ({} if more["ended"] else {"interrupted": "the forwarding process was killed"}))
    _write(folder, document)
    over.set()
    telling.join()
    _tell(witness, assembly, over=True)


def _listen(
    source: BinaryIO, witness: Witness, assembly: Assembly, publish: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    shown = time.monotonic()
    for frame in frames(source):
        if frame.connection == 0:  # the final message of the forwarding process
            return _more(witness, assembly) | {"ended": True, "relay": json.loads(frame.data)}
        for exchange in assembly.feed(frame):
            witness.take(exchange)
        now = time.monotonic()
        if now - shown > PAGE_S:
            shown = now
            publish(witness.report(_more(witness, assembly) | {"under_way": True}))
    return _more(witness, assembly) | {"ended": False}


def _more(witness: Witness, assembly: Assembly) -> dict[str, Any]:
    seen = assembly.seen
    reason = f"{witness.log.unwritten} records could not be written: {witness.log.reason}" if witness.log.reason else ""
    if not witness.counts.requests and seen.unreached:
        reason = f"the upstream was never reached: {seen.reason}"
    return {
        "open": assembly.under_way(),
        "not_kept": seen.lost,
        "not_http": seen.opaque,
        "unreached": seen.unreached,
        "reason": reason,
    }


def _publisher(folder: Path) -> Callable[[dict[str, Any]], None]:
    def publish(document: dict[str, Any]) -> None:
        page = reports.render("html", document, None)
        _replace(folder / "report.html", page.replace("<head>", '<head><meta http-equiv="refresh" content="5">', 1))

    return publish


def _replace(path: Path, text: str) -> None:
    """Replace a file atomically, because it may be read meanwhile."""
    try:
        fresh = path.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError:
        return  # the live page is optional; a full disk is reported at the end


def _write(folder: Path, document: dict[str, Any]) -> None:
    try:
        reports.write_all(folder, document, read(folder, document))
    except OSError as error:
        print(json.dumps({"unwritten": error.strerror}), flush=True)


def _telling(witness: Witness, assembly: Assembly, over: threading.Event) -> None:
    """Report the counts periodically, with or without traffic."""
    while not over.wait(TELL_S):
        _tell(witness, assembly)


def _tell(witness: Witness, assembly: Assembly, over: bool = False) -> None:
    counts, seen = witness.counts, assembly.seen
    line = {
        "requests": counts.requests,
        "streams": counts.streams,
        "broken": counts.broken,
        "cancelled": counts.cancelled,
        "open": assembly.under_way(),
        "not_kept": seen.lost,
        "unreached": seen.unreached,
        "unwritten": witness.log.reason,
        "worst": [id for id, _ in _worst(witness)],
        "over": over,
    }
    try:
        print(json.dumps(line), flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # nobody listens any more; the log goes on


def _worst(witness: Witness) -> list[tuple[str, int]]:
    failed = {key[0]: count for key, count in list(witness.rates.failed.items()) if not key[1]}
    return sorted(failed.items(), key=lambda item: -item[1])[:5]


if __name__ == "__main__":
    main()
