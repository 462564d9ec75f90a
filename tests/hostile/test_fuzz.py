"""Answers and files with anything in any place of theirs: a verdict or one line, never a traceback, never "our fault"."""

import contextlib
import io
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from echosounder import reports
from echosounder.__main__ import run
from echosounder.conformance.probe_choice import PROBES
from echosounder.judgement.report import report
from echosounder.judgement.score import score
from echosounder.load.client.call import ActiveCall, Job, sample
from echosounder.load.client.stamps import Stamps
from echosounder.load.sample import decoded, encoded
from echosounder.wire.exchange import Exchange, Read
from echosounder.wire.runlog import Run, read
from tests.hostile.fuzzing import LEAVES, mutated, seed, spoilt_bytes, written

HEADERS = ("retry-after", "location", "content-length", "content-encoding", "content-type", "date", "x-request-id")
STATUSES = (0, 99, 200, 204, 301, 304, 400, 401, 402, 404, 429, 500, 503, 999)
OURS = "mistake of Echosounder"
MANY = pytest.param(100_000, marks=[pytest.mark.field, pytest.mark.timeout(7200)])  # an hour or so
AMOUNTS = pytest.mark.parametrize("amount", [300, MANY])
"""Cases of each test: others with every change, and many where there is time."""


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs of each kind against the bundled mock."""
    folder = tmp_path_factory.mktemp("honest")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert run(["check", "--suite", "smoke", "--format", "all", "--out", str(folder / "check")]) == 0
        assert run(["load", "streaming", "--users", "2", "--duration", "500ms", "--out", str(folder / "load")]) in {
            0,
            4,
        }
    return {"check": folder / "check", "load": folder / "load"}


def hostile(exchange: Exchange, dice: random.Random) -> Exchange:
    """*exchange* with something else in its body, in an event, in a header or in its status."""
    if not exchange.reads:
        return exchange
    body, headers = spoilt(exchange, dice), exchange.headers
    if dice.random() < 0.4:
        text = str(dice.choice([leaf for leaf in LEAVES if isinstance(leaf, str)]))
        headers = ((dice.choice(HEADERS), text), *headers)
    status = dice.choice((*[exchange.status] * 10, *STATUSES))
    cut = dice.randrange(len(body) + 1)
    reads = (Read(exchange.reads[0].at, body[:cut]), Read(exchange.reads[-1].at, body[cut:]))
    return replace(exchange, reads=reads, headers=headers, status=status)


def spoilt(exchange: Exchange, dice: random.Random) -> bytes:
    if exchange.streamed and dice.random() < 0.8:
        events = exchange.body.split(b"\n\n")
        at = dice.randrange(len(events))
        start, _, data = events[at].partition(b"data: ")
        parsed = json.loads(data) if data.startswith(b"{") else None
        events[at] = (
            spoilt_bytes(events[at], dice) if parsed is None else start + b"data: " + written(mutated(parsed, dice))
        )
        return b"\n\n".join(events)
    if exchange.json is not None and dice.random() < 0.8:
        return written(mutated(exchange.json, dice))
    return spoilt_bytes(exchange.body, dice)


def judged(log: Run, number: int) -> list[str]:
    """What went wrong on our side with answers spoilt by this seed."""
    dice = random.Random(number)
    spoiled = replace(
        log, exchanges=tuple(hostile(each, dice) if dice.random() < 0.7 else each for each in log.exchanges)
    )
    results = score(spoiled, PROBES)
    document = report(spoiled, results)
    for format in reports.FORMATS:
        text = reports.render(format, document, spoiled)
        assert "\x1b" not in text
        assert "\u202e" not in text
    return [
        f"seed {number}: {result.requirement}: {result.note}" for result in results if str(result.verdict) == "error"
    ]


@AMOUNTS
def test_answers_with_anything_in_any_place_are_judged(amount: int, honest: dict[str, Path]) -> None:
    log, begun = read(honest["check"]), seed()
    found = [said for number in range(begun, begun + amount // len(log.exchanges)) for said in judged(log, number)]
    assert found == []


@AMOUNTS
def test_logs_and_reports_with_anything_in_any_place_end_in_one_line(
    amount: int, honest: dict[str, Path], tmp_path: Path
) -> None:
    wrong = Counter[str]()
    for kind, folder in honest.items():
        records = [json.loads(line) for line in (folder / "run.jsonl").read_text(encoding="utf-8").splitlines()]
        document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        for number in range(seed(), seed() + amount // 60):
            wrong.update(crafted(tmp_path / kind, folder, records, document, random.Random(number)))
    assert wrong == {}


def crafted(out: Path, origin: Path, records: list[Any], document: Any, dice: random.Random) -> list[str]:
    """A log and a report with something else in them, given to two commands: what none of them may do."""
    out.mkdir(exist_ok=True)
    spoiled = [mutated(each, dice) if dice.random() < 2 / len(records) else each for each in records]
    data = b"\n".join(map(written, spoiled)) + b"\n"
    (out / "run.jsonl").write_bytes(spoilt_bytes(data, dice) if dice.random() < 0.1 else data)
    (out / "report.json").write_bytes(written(mutated(document, dice) if dice.random() < 0.4 else document))
    lines = [["score", str(out)], ["compare", str(out), str(origin)], ["matrix", str(out), "--out", str(out / "m")]]
    lines += [
        ["replay", str(out), "2"],
        ["history", str(out.parent)],
        ["report", str(out), "--samples", str(out / "s.csv")],
    ]
    lines += [["report", str(out), "--format", name] for name in reports.FORMATS]
    return [complaint for line in dice.sample(lines, 2) for complaint in complaints(line)]


def complaints(line: list[str]) -> list[str]:
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
        code = run(line)
    said = heard.getvalue()
    wrong = [f"{line[0]}: exit code {code}"] if code not in {0, 1, 2, 3, 4} else []
    wrong += [f"{line[0]}: {said[said.index(OURS) :][:120]}"] if OURS in said else []
    return wrong + ([f"{line[0]}: a raw escape"] if {"\x1b", "\u202e"} & {*said} else [])


@AMOUNTS
@pytest.mark.parametrize("format", ["chat", "fim", "messages", "responses"])
def test_the_load_client_takes_anything(format: str, amount: int, honest: dict[str, Path]) -> None:
    exchanges = [each for each in read(honest["check"]).exchanges if each.format == format and each.status == 200]
    for number in range(seed(), seed() + amount):
        dice = random.Random(number)
        exchange = dice.choice(exchanges)
        body = spoilt(exchange, dice)
        kind = b"text/event-stream" if exchange.streamed else b"application/json"
        text = str(dice.choice([leaf for leaf in LEAVES if isinstance(leaf, str)])).encode("utf-8", "replace")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nRetry-After: %b\r\nContent-Length: %d\r\n\r\n" % (
            kind,
            text,
            len(body),
        )
        data = spoilt_bytes(head + body, dice) if dice.random() < 0.3 else head + body
        call = ActiveCall(
            "0-1", Job("n", exchange.request.path, b"{}", exchange.streamed, format=format), 0, 0, keep=True
        )
        at = dice.randrange(len(data) + 1)
        for part in (data[:at], data[at:]):
            call.take(part, 5, [])
            call.end = call.digest(Stamps(False)) or call.end
        made = sample(call)
        assert decoded(encoded(made)) == made
        assert (
            max(len(text) for text in (made.error, made.model or "", made.retry_after or "", made.finish or "")) <= 200
        )
